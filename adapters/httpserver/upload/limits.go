package upload

import "time"

const (
	// maxUserUploads bounds the uploads of one user that are in progress, also those that
	// have not reached the file service.
	maxUserUploads = 4
	// retryAfter is the Retry-After of a refused upload.
	retryAfter = time.Second
)

// Limits bound one upload.
type Limits struct {
	// MaxBytes bounds the whole body, in bytes.
	MaxBytes int64
	// MaxFiles bounds the files of a form.
	MaxFiles int
	// Timeout bounds the time from the start of the request to the service's answer.
	Timeout time.Duration
	// StallTimeout bounds the time without progress on either side.
	StallTimeout time.Duration
}
