// Package upload streams the forms of uploads to the file service and checks them on the
// way. Memory does not grow with a form. The service receives a complete form only if all
// of it is valid.
package upload

import (
	"math"

	"github.com/huleedu/edge/adapters/httpserver/proxy"
	"github.com/huleedu/edge/adapters/httpserver/requestbody"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// Uploader sends uploads to the file service. It is safe for concurrent use.
type Uploader struct {
	files   *proxy.Backend
	headers proxy.HeaderRules
	limits  Limits
	users   *proxy.UserLimiter
}

// New creates an Uploader for the file service.
func New(files *proxy.Backend, headers proxy.HeaderRules, limits Limits) *Uploader {
	return &Uploader{files: files, headers: headers, limits: limits, users: proxy.NewUserLimiter(math.MaxInt, maxUserUploads)}
}

// Upload streams the form of a request to the file service and returns the service's
// acceptance, 201 or 202. It returns VALIDATION_ERROR for an invalid form, the
// translation of a refusal, and requestbody.ErrClientLeft. It may return before the body
// was read to its end.
func (u *Uploader) Upload(in proxy.Request) (ports.Passthrough, error) {
	if in.ContentLength > u.limits.MaxBytes {
		return ports.Passthrough{}, requestbody.TooLarge(u.limits.MaxBytes)
	}
	boundary, err := formBoundary(in.Header)
	if err != nil {
		return ports.Passthrough{}, err
	}
	if err := u.files.Available(); err != nil {
		return ports.Passthrough{}, err
	}
	release, ok := u.users.Acquire(in.Caller.User)
	if !ok {
		return ports.Passthrough{}, domain.Unavailable(domain.FileService, retryAfter).WithOp("httpserver.upload")
	}
	defer release()
	t := newTransfer(u.files, u.headers, u.limits, in, boundary)
	defer t.close()
	go t.copyForm()
	return t.run()
}
