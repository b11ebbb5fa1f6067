package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/domain"
)

// tool is one invocation: what it was given and where it speaks.
type tool struct {
	args      []string
	vars      map[string]string
	out, errs io.Writer
}

// developmentSecret signs tokens where nobody has set a secret. It is public,
// so the services refuse it in production.
const developmentSecret = "huleedu-edge-development-secret-not-for-production"

// The addresses that "edge up" listens on unless told otherwise.
const (
	gatewayPort = 4001
	socketPort  = 8080
	redisPort   = 4379
	kafkaPort   = 4092
	loopback    = "127.0.0.1"
)

// local is a port's address for this machine alone.
func local(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// withServers returns the environment with the servers to speak to: those of
// the flags, else those that are set, else those of "edge up".
func (t tool) withServers(redis, kafka string) map[string]string {
	out := maps.Clone(t.vars)
	for name, choice := range map[string]struct{ given, up string }{
		"REDIS_URL":               {redis, "redis://" + local(redisPort)},
		"KAFKA_BOOTSTRAP_SERVERS": {kafka, local(kafkaPort)},
	} {
		switch {
		case choice.given != "":
			out[name] = choice.given
		case out[name] == "":
			out[name] = choice.up
		}
	}
	return out
}

// withSecret returns the environment with a secret to sign and verify tokens.
func withSecret(vars map[string]string) map[string]string {
	out := maps.Clone(vars)
	if out["JWT_SECRET_KEY"] == "" {
		out["JWT_SECRET_KEY"] = developmentSecret
	}
	return out
}

// mint makes a development token for a user.
func (t tool) mint(user, org string, ttl time.Duration) (string, error) {
	if _, err := domain.ParseUserID(user); err != nil {
		return "", err
	}
	var cfg jwt.Config
	if err := env.Read(&cfg, withSecret(t.vars)); err != nil {
		return "", unusable(err)
	}
	now := time.Now()
	return jwt.Mint(cfg, jwt.Claims{User: user, Org: org, Issued: now, Expires: now.Add(ttl)})
}

// errSettings begins a list of settings, each with what is wrong with it.
var errSettings = errors.New("these settings cannot be used")

// unusable lists everything that keeps settings from being read.
func unusable(err error) error {
	return fmt.Errorf("%w:\n  %s", errSettings, strings.Join(env.Explain(err), "\n  "))
}

func (t tool) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format, args...)
}
