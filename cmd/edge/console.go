package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/cmd/edge/internal/console"
	"github.com/huleedu/edge/cmd/edge/internal/topics"
	"github.com/huleedu/edge/domain"
)

// consoleFlags holds the flags of "edge console".
type consoleFlags struct {
	listen, redis, kafka string
	nodes                []string
	allowActions         bool
}

func (t tool) consoleCommand() *cobra.Command {
	var f consoleFlags
	c := &cobra.Command{
		Use:   "console",
		Short: "Serve a web page for operators of running services",
		Long: "Serve the console on a loopback address: nodes, the connections and stored notifications of a user, a live tail,\n" +
			"settings, metrics, and why a token is refused. Open the printed URL; its token works once. The console is\n" +
			"read-only unless --allow-actions is set, and logs each action. ADMIN_TOKEN is the operators' token of the services.",
		Example: "  edge console --nodes 10.0.0.5:9090,10.0.0.6:9090 --redis redis://redis:6379",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return t.console(c.Context(), f) },
	}
	c.Flags().StringVar(&f.listen, "listen", loopbackAddr(0), "loopback address of the console; port 0 selects a free one")
	c.Flags().StringSliceVar(&f.nodes, "nodes", nil, "admin addresses (host:port) of the gateways and nodes, separated by commas")
	c.Flags().BoolVar(&f.allowActions, "allow-actions", false, "permit actions, such as to disconnect a user")
	c.Flags().StringVar(&f.kafka, "kafka", "", "host:port of the services' Kafka; default: KAFKA_BOOTSTRAP_SERVERS, then the Kafka of \"edge up\"")
	addRedisFlag(c, &f.redis)
	return c
}

var (
	errNotLoopback = errors.New("is not a loopback address: the console shows data of users, so that only this machine may connect")
	errNodeAddress = errors.New("is not host:port")
)

// validate checks the addresses.
func (f consoleFlags) validate() error {
	host, _, err := net.SplitHostPort(f.listen)
	if err != nil {
		return usagef("--listen: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usagef("--listen: %s %w", f.listen, errNotLoopback)
	}
	for _, node := range f.nodes {
		if host, port, err := net.SplitHostPort(node); err != nil || host == "" || port == "" {
			return usagef("--nodes: %q %w", node, errNodeAddress)
		}
	}
	return nil
}

// console serves the console until ctx is done.
func (t tool) console(ctx context.Context, f consoleFlags) error {
	if err := f.validate(); err != nil {
		return err
	}
	vars, err := t.serviceVars()
	if err != nil {
		return err
	}
	servers := t.withServers(f.redis, f.kafka)
	vars["REDIS_URL"], vars["KAFKA_BOOTSTRAP_SERVERS"] = servers["REDIS_URL"], servers["KAFKA_BOOTSTRAP_SERVERS"]
	log := slog.New(slog.NewTextHandler(t.errs, nil))
	session := console.NewSession()
	c := console.Config{AllowActions: f.allowActions, Session: session, Log: log}
	release, err := t.addOperatorSources(&c, vars, func() []string { return f.nodes })
	if err != nil {
		return err
	}
	defer release()
	url, stop, err := t.servePages(f.listen, console.NewHandler(c))
	if err != nil {
		return err
	}
	defer stop()
	t.printf("console        %s%s%s\nThe token in this URL works once. Press Ctrl-C to stop.\n", url, console.Path, session.Query())
	<-ctx.Done()
	return nil
}

// addOperatorSources adds what answers the questions of operators: the nodes, Redis, and the token
// settings in the variables. The caller must call release.
func (t tool) addOperatorSources(c *console.Config, vars map[string]string, nodes func() []string) (release func(), err error) {
	if c.Client, err = fs.Sub(exampleFiles, "example/client"); err != nil {
		return nil, err
	}
	var redisConfig redis.Config
	var listener redis.ListenerConfig
	var tokens jwt.Config
	var brokers kafka.ConsumerConfig
	if err := errors.Join(env.Read(&redisConfig, vars), env.Read(&listener, vars), env.Read(&tokens, vars), env.Read(&brokers, vars)); err != nil {
		return nil, settingsError(err)
	}
	validator, err := jwt.New(tokens, &memory.Facts{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, settingsError(err)
	}
	reader, err := topics.Open(brokers)
	if err != nil {
		return nil, settingsError(err)
	}
	client, err := redis.Open(redisConfig)
	if err != nil {
		reader.Close()
		return nil, settingsError(err)
	}
	transport := &http.Transport{}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = validator.Run(ctx) }) // fetches the key set, if there is one
	c.Tokens, c.DeadLetters = validator, consoleLetters{reader}
	c.Users = redisUsers{redis.NewOperator(client), redis.NewLog(client), listener.Prefix()}
	c.Nodes = &console.Nodes{Addresses: nodes, Token: vars["ADMIN_TOKEN"], Client: &http.Client{
		Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return func() {
		cancel()
		work.Wait()
		transport.CloseIdleConnections()
		reader.Close()
		_ = client.Close() // nothing was written
	}, nil
}

// redisUsers answers questions about one user from Redis.
type redisUsers struct {
	*redis.Operator
	*redis.Log

	prefix redis.ChannelPrefix
}

// Tail implements console.Users.
func (u redisUsers) Tail(ctx context.Context, user domain.UserID, subscribed func(), receive func(frame string)) error {
	return u.Watch(ctx, u.prefix, user, subscribed, receive)
}
