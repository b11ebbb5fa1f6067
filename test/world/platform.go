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

// PlatformConfig configures the simulated platform.
type PlatformConfig struct {
	// KafkaAddr is host:port, or several separated by commas. When it is empty, the
	// platform reads no commands and drops its Kafka notifications.
	KafkaAddr string
	// RedisURL is the Redis for direct notifications. When it is empty, they are dropped.
	RedisURL string
	// InternalKey is the API key that internal routes require.
	InternalKey string
	// Pace is the duration of one pipeline phase; 0 means 1.5 s.
	Pace time.Duration
	// CommandTopic and NotificationTopic default to the topics of the wire contract.
	CommandTopic, NotificationTopic domain.Topic
	// Group is the consumer group for commands. It defaults to the orchestrator's.
	Group string
	// AggregatorAddr, OrchestratorAddr, ClassesAddr, TeacherAddr and FilesAddr are
	// the listen addresses. An empty address selects a free port on loopback.
	AggregatorAddr, OrchestratorAddr, ClassesAddr, TeacherAddr, FilesAddr string
	// ChannelPrefix precedes the user id in Redis channel names; empty means "ws:".
	ChannelPrefix string
	// Log receives the platform's log; nil discards it.
	Log *slog.Logger
}

// withDefaults sets the defaults of empty fields.
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

// Platform simulates the services behind the edge: result aggregator, batch
// orchestrator, class management, teacher backend and file service, over HTTP. It
// also reads pipeline commands from Kafka, runs the phases of the batches and
// notifies the teachers. Its state is in memory.
type Platform struct {
	config       PlatformConfig
	registry     *registry
	notifier     *notifier
	aggregator   *backend
	orchestrator *backend
	classes      *backend
	teacher      *backend
	classStore   *classStore
	files        *backend
	uploadStore  *uploadStore

	ctx    context.Context // ends all background work
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// StartPlatform starts the platform without batches. With Kafka it returns after
// the topics exist. The caller must call Close after success.
func StartPlatform(c PlatformConfig) (*Platform, error) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Platform{config: c.withDefaults(), registry: newRegistry(), ctx: ctx, cancel: cancel}
	p.classStore, p.uploadStore = &classStore{classes: map[domain.UserID][]classDocument{}}, &uploadStore{}
	if err := p.start(); err != nil {
		p.Close()
		return nil, fmt.Errorf("start the simulated platform: %w", err)
	}
	return p, nil
}

func (p *Platform) start() error {
	var err error
	if p.notifier, err = newNotifier(p.config); err != nil {
		return err
	}
	if p.aggregator, err = startBackend(p.config.AggregatorAddr, p.aggregatorRoutes()); err != nil {
		return err
	}
	if p.orchestrator, err = startBackend(p.config.OrchestratorAddr, p.orchestratorRoutes()); err != nil {
		return err
	}
	if p.classes, err = startBackend(p.config.ClassesAddr, p.classRoutes()); err != nil {
		return err
	}
	if p.teacher, err = startBackend(p.config.TeacherAddr, p.teacherRoutes()); err != nil {
		return err
	}
	if p.files, err = startBackend(p.config.FilesAddr, p.fileRoutes()); err != nil {
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

// Close stops the platform and leaves batches in their current state. It may be
// called more than once.
func (p *Platform) Close() {
	p.cancel()
	for _, b := range []*backend{p.aggregator, p.orchestrator, p.classes, p.teacher, p.files} {
		if b != nil {
			b.close()
		}
	}
	p.work.Wait()
	if p.notifier != nil {
		p.notifier.close()
	}
}

// AggregatorURL returns the base URL of the result aggregator.
func (p *Platform) AggregatorURL() string { return p.aggregator.url() }

// OrchestratorURL returns the base URL of the batch orchestrator.
func (p *Platform) OrchestratorURL() string { return p.orchestrator.url() }

// ClassesURL returns the base URL of class management.
func (p *Platform) ClassesURL() string { return p.classes.url() }

// TeacherURL returns the base URL of the teacher backend.
func (p *Platform) TeacherURL() string { return p.teacher.url() }

// FilesURL returns the base URL of the file service.
func (p *Platform) FilesURL() string { return p.files.url() }

// FailAggregator makes the aggregator fail until it is called with NoFailure.
func (p *Platform) FailAggregator(kind FailureMode) { p.aggregator.failure.Store(int32(kind)) }

// FailOrchestrator makes the orchestrator's routes fail until it is called with NoFailure.
func (p *Platform) FailOrchestrator(kind FailureMode) { p.orchestrator.failure.Store(int32(kind)) }

// FailClasses makes class management fail until it is called with NoFailure.
func (p *Platform) FailClasses(kind FailureMode) { p.classes.failure.Store(int32(kind)) }

// FailTeacher makes the teacher backend fail until it is called with NoFailure.
func (p *Platform) FailTeacher(kind FailureMode) { p.teacher.failure.Store(int32(kind)) }

// FailFiles makes the file service fail until it is called with NoFailure.
func (p *Platform) FailFiles(kind FailureMode) { p.files.failure.Store(int32(kind)) }

// errClosed ends the platform's waits when it closes.
var errClosed = errors.New("the platform was closed")

// pause waits for the duration. It returns errClosed at once when the platform closes.
func (p *Platform) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-p.ctx.Done():
		return errClosed
	}
}
