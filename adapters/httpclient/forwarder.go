package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/huleedu/edge/domain"
)

// Forwarder carries requests that are passed on as they are to one service
// behind the gateway, and its answers back. It adds nothing to them: identity
// and trace are the affair of whoever passes them on.
//
// Its errors are those of the ports: CONNECTION_ERROR, TIMEOUT or
// INVALID_RESPONSE, also from the body of an answer that ends too early. A
// caller who left shows as context.Canceled in the error's chain.
type Forwarder struct{ service *service }

var _ http.RoundTripper = (*Forwarder)(nil)

// NewForwarder returns the way to the service of that name, with a pool of its
// own; it connects to nothing yet. CloseIdleConnections gives its connections
// back.
func NewForwarder(name string, c Config) *Forwarder {
	return &Forwarder{&service{
		name: name, http: client(newTransport(c.ConnectTimeout)), limit: c.Timeout, connect: c.ConnectTimeout,
	}}
}

// CloseIdleConnections gives idle connections back. Calls in flight are not
// disturbed.
func (f *Forwarder) CloseIdleConnections() { f.service.http.CloseIdleConnections() }

// RoundTrip makes one exchange, which must end within the service's limit,
// the answer's last byte included.
func (f *Forwarder) RoundTrip(req *http.Request) (*http.Response, error) {
	limit := f.service.budget(req.Context(), call{})
	ctx, cancel := context.WithTimeout(req.Context(), limit)
	a := &attempt{service: f.service, limit: limit}
	res, err := f.service.http.Transport.RoundTrip(req.WithContext(a.watch(ctx)))
	if err != nil {
		defer cancel()
		return nil, a.failure(ctx, err)
	}
	res.Body = &forwardedBody{body: res.Body, fails: func(err error) error { return a.failure(ctx, err) }, ends: cancel}
	return res, nil
}

// forwardedBody is an answer's body whose failures are told in the ports'
// words.
type forwardedBody struct {
	body  io.ReadCloser
	fails func(error) error
	ends  context.CancelFunc
}

func (b *forwardedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, b.fails(err)
}

// Close ends the exchange.
func (b *forwardedBody) Close() error {
	defer b.ends()
	if err := b.body.Close(); err != nil {
		return domain.Unknown(err).At("httpclient.Close")
	}
	return nil
}
