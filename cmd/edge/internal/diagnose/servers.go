package diagnose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/huleedu/edge/adapters/httpserver/healthcheck"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/wire"
)

const (
	serverTimeout = 5 * time.Second // serverTimeout limits the check of one server.
	// maxSkew is the difference of clocks up to which nothing fails. JWT_LEEWAY_SECONDS is 5
	// by default.
	maxSkew = 2 * time.Second
	// healthTimeout limits the request to one service behind the gateway.
	healthTimeout = 2 * time.Second
)

// checkRedis reports whether Redis answers, and whether its clock is that of this machine.
func (d *checks) checkRedis(ctx context.Context, p target) {
	advice := "Start Redis, or correct REDIS_URL (of the gateway: API_GATEWAY_REDIS_URL). redis-cli -u URL ping must answer PONG."
	client, err := redis.Open(p.redis)
	if err != nil {
		d.add(Fault, "redis", p.name+": the settings of Redis cannot be used", advice)
		return
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	asked := time.Now()
	remote, err := redis.NewOperator(client).Clock(ctx)
	if err != nil {
		d.add(Fault, "redis", p.redisAddress()+": "+cause(err), advice)
		return
	}
	took := time.Since(asked)
	d.add(Good, "redis", fmt.Sprintf("%s answers in %s", p.redisAddress(), took.Round(10*time.Microsecond)), "")
	d.checkClock(remote.Sub(asked.Add(took / 2)))
}

// checkClock reports the difference between the clock of Redis and this machine's.
func (d *checks) checkClock(skew time.Duration) {
	found := fmt.Sprintf("Redis is %s ahead of this machine", skew.Round(time.Millisecond))
	if skew.Abs() > maxSkew {
		d.add(Fault, "clocks", found, "Synchronise the clocks (chrony, systemd-timesyncd): tokens and leases end at the wrong time.")
		return
	}
	d.add(Good, "clocks", found, "")
}

// checkKeys reports whether tokens can be verified. Both services have the same JWT_* settings.
func (d *checks) checkKeys(ctx context.Context, p target) {
	if slices.ContainsFunc(p.report.Problems, func(line string) bool { return checkOf(line) == "keys" }) {
		return // reported with the settings
	}
	err := withValidator(ctx, p.tokens, func(_ *jwt.Validator, h domain.Health) error {
		if h.Condition == domain.Healthy {
			return nil
		}
		return errors.Join(h.Err, errors.New(h.Note))
	})
	if err != nil {
		d.add(Fault, "keys", "JWT_JWKS_URL: "+cause(err), "Look whether the identity service answers there with a key set: until then every token is answered 503.")
		return
	}
	where := "JWT_SECRET_KEY"
	switch {
	case p.tokens.JWKSURL != "":
		where = "the key set of JWT_JWKS_URL"
	case p.tokens.PublicKey != "" || p.tokens.PublicKeyPath != "":
		where = "a public key"
	}
	d.add(Good, "keys", p.tokens.Algorithm+" with "+where, "")
}

// checkPorts reports whether the service can listen at its addresses, or already does.
func (d *checks) checkPorts(ctx context.Context, p target) {
	if p.port != 0 {
		d.checkPort(ctx, p, net.JoinHostPort(p.host, strconv.Itoa(p.port)))
	}
	if _, port, err := net.SplitHostPort(p.admin); err == nil && port != "0" {
		d.checkPort(ctx, p, p.admin)
	}
}

func (d *checks) checkPort(ctx context.Context, p target, address string) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err == nil {
		_ = l.Close()
		d.add(Good, "ports", p.name+": "+address+" is free", "")
		return
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		d.add(Fault, "ports", p.name+": "+cause(err), "Choose an address of this machine and a port that this user may bind.")
		return
	}
	host, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	if healthcheck.Alive(ctx, p.service, host, port, p.certFile) == nil {
		d.add(Good, "ports", p.name+": runs at "+address, "")
		return
	}
	d.add(Fault, "ports", p.name+": another program listens at "+address, "Stop it (lsof -i :"+text+"), or choose another port.")
}

// checkDownstream reports the services behind the gateway that do not answer. In development
// only those are checked whose URL is set.
func (d *checks) checkDownstream(ctx context.Context, p target) {
	for _, name := range slices.Sorted(maps.Keys(p.downstream)) {
		base := p.downstream[name]
		if base == "" || p.environment == domain.Development && p.isDefault(base) {
			continue
		}
		if err := askHealth(ctx, base); err != nil {
			d.add(Warning, "services", name+": "+cause(err), "The gateway starts without it and answers 503 or 504 on its routes. Start it, or correct its URL.")
			continue
		}
		d.add(Good, "services", name+" answers", "")
	}
}

// isDefault reports whether a URL is the default of its setting.
func (p target) isDefault(base string) bool {
	return slices.ContainsFunc(p.report.Settings, func(s wire.ReportedSetting) bool { return s.Value == base && s.Source == "default" })
}

func askHealth(ctx context.Context, base string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("status %d: %w", res.StatusCode, errUnwell)
	}
	return nil
}

var errUnwell = errors.New("the service reports that it does not work")

// cause returns the innermost error as one line. It contains no credentials.
func cause(err error) string {
	if e := domain.As(err); e.Err != nil && e.Code != domain.UnknownError {
		return e.Message + " (" + cause(e.Err) + ")"
	}
	if op, is := errors.AsType[*net.OpError](err); is {
		return op.Err.Error()
	}
	return err.Error()
}
