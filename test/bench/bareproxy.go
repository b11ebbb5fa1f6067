package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// buffers lends the proxy what it copies through.
type buffers struct{ pool sync.Pool }

// Get lends a buffer.
func (b *buffers) Get() []byte {
	if kept, ok := b.pool.Get().(*[]byte); ok {
		return *kept
	}
	return make([]byte, 32<<10)
}

// Put takes it back.
func (b *buffers) Put(used []byte) { b.pool.Put(&used) }

// bareProxy is the gateway's baseline: the standard reverse proxy with
// connections that are kept and buffers that are reused, and nothing of what a
// gateway is for. It asks the backend under the path that the gateway uses.
func bareProxy(to string) (http.Handler, error) {
	target, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			if strings.HasPrefix(r.In.URL.Path, "/v1/batches/") {
				r.Out.URL.Path, r.Out.URL.RawPath = "/internal"+r.In.URL.Path, ""
			}
		},
		Transport: &http.Transport{
			MaxIdleConns: 2048, MaxIdleConnsPerHost: 2048, IdleConnTimeout: time.Minute, DisableCompression: true,
		},
		BufferPool: &buffers{},
	}, nil
}
