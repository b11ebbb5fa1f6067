package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/wire"
)

// tool holds the arguments, the environment and the outputs of one invocation.
type tool struct {
	args      []string
	vars      map[string]string
	out, errs io.Writer
	// json is the value of --json; terminal reports that out shows colours. run sets both.
	json     *bool
	terminal bool
}

// developmentSecret signs tokens when no secret is configured. It is public; the
// services reject it in production.
const developmentSecret = "huleedu-edge-development-secret-not-for-production"

// developmentInternalKey opens the internal routes of the simulated platform when no key
// is configured.
const developmentInternalKey = "development-internal-key"

const (
	gatewayPort = 4001        // gatewayPort is the default port of the gateway in "edge up".
	socketPort  = 8080        // socketPort is the default port of the notification service in "edge up".
	examplePort = 4002        // examplePort is the default port of the example page in "edge up".
	redisPort   = 4379        // redisPort is the default port of the embedded Redis.
	kafkaPort   = 4092        // kafkaPort is the default port of the embedded Kafka.
	loopback    = "127.0.0.1" // loopback is the default host of listeners: no other machine can connect.
)

// loopbackAddr returns the loopback address of a port.
func loopbackAddr(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// withServers returns the environment with the server addresses. The arguments,
// from flags, have precedence over variables; the defaults are those of "edge up".
func (t tool) withServers(redis, kafka string) map[string]string {
	out := maps.Clone(t.vars)
	out["REDIS_URL"] = cmp.Or(redis, out["REDIS_URL"], "redis://"+loopbackAddr(redisPort))
	out["KAFKA_BOOTSTRAP_SERVERS"] = cmp.Or(kafka, out["KAFKA_BOOTSTRAP_SERVERS"], loopbackAddr(kafkaPort))
	return out
}

// addGatewayFlag adds the flag --url of the commands that call the gateway.
func (t tool) addGatewayFlag(c *cobra.Command, url *string) {
	c.Flags().StringVar(url, "url", cmp.Or(t.vars["EDGE_GATEWAY_URL"], "http://"+loopbackAddr(gatewayPort)), "the gateway's address; EDGE_GATEWAY_URL sets the default")
}

// serviceVars returns the variables of services on this machine: the process's and those of
// the file .env in the working directory. JWT_SECRET_KEY is developmentSecret by default. It
// returns an error for a file that cannot be read.
func (t tool) serviceVars() (map[string]string, error) {
	vars, err := env.DotEnv(wire.DotEnvFile, t.vars)
	if err != nil {
		return nil, settingsError(err)
	}
	vars = maps.Clone(vars)
	vars["JWT_SECRET_KEY"] = cmp.Or(vars["JWT_SECRET_KEY"], developmentSecret)
	return vars, nil
}

// generateToken returns a development token for a user.
func (t tool) generateToken(user, org string, ttl time.Duration) (string, error) {
	if _, err := parseUser(user); err != nil {
		return "", err
	}
	vars, err := t.serviceVars()
	if err != nil {
		return "", err
	}
	var cfg jwt.Config
	if err := env.Read(&cfg, vars); err != nil {
		return "", settingsError(err)
	}
	now := time.Now()
	return jwt.Mint(cfg, jwt.Claims{User: user, Org: org, Issued: now, Expires: now.Add(ttl)})
}

// errSettingsList precedes a list of settings and their problems.
var errSettingsList = errors.New("invalid settings")

// settingsError formats all problems of an env.Read error, one on each line. Its exit code is that
// of an invalid argument, because flags may have set them.
func settingsError(err error) error {
	return usagef("%w:\n  %s", errSettingsList, strings.Join(env.Explain(err), "\n  "))
}

func (t tool) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.out, format, args...)
}
