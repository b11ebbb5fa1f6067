package httpserver

import (
	"time"

	"github.com/huleedu/edge/domain"
)

// UploadsConfig holds the limits of one upload.
type UploadsConfig struct {
	// MaxBytes bounds the whole body of an upload, in bytes.
	MaxBytes int64 `env:"API_GATEWAY_MAX_UPLOAD_SIZE" envDefault:"104857600" alias:"MAX_UPLOAD_SIZE"`
	// MaxFiles bounds the files of one upload.
	MaxFiles int `env:"API_GATEWAY_MAX_UPLOAD_FILES" envDefault:"50"`
	// Timeout bounds an upload from its first byte to the file service's answer.
	Timeout time.Duration `env:"API_GATEWAY_UPLOAD_TIMEOUT" envDefault:"900"`
	// StallTimeout bounds the time without progress of an upload: the client sends nothing,
	// or the file service reads or answers nothing.
	StallTimeout time.Duration `env:"API_GATEWAY_UPLOAD_STALL_TIMEOUT" envDefault:"60"`
}

// Problems reports every invalid limit.
func (c UploadsConfig) Problems(domain.Environment) []error {
	return requirePositive("API_GATEWAY_", "must be greater than zero", []bound{
		{"MAX_UPLOAD_SIZE", c.MaxBytes},
		{"MAX_UPLOAD_FILES", int64(c.MaxFiles)},
		{"UPLOAD_TIMEOUT", int64(c.Timeout)},
		{"UPLOAD_STALL_TIMEOUT", int64(c.StallTimeout)},
	})
}
