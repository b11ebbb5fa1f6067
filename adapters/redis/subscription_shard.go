package redis

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/internal/backoff"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxChannelsPerCommand is the maximum number of channels of one SUBSCRIBE: large enough
	// to save round trips, small enough not to block Redis.
	maxChannelsPerCommand = 1000
	// maxMissedProbes is how many consecutive probes may be missed.
	maxMissedProbes = 2
	// minBackoff and maxBackoff limit the time between two attempts to connect. The maximum
	// is short, because a node must notice soon that Redis is back, and an attempt is cheap.
	minBackoff = 100 * time.Millisecond
	maxBackoff = time.Second
	// stableAfter is the age from which on a lost connection resets the backoff.
	stableAfter = 5 * time.Second
	// gapMargin is how long a message can be in transit. A message that was published less
	// than this before the last received one can be lost too, also because a cluster can
	// send it through another node.
	gapMargin = 500 * time.Millisecond
)

var errProbeLost = errors.New("the subscription does not hear its probe")

// shardConfig is the configuration of a shard.
type shardConfig struct {
	rdb              goredis.UniversalClient
	prefix           ChannelPrefix
	probe            string // the connection's own channel
	subscribeControl bool   // subscribe the control channels on this connection
	interval         time.Duration
	maxBytes         int
}

// shard is one connection of the subscription with its users. It has four goroutines: one
// receives and calls the handler, one sends commands, one sends probes, one closes the
// connection. run waits for all of them.
type shard struct {
	shardConfig
	subs     *subscriptions
	observer ports.Observer
	log      *slog.Logger

	// Used only by the receiving goroutine.
	handler      ports.MessageHandler
	gapOpen      bool      // a working connection was lost and not all users are restored
	gapSince     time.Time // from when on messages can be missing
	lastReceived time.Time // when the connection last received something

	subscribed   atomic.Bool  // the probe is subscribed
	probeHeard   atomic.Bool  // this connection has received its probe
	missedProbes atomic.Int32 // probes sent since the last one was received

	// probeConfirmed holds a value once the probe is subscribed, so that the first probe is
	// sent at once.
	probeConfirmed chan struct{}
}

// run connects until ctx is done.
func (s *shard) run(ctx context.Context, handler ports.MessageHandler) {
	s.handler = handler
	defer s.subs.failWaiters(stopped, errStopped)
	for attempt := 0; ctx.Err() == nil; attempt++ {
		began := time.Now()
		err := redacted(s.serveConnection(ctx)) // callers and health checks get it as well
		worked := s.subscribed.Swap(false)
		s.probeHeard.Store(false)
		s.subs.disconnected(err)
		switch {
		case ctx.Err() != nil:
			return
		case worked:
			s.startGap()
		default:
			s.subs.failWaiters(down, err)
		}
		if time.Since(began) > stableAfter && worked {
			attempt = 0 // one that breaks at once again and again waits longer
		}
		if worked || attempt == 0 {
			s.log.WarnContext(ctx, "subscription to Redis is down", "error", err, "worked", worked)
		}
		backoff.Wait(ctx, attempt, minBackoff, maxBackoff)
	}
}

// startGap starts a gap, unless one is open.
func (s *shard) startGap() {
	if !s.gapOpen {
		s.gapOpen, s.gapSince = true, s.lastReceived.Add(-gapMargin)
	}
}

// serveConnection connects and serves one connection until it ends. It always returns an
// error: why the connection ended.
func (s *shard) serveConnection(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	conn := s.rdb.Subscribe(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer end(nil)
	// Only Close interrupts a blocked read. The context must end first, or the library would
	// reconnect.
	group.Go(func() {
		<-ctx.Done()
		_ = conn.Close()
	})
	if err := conn.Subscribe(ctx, s.controlChannels()...); err != nil {
		s.reloadCluster(ctx)
		return err
	}
	s.missedProbes.Store(0)
	select {
	case <-s.probeConfirmed: // of the previous connection
	default:
	}
	s.subs.connected()
	group.Go(func() { end(s.sendCommands(ctx, conn)) })
	group.Go(func() { end(s.runProbe(ctx)) })
	err := s.receive(ctx, conn)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// controlChannels returns the channels that belong to no user. The probe is last, so that
// its confirmation confirms the others. On a cluster the slot of the first channel selects
// the node, so its name is new each time: the previous node can be down without a
// replacement.
func (s *shard) controlChannels() []string {
	var own []string
	if _, cluster := s.rdb.(*goredis.ClusterClient); cluster {
		own = append(own, slotPrefix+uuid.NewString())
	}
	if s.subscribeControl {
		own = append(own, disconnectChannel, checkChannel)
	}
	return append(own, s.probe)
}

// reloadCluster reloads the nodes of a cluster. Otherwise the library connects to a node
// that is down for up to ten more seconds.
func (s *shard) reloadCluster(ctx context.Context) {
	if c, cluster := s.rdb.(*goredis.ClusterClient); cluster {
		c.ReloadState(ctx)
	}
}

// receive receives until the connection ends. The library's Receive reconnects by itself
// after an error; that connection is discarded, because confirmations are counted only on
// connections that this package opened.
func (s *shard) receive(ctx context.Context, conn *goredis.PubSub) error {
	for {
		got, err := conn.Receive(ctx)
		if err != nil {
			return err
		}
		s.lastReceived = time.Now()
		switch m := got.(type) {
		case *goredis.Message:
			s.deliver(m)
		case *goredis.Subscription:
			s.confirm(m)
		}
	}
}

func (s *shard) deliver(m *goredis.Message) {
	switch {
	case m.Channel == s.probe:
		s.missedProbes.Store(0)
		s.probeHeard.Store(true)
	case m.Channel == disconnectChannel:
		s.disconnect(m.Payload)
	case m.Channel == checkChannel:
		s.check(m.Payload)
	case len(m.Payload) > s.maxBytes:
		s.observer.Observe(domain.MessageFailed{Reason: domain.MessageTooBig})
	default:
		if s.gapOpen { // the gap is reported before the first message after it
			s.reportGap(true)
		}
		s.handler.Deliver(s.prefix.user(m.Channel), []byte(m.Payload))
	}
}

// disconnect passes an operator's request to the handler. It ignores a payload that is not
// a user id.
func (s *shard) disconnect(payload string) {
	if user, err := domain.ParseUserID(payload); err == nil {
		s.handler.Disconnect(user)
	}
}

func (s *shard) confirm(m *goredis.Subscription) {
	switch {
	case m.Channel == s.probe:
		s.subscribed.Store(true)
		select {
		case s.probeConfirmed <- struct{}{}:
		default:
		}
	case strings.HasPrefix(m.Channel, controlPrefix):
		return
	default:
		s.confirmUser(m)
	}
	if s.gapOpen && s.subscribed.Load() {
		s.reportGap(false)
	}
}

func (s *shard) confirmUser(m *goredis.Subscription) {
	if asked, fresh := s.subs.confirm(s.prefix.user(m.Channel), m.Kind == "subscribe"); fresh {
		s.observer.Observe(domain.SubscriptionConfirmed{Prefix: string(s.prefix), Duration: s.lastReceived.Sub(asked)})
	}
}

// reportGap reports the gap and ends it when all users are restored. With part it also
// reports the users who are restored so far.
func (s *shard) reportGap(part bool) {
	users, whole := s.subs.takeRestored(part)
	if len(users) > 0 {
		s.handler.Missed(domain.Gap{Users: users, Since: s.gapSince})
	}
	if !whole {
		return
	}
	s.gapOpen = false
	s.observer.Observe(domain.Resubscribed{})
	s.log.Info("subscription to Redis is back", "since", s.gapSince)
}

// sendCommands sends the commands that subs returns. Changes during a command are combined
// in the next one.
func (s *shard) sendCommands(ctx context.Context, conn *goredis.PubSub) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		subscribe, unsubscribe, sleep := s.subs.nextCommands(time.Now())
		for channels := range slices.Chunk(subscribe, maxChannelsPerCommand) {
			if err := conn.Subscribe(ctx, channels...); err != nil {
				return err
			}
		}
		for channels := range slices.Chunk(unsubscribe, maxChannelsPerCommand) {
			if err := conn.Unsubscribe(ctx, channels...); err != nil {
				return err
			}
		}
		timer.Stop()
		if sleep > 0 {
			timer.Reset(sleep)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.subs.wake:
		case <-timer.C:
		}
	}
}

// runProbe publishes to the connection's own channel, when it is confirmed and then at each
// interval. It returns an error after two missed probes, because a connection can stay open
// without receiving anything. A probe that cannot be sent counts as missed.
func (s *shard) runProbe(ctx context.Context) error {
	timer := time.NewTimer(domain.AlignedDelay(time.Now(), s.interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.probeConfirmed:
		case <-timer.C:
		}
		// The interval does not depend on the duration of a probe.
		timer.Reset(domain.AlignedDelay(time.Now(), s.interval))
		if s.missedProbes.Load() >= maxMissedProbes {
			return errProbeLost
		}
		s.missedProbes.Add(1)
		once, cancel := context.WithTimeout(ctx, s.interval)
		_ = s.rdb.Publish(once, s.probe, "").Err()
		cancel()
	}
}

// unhealthyReason returns why messages can be missed, or nil if this connection has
// received its probe. A confirmed connection without a received probe is not healthy.
func (s *shard) unhealthyReason() error {
	if s.probeHeard.Load() {
		return nil
	}
	return s.subs.downReason()
}
