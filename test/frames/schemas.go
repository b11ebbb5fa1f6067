// Package frames validates WebSocket frames and Kafka events against the schemas of
// the AsyncAPI document, so that tests detect a difference between document and
// services.
package frames

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/huleedu/edge/api"
)

// Schemas holds the schemas of the document and compiles them on demand. It is safe
// for concurrent use.
type Schemas struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	err      error // error of reading the document, which every check returns
	typed    map[string]typedMessage
}

// typedMessage is the message of a notification type.
type typedMessage struct {
	name string
	// stored is true if notifications of the type come from Kafka and have an id.
	stored bool
}

// Load reads the document. This takes some milliseconds, so a test package should call
// it once.
func Load() *Schemas {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // AsyncAPI schemas are a superset of draft 7
	c.AssertFormat()
	s := &Schemas{compiler: c, err: load(c)}
	if s.err == nil {
		s.typed, s.err = typedMessages()
	}
	return s
}

// typedMessages returns the messages of the notification types by type.
func typedMessages() (map[string]typedMessage, error) {
	var document struct {
		Components struct {
			Messages map[string]struct {
				Name         string
				Notification *struct{ Published string } `yaml:"x-notification"`
			}
		}
	}
	if err := yaml.Unmarshal(api.AsyncAPI(), &document); err != nil {
		return nil, err
	}
	typed := map[string]typedMessage{}
	for name, m := range document.Components.Messages {
		if n := m.Notification; n != nil {
			typed[m.Name] = typedMessage{name: name, stored: n.Published != "direct"}
		}
	}
	return typed, nil
}

// Check fails the test unless the frame matches its schema. It returns the name of the
// message.
func (c *Schemas) Check(t testing.TB, frame []byte) string {
	t.Helper()
	name := c.messageName(frame)
	if err := c.Validate(name, frame); err != nil {
		t.Errorf("frame does not match its schema: %v\n%s", err, frame)
	}
	return name
}

// messageName returns the message name for the type or event of a frame. A type that the
// platform stores has its own message only with an id: any service may publish a message
// with the same type on Redis.
func (c *Schemas) messageName(frame []byte) string {
	var f struct {
		Type, Event string
		ID          *string
	}
	_ = json.Unmarshal(frame, &f) // invalid JSON fails later as a notification
	if m, known := c.typed[f.Event]; known && (f.ID != nil) == m.stored {
		return m.name
	}
	switch {
	case f.Type == "pong":
		return "Pong"
	case f.Type == "refreshed":
		return "Refreshed"
	case f.Event == "resync":
		return "Resync"
	case f.Event == "position":
		return "Position"
	case f.Event == "replay_incomplete":
		return "ReplayIncomplete"
	default:
		return "Notification"
	}
}

// Validate validates a JSON text against the payload schema of a message.
func (c *Schemas) Validate(message string, text []byte) error {
	schema, err := c.schema(message)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", message, err)
	}
	return schema.Validate(value)
}

// location is the URI of the document in the compiler. Nothing is fetched.
const location = "urn:asyncapi"

func load(c *jsonschema.Compiler) error {
	text, err := yaml.YAMLToJSON(api.AsyncAPI())
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return c.AddResource(location, document)
}

func (c *Schemas) schema(message string) (*jsonschema.Schema, error) {
	if c.err != nil {
		return nil, c.err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile(location + "#/components/messages/" + message + "/payload")
}
