package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// buffers is the buffer pool of the proxy.
type buffers struct{ pool sync.Pool }

// Get returns a buffer of 32 KiB.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

// Put returns a buffer to the pool.
func (b *buffers) Put(used []byte) { b.pool.Put(&used) }

// bareProxy returns the baseline of the gateway: httputil.ReverseProxy with
// persistent connections and a buffer pool, without any gateway function. It maps
// batch paths to the same backend paths as the gateway.
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
