package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

const (
	// faultsPerSoak is the number of faults of a soak: one each minute in ten minutes.
	faultsPerSoak = 10
	// soakInterval is the average time between two messages of one kind to one user.
	soakInterval = 10 * time.Second
	// soakCallers is the number of clients of the gateway, and soakCallPause their pause between
	// two requests: together hundreds of requests a second.
	soakCallers   = 16
	soakCallPause = 50 * time.Millisecond
	// afterFault is how long after a fault requests may fail: the longest limit of a call.
	afterFault = 10 * time.Second
)

// soak is a whole system under load: two nodes, two gateways, clients, and their servers.
type soak struct {
	t        *testing.T
	redis    *servers.RedisProcess
	kafka    *servers.Broker
	env      *environment
	nodes    *pair
	gateways *gatewayPair
	clients  *clientGroup

	mu     sync.Mutex
	quiet  bool // no fault is near
	counts map[string]int
	bad    []string // answers in another form, and errors while quiet
}

// TestSoak holds thousands of connections and sends hundreds of requests a second, while one fault
// after the other happens. "make soak" runs it.
func TestSoak(t *testing.T) {
	o := harness.SoakOptions(t)
	if o.Duration == 0 {
		t.Skip(`only with "make soak"`)
	}
	t.Logf("soak: %s, seed %d, %d connections", o.Duration, o.Seed, o.Connections)
	s := startSoak(t)
	empty := s.level()
	s.connect(o.Connections)
	stop := s.call()
	defer stop()
	pause.For(min(time.Minute, o.Duration/faultsPerSoak), "the load of the first minute")
	first := s.level()
	s.runFaults(rand.New(rand.NewPCG(o.Seed, 0)), o.Duration)
	last := s.level()
	stop()
	got := s.clients.finish(t)
	end := s.levelWithoutClients(empty)
	got.row(t, fmt.Sprintf("Soak of %s with %d connections", o.Duration, o.Connections), "requests: "+s.answers())
	t.Logf("stored: sent %d = received %d; direct: sent %d = received %d + announced %d + refused by Redis %d",
		got.stored, got.stored-got.storedLost, got.directSent, got.directReceived, got.lostAnnounced, got.directRefused)
	t.Logf("levels: without clients %s; the first minute %s; the last %s; clients gone %s", empty, first, last, end)
	got.check(t)
	require.Equal(t, got.directSent, got.directReceived+got.lostAnnounced+got.directRefused)
	require.Empty(t, s.bad, "answers that are not allowed")
	last.checkBackAt(t, first)
	end.checkBackAt(t, empty)
	require.Zero(t, s.env.lag(t), "records that are not consumed")
	s.checkRaces()
}

func startSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{t: t, redis: servers.OwnRedis(t, "--appendonly", "yes"), kafka: servers.OwnKafka(t), counts: map[string]int{}, quiet: true}
	s.env = newEnvironment(t, s.redis.URL(), s.kafka.Addr(), map[string]string{"WEBSOCKET_DRAIN_NOTICE": "2", "WEBSOCKET_DRAIN_SPREAD": "2"})
	classes, err := world.StartPlatform(world.PlatformConfig{})
	require.NoError(t, err)
	t.Cleanup(classes.Close)
	s.gateways = s.env.gatewayPair(t, classes.ClassesURL())
	s.env.topic = domain.NotificationTopic // the program reads only this topic
	s.env.createTopic(t)
	s.nodes = startPair(t, "websocket", s.env.vars)
	return s
}

// connect opens the connections, a socket and an event stream for each user, and starts the senders.
func (s *soak) connect(connections int) {
	s.clients = &clientGroup{}
	pub := s.env.publisher(s.t)
	pub.interval = soakInterval
	for range max(1, connections/2) {
		user := "teacher-" + uuid.NewString()
		s.clients.clients = append(s.clients.clients, listen(s.t, s.nodes.front.url(), user), listen(s.t, s.nodes.front.http("/events"), user))
		s.clients.senders = append(s.clients.senders, &sender{user: user})
	}
	for i, one := range s.clients.senders {
		for _, k := range s.clients.clients[2*i : 2*i+2] {
			require.Eventually(s.t, k.isConnected, waitLimit, 10*time.Millisecond, "not connected")
		}
		s.clients.senders[i] = pub.startSender(s.t, one.user)
	}
}

// call sends requests to the gateways until stop.
func (s *soak) call() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var callers sync.WaitGroup
	kinds := slices.DeleteFunc(linkRequests(s.gateways.batch), func(k requestKind) bool {
		return !slices.Contains([]string{"status", "command with a key", "classes"}, k.name)
	})
	for range soakCallers {
		callers.Go(func() {
			client := newGatewayClient(s.gateways.front.http(""), s.gateways.user)
			defer client.transport.CloseIdleConnections()
			for n := rand.IntN(len(kinds)); ctx.Err() == nil; n++ {
				k := kinds[n%len(kinds)]
				res, _, err := client.exchange(context.Background(), k)
				s.count(k, res, err)
				sleep(ctx, rand.N(2*soakCallPause))
			}
		})
	}
	return sync.OnceFunc(func() { cancel(); callers.Wait() })
}

// count records an answer. An error is allowed near a fault, in the standard form.
func (s *soak) count(k requestKind, res gatewayResponse, err error) {
	kind := outcomeOf(k, res, err, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[kind]++
	if kind == "" || kind == noAnswer || kind == cut || s.quiet && kind != answered {
		s.bad = append(s.bad, fmt.Sprintf("%s %s: %s %v", time.Now().Format(time.TimeOnly), k.name, kind, err))
	}
}

func (s *soak) setQuiet(quiet bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet = quiet
}

// answers returns how often each answer was received.
func (s *soak) answers() string {
	o := outcomes{counts: s.counts}
	return o.describe()
}

// checkRaces requires that the race detector has reported nothing in any program that still runs.
func (s *soak) checkRaces() {
	for _, p := range append(s.nodes.nodes[:], s.gateways.nodes[:]...) {
		require.NotContains(s.t, p.Stderr.String(), "DATA RACE")
	}
}

// runFaults injects all faults in a random order, again and again, until the time is over.
func (s *soak) runFaults(random *rand.Rand, duration time.Duration) {
	end, interval := time.Now().Add(duration), duration/faultsPerSoak
	var order []soakFault
	for time.Now().Before(end) {
		if len(order) == 0 {
			order = s.faults(random)
			random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		startedAt := time.Now()
		s.setQuiet(false)
		order[0].run()
		s.t.Logf("%s for %s", order[0].name, seconds(time.Since(startedAt)))
		order = order[1:]
		s.awaitRecovery()
		pause.For(max(0, interval-time.Since(startedAt)), "the time between two faults")
	}
}

// awaitRecovery waits until all nodes are in use again, and longer than requests may fail.
func (s *soak) awaitRecovery() {
	for _, p := range []*pair{s.nodes, s.gateways.pair} {
		for _, n := range p.nodes {
			require.Eventually(s.t, func() bool { return harness.Readiness(context.Background(), n.Address(s.t)) == "ready" },
				waitLimit, 100*time.Millisecond, "%s %s", p.name, strings.Join(tail(n.Stdout.Lines(), 5), "\n"))
		}
	}
	pause.For(afterFault, "requests of the time of the fault end")
	s.setQuiet(true)
}

func tail(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }
