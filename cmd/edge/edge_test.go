package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/test/servers"
)

// running is an "edge up" and where it listens.
type running struct {
	*shell

	gateway, websockets string
}

// up starts everything on free ports.
func up(t *testing.T, args ...string) running {
	t.Helper()
	all := append([]string{
		"up", "--gateway", "127.0.0.1:0", "--websocket", "127.0.0.1:0",
		"--redis-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0", "--pace", "200ms",
	}, args...)
	s := open(t, map[string]string{
		"WEBSOCKET_DRAIN_SPREAD": "0",
		// A shared Redis counts what other tests are refused from this address.
		"API_GATEWAY_RATE_LIMIT_REFUSED": "100000", "WEBSOCKET_REFUSED_TOKENS_PER_MINUTE": "0",
	}, all...)
	r := running{s, s.sees(t, `gateway +(http://\S+)`)[1], s.sees(t, `notifications +(ws://\S+)`)[1]}
	s.sees(t, `Ctrl-C ends\.\n`)
	return r
}

// TestUpOnRealServers is alone with the platform's own consumer group there, so
// it is one test.
func TestUpOnRealServers(t *testing.T) {
	r := up(t, "--redis", servers.Redis(t), "--kafka", servers.Kafka(t))
	require.Contains(t, r.out.String(), "the one given")
	require.NotContains(t, r.out.String(), servers.Redis(t), "it may hold a password")
	journey(t, r)
}

func TestUpOnEmbeddedServers(t *testing.T) {
	r := up(t)
	require.Contains(t, r.out.String(), "embedded")
	journey(t, r)
}

// journey does what the greeting proposes, in three shells.
func journey(t *testing.T, r running) {
	t.Helper()
	listening := open(t, nil, "listen", "teacher-anna", "--url", r.websockets)
	listening.sees(t, `connected\n`)
	asJSON := open(t, nil, "listen", "teacher-anna", "--json", "--url", r.websockets)

	ran := open(t, nil, "pipeline", "batch-anna-1", "cj_assessment", "--user", "teacher-anna", "--url", r.gateway)
	require.Equal(t, 0, ran.code(t), "%s%s", ran.out, ran.errs)
	require.Regexp(t, `^batch-anna-1: accepted \(correlation id [0-9a-f-]{36}\)\n`, ran.out.String())
	require.Contains(t, ran.out.String(), "processing")
	require.Contains(t, ran.out.lines()[len(ran.out.lines())-1], "completed_successfully   4 of 4 essays")
	require.Empty(t, ran.errs.String())

	listening.sees(t, `\d\d:\d\d:\d\d  batch_processing_started +low  batch-anna-1  requested_pipeline=cj_assessment\n`)
	listening.sees(t, `essay_status_updated .*essay_id=batch-anna-1-essay-1`)
	listening.sees(t, `batch_results_ready +high  batch-anna-1`)
	asJSON.sees(t, `"event":"batch_results_ready"`)
	for _, line := range asJSON.out.lines() {
		require.True(t, json.Valid([]byte(line)), "nothing but frames: %s", line)
	}
	refusals(t, r)

	for _, s := range []*shell{listening, asJSON, r.shell} {
		require.Equal(t, 0, s.ctrlC(t), "%s%s", s.out, s.errs)
		require.NotContains(t, s.errs.String(), "edge: ")
	}
}

// refusals are printed for a person, over a few lines, without JSON.
func refusals(t *testing.T, r running) {
	t.Helper()
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"foreign batch": {
			[]string{"pipeline", "batch-anna-1", "nlp", "--user", "teacher-bo", "--url", r.gateway},
			[]string{"edge: Ownership violation: batch does not belong to user (AUTHORIZATION_ERROR, 403)", "batch_id: batch-anna-1", "correlation id: "},
		},
		"unknown pipeline": {
			[]string{"pipeline", "batch-anna-1", "magic", "--user", "teacher-anna", "--url", r.gateway},
			[]string{"edge: Input should be 'spellcheck'", "(VALIDATION_ERROR, 422)"},
		},
		"no credits": {
			[]string{"pipeline", "batch-cecilia-1", "cj_assessment", "--user", "teacher-cecilia", "--url", r.gateway},
			[]string{"edge: refused with 402", "insufficient_credits"},
		},
		"bad token at the gateway": {
			[]string{"pipeline", "batch-anna-1", "nlp", "--token", "nonsense", "--url", r.gateway},
			[]string{"edge: Invalid token (AUTHENTICATION_ERROR, 401)", "cause: malformed"},
		},
		"bad token at the socket": {
			[]string{"listen", "teacher-anna", "--token", "nonsense", "--url", r.websockets},
			[]string{"edge: Invalid token (AUTHENTICATION_ERROR, close 1008)"},
		},
		"nobody there": {
			[]string{"pipeline", "batch-anna-1", "nlp", "--user", "teacher-anna", "--url", "http://127.0.0.1:1"},
			[]string{"edge: the gateway does not answer"},
		},
		"no user": {
			[]string{"pipeline", "batch-anna-1", "nlp", "--url", r.gateway},
			[]string{"edge: a token needs --user or --token"},
		},
	} {
		s := open(t, nil, c.args...)
		require.Equal(t, 1, s.code(t), name)
		for _, want := range c.want {
			require.Contains(t, s.errs.String(), want, name)
		}
	}
}

// TestTokenIsBelieved: what "edge token" prints opens the gateway.
func TestTokenIsBelieved(t *testing.T) {
	r := up(t)
	s := open(t, nil, "token", "teacher-anna", "--org", "school-north", "--ttl", "5m")
	require.Equal(t, 0, s.code(t))
	require.Len(t, s.out.lines(), 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.gateway+"/v1/test/with-auth", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.out.lines()[0])
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)

	other := open(t, map[string]string{"JWT_SECRET_KEY": "another-secret"}, "pipeline", "batch-anna-1", "nlp", "--user", "teacher-anna", "--url", r.gateway)
	require.Equal(t, 1, other.code(t))
	require.Contains(t, other.errs.String(), "cause: signature")
	require.Equal(t, 0, r.ctrlC(t))
}

func TestUpRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		args []string
		want string
	}{
		"production":      {map[string]string{"ENVIRONMENT": "production"}, nil, `edge: "edge up" is for development: it does not run with ENVIRONMENT=production`},
		"bad address":     {nil, []string{"--gateway", "nowhere"}, "edge: --gateway: "},
		"bad redis":       {nil, []string{"--redis", "nowhere"}, "redis"},
		"extra words":     {nil, []string{"now"}, "edge: unknown command"},
		"unknown flag":    {nil, []string{"--fast"}, "edge: unknown flag: --fast"},
		"foreign address": {nil, []string{"--gateway", "127.0.0.1:0", "--websocket", "192.0.2.1:80"}, "cannot assign requested address"},
		"bad settings": {
			map[string]string{"WEBSOCKET_PING_INTERVAL": "often", "API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "soon"},
			nil,
			"edge: these settings cannot be used:\n" +
				"  API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS: must be a number of seconds, or a duration such as 30s or 5m\n" +
				"  WEBSOCKET_PING_INTERVAL: must be a number of seconds, or a duration such as 30s or 5m\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, c.vars, append([]string{"up", "--redis-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"}, c.args...)...)
			require.Equal(t, 1, s.code(t), "%s", s.out)
			require.Contains(t, s.errs.String(), "edge: ")
			require.Contains(t, s.errs.String(), c.want)
		})
	}
}

// TestListenIsPatient: a service that is not there yet is waited for, and
// waiting can be interrupted.
func TestListenIsPatient(t *testing.T) {
	s := open(t, nil, "listen", "teacher-anna", "--url", "ws://127.0.0.1:1/ws")
	s.sees(t, `disconnected: .*; again in .*ms\n`)
	s.sees(t, `(?s)again in .*again in `)
	require.Equal(t, 0, s.ctrlC(t))
}

func TestHelpNamesEveryCommand(t *testing.T) {
	s := open(t, nil, "--help")
	require.Equal(t, 0, s.code(t))
	for _, command := range []string{"up", "token", "listen", "pipeline", "notify", "disconnect", "sessions", "config"} {
		require.Regexp(t, `\n  `+command+` +[A-Z]`, s.out.String())
	}
	bad := open(t, nil, "token", strings.Repeat("x", 300))
	require.Equal(t, 1, bad.code(t))
	require.Equal(t, "edge: user id is too long, holds control characters or begins with }\n", bad.errs.String())
}
