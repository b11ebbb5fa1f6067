// Package frames holds what is seen on sockets and on Kafka against the schemas
// of the AsyncAPI document, so that the document cannot promise anything else
// than the services do.
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

// Contract is the document's schemas, compiled as they are asked for. It serves
// many goroutines.
type Contract struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	broken   error // the document cannot be read; every check tells
}

// Open reads the document, which takes some milliseconds: once is enough for a
// package of tests.
func Open() *Contract {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7) // which AsyncAPI's own schema language extends
	c.AssertFormat()
	return &Contract{compiler: c, broken: load(c)}
}

// Check fails the test unless the frame, sent to a client, is one that the
// document describes. It returns the name of the message that it is.
func (c *Contract) Check(t testing.TB, frame []byte) string {
	t.Helper()
	name := nameOf(frame)
	if err := c.Against(name, frame); err != nil {
		t.Errorf("not a frame as described: %v\n%s", err, frame)
	}
	return name
}

// nameOf finds the message that a frame claims to be.
func nameOf(frame []byte) string {
	var f struct{ Type, Event string }
	_ = json.Unmarshal(frame, &f) // what is no JSON is no notification either
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

// Against holds a JSON text against the payload of a message of the document.
func (c *Contract) Against(message string, text []byte) error {
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

// location is what the compiler knows the document by; nothing is fetched.
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

func (c *Contract) schema(message string) (*jsonschema.Schema, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiler.Compile(location + "#/components/messages/" + message + "/payload")
}
