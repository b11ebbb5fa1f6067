package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/huleedu/edge/domain"
)

// PlatformConfig says what the simulated platform is connected to.
type PlatformConfig struct {
	// KafkaAddr is host:port, or several with commas. Empty: the platform takes
	// no commands and its notifications go nowhere.
	KafkaAddr string
	// RedisURL is where direct notifications are published; empty: nowhere.
	RedisURL string
	// InternalKey is what internal routes demand.
	InternalKey string
	// Pace is how long one phase of a pipeline takes; 0 means 1.5 s.
	Pace time.Duration
	// CommandTopic and NotificationTopic are the contract's unless set.
	CommandTopic, NotificationTopic domain.Topic
	// Group is the consumer group for commands; empty means the orchestrator's.
	Group string
	// AggregatorAddr, OrchestratorAddr, ClassesAddr, TeacherAddr and FilesAddr are
	// where the services listen; empty means a free port on loopback.
	AggregatorAddr, OrchestratorAddr, ClassesAddr, TeacherAddr, FilesAddr string
	// ChannelPrefix stands before a user's id in the names of Redis channels;
	// empty means "ws:".
	ChannelPrefix string
	// Log hears what the platform does; nil: nobody.
	Log *slog.Logger
}

// withDefaults fills what was left empty.
func (c PlatformConfig) withDefaults() PlatformConfig {
	if c.Pace == 0 {
		c.Pace = 1500 * time.Millisecond
	}
	if c.CommandTopic == "" {
		c.CommandTopic = domain.CommandTopic
	}
	if c.NotificationTopic == "" {
		c.NotificationTopic = domain.NotificationTopic
	}
	if c.Group == "" {
		c.Group = "batch-orchestrator-service"
	}
	if c.ChannelPrefix == "" {
		c.ChannelPrefix = "ws:"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Platform is the platform behind the two services, in so far as they can tell:
// a result aggregator, a batch orchestrator, class management, the teachers' own
// backend and a file service over real HTTP, and an orchestrator's hand that takes commands from Kafka, drives batches through
// their phases and tells their teachers. Its memory is the process's.
type Platform struct {
	config       PlatformConfig
	registry     *registry
	courier      *courier
	aggregator   *backend
	orchestrator *backend
	classes      *backend
	teacher      *backend
	school       *school
	files        *backend
	shelf        *shelf

	ctx    context.Context // ends everything the platform started
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// StartPlatform brings the platform up, without any batch. With Kafka it
// returns once the topics exist. Close is owed after success.
func StartPlatform(c PlatformConfig) (*Platform, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Platform{config: c.withDefaults(), registry: newRegistry(), ctx: ctx, cancel: cancel}
	p.school, p.shelf = &school{classes: map[domain.UserID][]classDocument{}}, &shelf{}
	if err := p.start(); err != nil {
		p.Close()
		return nil, fmt.Errorf("start the simulated platform: %w", err)
	}
	return p, nil
}

func (p *Platform) start() error {
	var err error
	if p.courier, err = newCourier(p.config); err != nil {
		return err
	}
	if p.aggregator, err = serve(p.config.AggregatorAddr, p.aggregatorRoutes()); err != nil {
		return err
	}
	if p.orchestrator, err = serve(p.config.OrchestratorAddr, p.orchestratorRoutes()); err != nil {
		return err
	}
	if p.classes, err = serve(p.config.ClassesAddr, p.classRoutes()); err != nil {
		return err
	}
	if p.teacher, err = serve(p.config.TeacherAddr, p.teacherRoutes()); err != nil {
		return err
	}
	if p.files, err = serve(p.config.FilesAddr, p.fileRoutes()); err != nil {
		return err
	}
	if p.config.KafkaAddr == "" {
		return nil
	}
	if err := ensureTopics(p.ctx, p.config); err != nil {
		return err
	}
	p.work.Go(p.consume)
	return nil
}

// Close ends the platform: batches stop where they are. It may be called more
// than once.
func (p *Platform) Close() {
	p.cancel()
	for _, b := range []*backend{p.aggregator, p.orchestrator, p.classes, p.teacher, p.files} {
		if b != nil {
			b.close()
		}
	}
	p.work.Wait()
	if p.courier != nil {
		p.courier.close()
	}
}

// AggregatorURL is the result aggregator's base URL.
func (p *Platform) AggregatorURL() string { return p.aggregator.url() }

// OrchestratorURL is the batch orchestrator's base URL.
func (p *Platform) OrchestratorURL() string { return p.orchestrator.url() }

// ClassesURL is class management's base URL.
func (p *Platform) ClassesURL() string { return p.classes.url() }

// TeacherURL is the base URL of the teachers' own backend.
func (p *Platform) TeacherURL() string { return p.teacher.url() }

// FilesURL is the file service's base URL.
func (p *Platform) FilesURL() string { return p.files.url() }

// TroubleAggregator makes the aggregator fail until NoTrouble.
func (p *Platform) TroubleAggregator(kind Trouble) { p.aggregator.trouble.Store(int32(kind)) }

// TroubleOrchestrator makes the orchestrator's HTTP side fail until NoTrouble.
func (p *Platform) TroubleOrchestrator(kind Trouble) { p.orchestrator.trouble.Store(int32(kind)) }

// TroubleClasses makes class management fail until NoTrouble.
func (p *Platform) TroubleClasses(kind Trouble) { p.classes.trouble.Store(int32(kind)) }

// TroubleTeacher makes the teachers' own backend fail until NoTrouble.
func (p *Platform) TroubleTeacher(kind Trouble) { p.teacher.trouble.Store(int32(kind)) }

// TroubleFiles makes the file service fail until NoTrouble.
func (p *Platform) TroubleFiles(kind Trouble) { p.files.trouble.Store(int32(kind)) }

// errClosed is what the platform's own waits end with.
var errClosed = errors.New("the platform was closed")

// pause waits, or returns errClosed at once when the platform closes.
func (p *Platform) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-p.ctx.Done():
		return errClosed
	}
}
