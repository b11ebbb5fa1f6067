package httpserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/httpserver"
	"github.com/huleedu/edge/domain"
)

// TestDevelopmentAllowsLocalPages checks that the gateway allows every local page in
// development only.
func TestDevelopmentAllowsLocalPages(t *testing.T) {
	t.Parallel()
	for name, want := range map[domain.Environment]string{domain.Development: "http://127.0.0.1:9", domain.Staging: ""} {
		w := newEnvironment(t, func(_ *environment, p *httpserver.GatewayParts) { p.Environment = name })
		r := call(t, http.MethodGet, w.base+"/healthz", "", "Origin: http://127.0.0.1:9")
		assert.Equal(t, want, r.Header.Get("Access-Control-Allow-Origin"), name)
	}
}

// TestRefusedOriginIsLogged checks that a refused origin is logged once, with the name of
// the setting.
func TestRefusedOriginIsLogged(t *testing.T) {
	t.Parallel()
	long := "http://" + strings.Repeat("x", 5000)
	for setting, w := range map[string]*environment{
		"API_GATEWAY_CORS_ORIGINS": newEnvironment(t), "CORS_ORIGINS": newSocketEnvironment(t, hijacking, nil),
	} {
		for range 2 {
			call(t, http.MethodGet, w.base+"/healthz", "", otherOrigin)
			call(t, http.MethodOptions, w.base+"/healthz", "", otherOrigin, "Access-Control-Request-Method: GET")
			call(t, http.MethodGet, w.base+"/healthz", "", "Origin: "+long)
			call(t, http.MethodGet, w.base+"/healthz", "", "Origin: \u202e\"http://\xff")
			call(t, http.MethodGet, w.base+"/healthz", "", page)
			call(t, http.MethodPost, w.base+"/healthz", "", "Origin: "+w.base) // the same origin
		}
		assert.Equal(t, 3, w.log.Count(`"level":"WARN"`), w.log.String())
		assert.Equal(t, 3, w.log.Count(`"setting":"`+setting+`"`))
		assert.Contains(t, w.log.String(), `"origin":"http://evil.example"`)
		assert.Contains(t, w.log.String(), `"origin":"\\u202e\\\"http://\\xff"`)
		assert.NotContains(t, w.log.String(), strings.Repeat("x", 200))
	}
}

// TestRefusedHandshakeIsLogged checks that a handshake from the service's own host is
// logged, because handshakes need permission from every origin.
func TestRefusedHandshakeIsLogged(t *testing.T) {
	t.Parallel()
	w := newSocketEnvironment(t, hijacking, nil)
	sendRaw(t, w.Addr(), "GET /ws HTTP/1.1\r\nOrigin: https://h"+strings.TrimPrefix(handshake, " HTTP/1.1"))
	assert.Contains(t, w.log.String(), `"origin":"https://h","setting":"CORS_ORIGINS"`)
}

func TestRefusedOriginsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen httpserver.RefusedOrigins
		for i := range 1000 {
			require.Equal(t, i < 100, seen.Add(fmt.Sprint(i)), "at most 100 lines a minute")
		}
		time.Sleep(59 * time.Second)
		require.False(t, seen.Add("0"))
		require.False(t, seen.Add("other"))
		time.Sleep(time.Second)
		require.True(t, seen.Add("other"))
		require.True(t, seen.Add("0"))
		require.False(t, seen.Add("0"))
	})
}
