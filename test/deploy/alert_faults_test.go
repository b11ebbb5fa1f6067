package deploy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/huleedu/edge/test/harness"
)

// alertFault makes alerts fire by a fault and silences them as their sections in
// docs/operations.md say.
type alertFault struct {
	alerts []string
	config platformConfig
	fault  func(p *platform)
	repair func(p *platform)
	// use is what clients do meanwhile, before each scrape.
	use func(p *platform)
	// after is what clients do after the repair; nil: only probes arrive.
	after func(p *platform)
	// always means that the fault is part of every run, not only of a full one.
	always bool
}

// TestAlertsFireByRealFaults makes each alert fire by a real fault of running services, runs the
// commands of its section and silences it. Redis is a process of its own where redis-server is
// installed, and Kafka where test/servers/with.sh has started one. The clock of the rules runs 150 times as fast as the
// services: see realInterval. A full run has all faults.
func TestAlertsFireByRealFaults(t *testing.T) {
	for name, f := range alertFaults() {
		if !f.always && !harness.Full() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := startPlatform(t, f.config)
			p.check(f)
		})
	}
}

// check applies the fault, awaits the alerts, repairs, and awaits their end.
func (p *platform) check(f alertFault) {
	p.t.Helper()
	use := func() {}
	if f.use != nil {
		use = func() { f.use(p) }
	}
	f.fault(p)
	for _, alert := range f.alerts {
		p.prometheus.awaitFiring(alert, use)
		p.lookAt(alert)
	}
	if f.repair != nil {
		f.repair(p)
		for range 5 {
			use()
			p.prometheus.step()
		}
	}
	after := p.probe
	if f.after != nil {
		after = func() { f.after(p) }
	}
	for _, alert := range f.alerts {
		p.follow(alert, after)
		p.prometheus.awaitSilent(alert, after)
	}
}

// TestKeyAlertsFireByRealFaults takes the key set away: before the first fetch, and later.
func TestKeyAlertsFireByRealFaults(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	var once sync.Once
	fetched := make(chan struct{})
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		once.Do(func() { close(fetched) })
		_, _ = fmt.Fprint(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`)
	}))
	t.Cleanup(keys.Close)
	p := startPlatform(t, platformConfig{settings: map[string]string{
		"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": keys.URL, "JWT_JWKS_REFRESH_INTERVAL": "0.1", "JWT_JWKS_MIN_INTERVAL": "0.1",
	}})
	p.prometheus.awaitFiring("TokenKeysMissing", nil)
	p.prometheus.awaitFiring("DependencyDown", nil)
	p.lookAt("TokenKeysMissing")
	away.Store(false)
	<-fetched
	p.follow("TokenKeysMissing", p.prometheus.step)
	p.prometheus.awaitSilent("TokenKeysMissing", nil)
	p.prometheus.awaitSilent("DependencyDown", nil)
	away.Store(true)
	p.prometheus.awaitFiring("TokenKeysStale", nil)
	p.lookAt("TokenKeysStale")
	away.Store(false)
	p.follow("TokenKeysStale", p.prometheus.step)
	p.prometheus.awaitSilent("TokenKeysStale", nil)
}
