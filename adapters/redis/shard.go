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
	// maxChannels bounds one SUBSCRIBE: large enough to spare round trips, small
	// enough to keep Redis free for others.
	maxChannels = 1000
	// maxMisses is how many probes in a row may stay unheard.
	maxMisses = 2
	// minWait and maxWait bound the pause between two attempts to connect. The
	// longest is how late a node may be for a Redis that is back; an attempt at an
	// absent one costs little.
	minWait = 100 * time.Millisecond
	maxWait = time.Second
	// settled is how long a connection lasts that is no sign of trouble.
	settled = 5 * time.Second
	// underWay is how long a message may be on its way to us: one that was published
	// so long before the last sign of life may be lost as well. On a cluster it even
	// comes over another node than that.
	underWay = 500 * time.Millisecond
)

var errDeaf = errors.New("the subscription does not hear its probe")

// source is what a shard listens to.
type source struct {
	rdb      goredis.UniversalClient
	prefix   ChannelPrefix
	probe    string // the connection's own channel
	control  bool   // operators are heard on this connection
	interval time.Duration
	maxBytes int
}

// shard is one connection of the subscription and the users on it. Its
// goroutines: one receives and calls the handler, one sends commands, one
// probes, one closes; run waits for all of them.
type shard struct {
	source
	roster   *roster
	observer ports.Observer
	log      *slog.Logger

	// Of the receiving goroutine.
	handler ports.MessageHandler
	broken  bool      // a connection that worked was lost, and is not back
	since   time.Time // since when messages may be missing
	heard   time.Time // the last sign of life

	alive   atomic.Bool  // the probe is subscribed
	hearing atomic.Bool  // the probe was heard over this connection
	misses  atomic.Int32 // probes sent since one was heard

	// confirmed holds a value once the probe is subscribed, so that it is sent at
	// once and not with the next beat.
	confirmed chan struct{}
}

// run connects until ctx is done.
func (s *shard) run(ctx context.Context, handler ports.MessageHandler) {
	s.handler = handler
	defer s.roster.refuse(stopped, errStopped)
	for attempt := 0; ctx.Err() == nil; attempt++ {
		began := time.Now()
		err := redacted(s.session(ctx)) // callers and health checks get it as well
		worked := s.alive.Swap(false)
		s.hearing.Store(false)
		s.roster.broke(err)
		switch {
		case ctx.Err() != nil:
			return
		case worked:
			s.lose()
		default:
			s.roster.refuse(down, err)
		}
		if time.Since(began) > settled && worked {
			attempt = 0 // one that breaks at once again and again waits longer
		}
		if worked || attempt == 0 {
			s.log.WarnContext(ctx, "subscription to Redis is down", "error", err, "worked", worked)
		}
		pause(ctx, attempt)
	}
}

// lose begins a gap, unless one is open already.
func (s *shard) lose() {
	if !s.broken {
		s.broken, s.since = true, s.heard.Add(-underWay)
	}
}

// session is the life of one connection. It always returns an error: why the
// connection ended.
func (s *shard) session(ctx context.Context) error {
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
	if err := conn.Subscribe(ctx, s.ownChannels()...); err != nil {
		s.relearn(ctx)
		return err
	}
	s.misses.Store(0)
	select {
	case <-s.confirmed: // by the connection before
	default:
	}
	s.roster.opened()
	group.Go(func() { end(s.write(ctx, conn)) })
	group.Go(func() { end(s.watch(ctx)) })
	err := s.receive(ctx, conn)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ownChannels are those of no user. The probe comes last: what hears it hears
// the others. On a cluster the first one's slot says which node to connect to,
// so it is a new name every time: any node will do, while the one of before may
// be gone and its place not taken yet.
func (s *shard) ownChannels() []string {
	var own []string
	if _, cluster := s.rdb.(*goredis.ClusterClient); cluster {
		own = append(own, placePrefix+uuid.NewString())
	}
	if s.control {
		own = append(own, disconnectChannel, checkChannel)
	}
	return append(own, s.probe)
}

// relearn asks a cluster who its nodes are: the library would dial one that is
// gone for another ten seconds.
func (s *shard) relearn(ctx context.Context) {
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
		s.heard = time.Now()
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
		s.misses.Store(0)
		s.hearing.Store(true)
	case m.Channel == disconnectChannel:
		s.disconnect(m.Payload)
	case m.Channel == checkChannel:
		s.check(m.Payload)
	case len(m.Payload) > s.maxBytes:
		s.observer.Observe(domain.MessageFailed{Reason: domain.MessageTooBig})
	default:
		if s.broken { // whose message this is must know of the gap before
			s.announce(true)
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
		s.alive.Store(true)
		select {
		case s.confirmed <- struct{}{}:
		default:
		}
	case strings.HasPrefix(m.Channel, controlNames):
		return
	default:
		s.follow(m)
	}
	if s.broken && s.alive.Load() {
		s.announce(false)
	}
}

func (s *shard) follow(m *goredis.Subscription) {
	if asked, fresh := s.roster.confirm(s.prefix.user(m.Channel), m.Kind == "subscribe"); fresh {
		s.observer.Observe(domain.UserFollowed{Prefix: string(s.prefix), Took: s.heard.Sub(asked)})
	}
}

// announce tells of the gap once everyone is back, and ends it. With part it
// tells those who are back already.
func (s *shard) announce(part bool) {
	users, whole := s.roster.restored(part)
	if len(users) > 0 {
		s.handler.Missed(domain.Gap{Users: users, Since: s.since})
	}
	if !whole {
		return
	}
	s.broken = false
	s.observer.Observe(domain.Resubscribed{})
	s.log.Info("subscription to Redis is back", "since", s.since)
}

// write sends what the roster asks for. What gathers while one command is on
// its way goes into the next.
func (s *shard) write(ctx context.Context, conn *goredis.PubSub) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		subscribe, unsubscribe, sleep := s.roster.take(time.Now())
		for channels := range slices.Chunk(subscribe, maxChannels) {
			if err := conn.Subscribe(ctx, channels...); err != nil {
				return err
			}
		}
		for channels := range slices.Chunk(unsubscribe, maxChannels) {
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
		case <-s.roster.wake:
		case <-timer.C:
		}
	}
}

// watch publishes to the connection's own channel, first when that is confirmed
// and then with each beat: a connection that hears nothing of it may look healthy
// for ever. A probe that could not be sent counts as unheard.
func (s *shard) watch(ctx context.Context) error {
	timer := time.NewTimer(domain.UntilBeat(time.Now(), s.interval))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.confirmed:
		case <-timer.C:
		}
		// The next beat counts from this one, however long a probe takes.
		timer.Reset(domain.UntilBeat(time.Now(), s.interval))
		if s.misses.Load() >= maxMisses {
			return errDeaf
		}
		s.misses.Add(1)
		once, cancel := context.WithTimeout(ctx, s.interval)
		_ = s.rdb.Publish(once, s.probe, "").Err()
		cancel()
	}
}

// problem says why the shard's users may hear nothing; nil once the connection
// has heard its probe. A connection that is confirmed but has not heard it yet may
// be deaf.
func (s *shard) problem() error {
	if s.hearing.Load() {
		return nil
	}
	return s.roster.why()
}

// pause waits before the next attempt, at random, so that nodes which lost the
// same Redis do not come back to it together.
func pause(ctx context.Context, attempt int) {
	longest := maxWait
	if attempt < 6 {
		longest = min(maxWait, minWait<<attempt)
	}
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
