package redis

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/internal/backoff"
	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxChannelsPerCommand is the maximum number of channels of one SUBSCRIBE: large enough
	// to save round trips, small enough not to block Redis.
	maxChannelsPerCommand = 1000
	// minBackoff is the longest wait after the first failed attempt to connect.
	minBackoff = 100 * time.Millisecond
	// maxBackoff is the longest wait after any failed attempt to connect. It is short, so that a
	// node reconnects soon when Redis is back.
	maxBackoff = time.Second
	// stableAfter is the age from which on a lost connection resets the backoff.
	stableAfter = 5 * time.Second
	// gapMargin is how long a message is in transit on a fast connection. A message that was
	// published less than this before the last received one can be lost too, also because a
	// cluster can send it through another node.
	gapMargin = 500 * time.Millisecond
)

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
	// changed is called when a connection is lost or cannot be made, with the reason, and with
	// nil when a new connection has received its probe.
	changed func(error)

	// Used only by the receiving goroutine.
	handler      ports.MessageHandler
	gapOpen      bool      // a working connection was lost, and not all users are restored
	gapSince     time.Time // when the gap began: later messages can be missing
	lastReceived time.Time // when a connection last received anything
	// completeUntil is the latest time for which all messages published before it are known to have
	// arrived: when the last probe that arrived was sent, or when the connection was subscribed.
	completeUntil time.Time

	subscribed    atomic.Bool  // the probe is subscribed
	probeReceived atomic.Bool  // this connection has received its probe
	missedProbes  atomic.Int32 // probes sent since the last one was received

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
		err := reply.Redacted(s.serveConnection(ctx)) // callers and health checks get this error too
		worked := s.subscribed.Swap(false)
		s.probeReceived.Store(false)
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
			attempt = 0 // a connection that fails soon waits longer each time
		}
		s.changed(err)
		backoff.Wait(ctx, attempt, minBackoff, maxBackoff)
	}
}

// startGap starts a gap, unless one is open. On a slow connection messages that were published
// before the last received one can be in transit, so that the gap begins no later than completeUntil.
func (s *shard) startGap() {
	if s.gapOpen {
		return
	}
	s.gapOpen, s.gapSince = true, s.lastReceived.Add(-gapMargin)
	if !s.completeUntil.IsZero() && s.completeUntil.Before(s.gapSince) {
		s.gapSince = s.completeUntil
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
	subscribing := time.Now()
	if err := conn.Subscribe(ctx, s.controlChannels()...); err != nil {
		s.reloadCluster(ctx)
		return err
	}
	s.missedProbes.Store(0)
	s.completeUntil = subscribing
	select {
	case <-s.probeConfirmed: // a value of the previous connection
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
	var channels []string
	if _, cluster := s.rdb.(*goredis.ClusterClient); cluster {
		channels = append(channels, slotPrefix+uuid.NewString())
	}
	if s.subscribeControl {
		channels = append(channels, disconnectChannel, checkChannel)
	}
	return append(channels, s.probe)
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
		received, err := conn.Receive(ctx)
		if err != nil {
			return err
		}
		s.lastReceived = time.Now()
		switch m := received.(type) {
		case *goredis.Message:
			s.deliver(m)
		case *goredis.Subscription:
			s.confirm(m)
		}
	}
}

// deliver passes a message to the handler. It handles control messages itself.
func (s *shard) deliver(m *goredis.Message) {
	switch {
	case m.Channel == s.probe:
		s.receiveProbe(m.Payload)
	case m.Channel == disconnectChannel:
		callForUser(s.handler.Disconnect, m.Payload)
	case m.Channel == checkChannel:
		callForUser(s.handler.Check, m.Payload)
	case len(m.Payload) > s.maxBytes:
		s.observer.Observe(domain.MessageFailed{Reason: domain.MessageTooBig})
	default:
		if s.gapOpen { // the gap is reported before the first message after it
			s.reportGap(true)
		}
		s.handler.Deliver(s.prefix.user(m.Channel), []byte(m.Payload))
	}
}

// callForUser calls the handler with the user of a control message. It ignores a payload that
// is not a user id.
func callForUser(handle func(domain.UserID), payload string) {
	if user, err := domain.ParseUserID(payload); err == nil {
		handle(user)
	}
}

// confirm handles a confirmation of a SUBSCRIBE or UNSUBSCRIBE.
func (s *shard) confirm(m *goredis.Subscription) {
	switch {
	case m.Channel == s.probe:
		s.subscribed.Store(true)
		notify(s.probeConfirmed)
	case strings.HasPrefix(m.Channel, controlPrefix):
		return
	default:
		s.confirmUser(m)
	}
	if s.gapOpen && s.subscribed.Load() {
		s.reportGap(false)
	}
}

// confirmUser records the confirmation of a user's channel and how long callers waited for it.
func (s *shard) confirmUser(m *goredis.Subscription) {
	if since, waited := s.subs.confirm(s.prefix.user(m.Channel), m.Kind == "subscribe"); waited {
		s.observer.Observe(domain.SubscriptionConfirmed{Prefix: string(s.prefix), Duration: s.lastReceived.Sub(since)})
	}
}

// reportGap reports the gap and ends it when all users are restored. With part it also
// reports the users who are restored so far.
func (s *shard) reportGap(part bool) {
	users, whole := s.subs.takeRestored(part)
	if len(users) > 0 {
		now := time.Now()
		s.handler.Missed(domain.Gap{Users: users, Since: gapBeginning(s.gapSince, now, now.Sub(s.gapSince))})
	}
	if !whole {
		return
	}
	s.gapOpen = false
	s.observer.Observe(domain.Resubscribed{})
}

// gapBeginning returns the beginning of a gap by the clock of now. If the clock was set since then, the
// time that was read and the time that has passed since differ. The earlier one is right or announces too
// much; the other one can be an hour late. The monotonic time of a paused machine can be late, too.
func gapBeginning(read, now time.Time, passed time.Duration) time.Time {
	since := now.Add(-passed).Round(0)
	if read = read.Round(0); read.Before(since) {
		return read
	}
	return since
}

// sendCommands sends the commands that subs returns, until ctx is done or a command fails.
// Changes during a command are combined in the next one.
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
