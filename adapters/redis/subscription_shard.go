package redis

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

const (
	// maxChannelsPerCommand bounds one SUBSCRIBE: large enough to spare round trips, small
	// enough to keep Redis free for others.
	maxChannelsPerCommand = 1000
	// maxMissedProbes is how many probes in a row may stay unheard.
	maxMissedProbes = 2
	// minBackoff and maxWait bound the pause between two attempts to connect. The
	// longest is how late a node may be for a Redis that is back; an attempt at an
	// absent one costs little.
	minBackoff = 100 * time.Millisecond
	maxBackoff = time.Second
	// stableAfter is how long a connection lasts that is no sign of trouble.
	stableAfter = 5 * time.Second
	// gapMargin is how long a message may be on its way to us: one that was published
	// so long before the last sign of life may be lost as well. On a cluster it even
	// comes over another node than that.
	gapMargin = 500 * time.Millisecond
)

var errProbeLost = errors.New("the subscription does not hear its probe")

// shardConfig is what a shard listens to.
type shardConfig struct {
	rdb              goredis.UniversalClient
	prefix           ChannelPrefix
	probe            string // the connection's own channel
	subscribeControl bool   // operators are heard on this connection
	interval         time.Duration
	maxBytes         int
}

// shard is one connection of the subscription and the users on it. Its
// goroutines: one receives and calls the handler, one sends commands, one
// probes, one closes; run waits for all of them.
type shard struct {
	shardConfig
	subs     *subscriptions
	observer ports.Observer
	log      *slog.Logger

	// Of the receiving goroutine.
	handler      ports.MessageHandler
	gapOpen      bool      // a connection that worked was lost, and is not back
	gapSince     time.Time // since when messages may be missing
	lastReceived time.Time // the last sign of life

	subscribed   atomic.Bool  // the probe is subscribed
	probeHeard   atomic.Bool  // the probe was heard over this connection
	missedProbes atomic.Int32 // probes sent since one was heard

	// probeConfirmed holds a value once the probe is subscribed, so that it is sent at
	// once and not with the next beat.
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
		waitBackoff(ctx, attempt)
	}
}

// startGap begins a gap, unless one is open already.
func (s *shard) startGap() {
	if !s.gapOpen {
		s.gapOpen, s.gapSince = true, s.lastReceived.Add(-gapMargin)
	}
}

// serveConnection is the life of one connection. It always returns an error: why the
// connection ended.
func (s *shard) serveConnection(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	conn := s.rdb.Subscribe(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer end(nil)
	// Closing is the only way to end a read that waits. The context must end
	// first, or the library would dial again inside.
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
	case <-s.probeConfirmed: // by the connection before
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

// controlChannels are those of no user. The probe comes last: what hears it hears
// the others. On a cluster the first one's slot says which node to connect to,
// so it is a new name every time: any node will do, while the one of before may
// be gone and its place not taken yet.
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

// reloadCluster asks a cluster who its nodes are: the library would dial one that is
// gone for another ten seconds.
func (s *shard) reloadCluster(ctx context.Context) {
	if c, cluster := s.rdb.(*goredis.ClusterClient); cluster {
		c.ReloadState(ctx)
	}
}

// receive hears until the connection ends. Receive of the library reconnects by
// itself after an error; the result is thrown away, because only a connection
// that this package opened has its confirmations counted.
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
		if s.gapOpen { // whose message this is must know of the gap before
			s.reportGap(true)
		}
		s.handler.Deliver(s.prefix.user(m.Channel), []byte(m.Payload))
	}
}

// disconnect passes an operator's word on; what names nobody is ignored.
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
		s.observer.Observe(domain.UserFollowed{Prefix: string(s.prefix), Took: s.lastReceived.Sub(asked)})
	}
}

// reportGap tells of the gap once everyone is back, and ends it. With part it
// tells those who are back already.
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

// sendCommands sends what the roster asks for. What gathers while one command is on
// its way goes into the next.
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

// runProbe publishes to the connection's own channel, first when that is confirmed
// and then with each beat: a connection that hears nothing of it may look healthy
// for ever. A probe that could not be sent counts as unheard.
func (s *shard) runProbe(ctx context.Context) error {
	timer := time.NewTimer(domain.UntilBeat(time.Now(), s.interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.probeConfirmed:
		case <-timer.C:
		}
		// The next beat counts from this one, however long a probe takes.
		timer.Reset(domain.UntilBeat(time.Now(), s.interval))
		if s.missedProbes.Load() >= maxMissedProbes {
			return errProbeLost
		}
		s.missedProbes.Add(1)
		once, cancel := context.WithTimeout(ctx, s.interval)
		_ = s.rdb.Publish(once, s.probe, "").Err()
		cancel()
	}
}

// unhealthyReason says why the shard's users may hear nothing; nil once the connection
// has heard its probe. A connection that is confirmed but has not heard it yet may
// be deaf.
func (s *shard) unhealthyReason() error {
	if s.probeHeard.Load() {
		return nil
	}
	return s.subs.downReason()
}

// waitBackoff waits before the next attempt, at random, so that nodes which lost the
// same Redis do not come back to it together.
func waitBackoff(ctx context.Context, attempt int) {
	longest := maxBackoff
	if attempt < 6 {
		longest = min(maxBackoff, minBackoff<<attempt)
	}
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
