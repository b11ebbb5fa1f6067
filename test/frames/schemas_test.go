package frames_test

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/api"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/eventstream"
	"github.com/huleedu/edge/test/frames"
	"github.com/huleedu/edge/test/world"
)

func TestValidFrames(t *testing.T) {
	contract := frames.Load()
	for text, name := range map[string]string{
		`{"type":"pong"}`: "Pong",
		`{"type":"refreshed","expires_at":"2026-01-02T03:04:05Z"}`:                                                                        "Refreshed",
		`{"event":"resync","data":{"reason":"subscription_gap","since":"2026-01-02T03:04:05.678Z"}}`:                                      "Resync",
		`{"event":"position","data":{"last_event_id":"0-0"}}`:                                                                             "Position",
		`{"event":"replay_incomplete","data":{"last_event_id":"5-1","oldest_available":null}}`:                                            "ReplayIncomplete",
		`{"event":"essay_status_updated","data":{"essay_id":"e1","status":"x","timestamp":"2026-01-02T03:04:05Z","correlation_id":null}}`: "EssayStatusUpdated",
		`{"event":"batch_results_ready","data":{"any":1}}`:                                                                                "Notification", // published directly
		`{"event":"batch_results_ready","data":{"overall_status":"x","more":1,"category":"processing_results","priority":"high","action_required":false,"deadline":null,` +
			`"batch_id":"b1","class_id":null,"correlation_id":null,"timestamp":"2026-01-02T03:04:05Z"},"id":"1-0"}`: "BatchResultsReady",
		`{"event":"x","data":{"category":"batch_progress","priority":"low","action_required":false,"deadline":null,` +
			`"batch_id":null,"class_id":null,"correlation_id":null,"timestamp":"2026-01-02T03:04:05Z"},"id":"1-0"}`: "Notification",
	} {
		require.Equal(t, name, contract.Check(t, []byte(text)))
	}
}

func TestInvalidFrames(t *testing.T) {
	contract := frames.Load()
	for text, name := range map[string]string{
		`{"type":"ping"}`:         "Pong",
		`{"type":"refreshed"}`:    "Refreshed",
		`{"event":"x"}`:           "Notification",
		`{"event":1,"data":{}}`:   "Notification",
		`{"event":"x","data":[]}`: "Notification",
		`{"event":"essay_status_updated","data":{"any":1}}`: "EssayStatusUpdated",
		`{"event":"batch_files_uploaded","data":{"file_count":"two","category":"file_operations","priority":"low","action_required":false,"deadline":null,` +
			`"batch_id":"b1","class_id":null,"correlation_id":null,"timestamp":"2026-01-02T03:04:05Z"},"id":"1-0"}`: "BatchFilesUploaded",
		`hello`: "Notification",
		`{"event":"x","data":{"category":"batch_progress"},"id":"1-0"}`:                       "Notification", // seven keys are missing
		`{"event":"resync","data":{"reason":"subscription_gap","since":"yesterday"}}`:         "Resync",
		`{"event":"position","data":{"last_event_id":"now"}}`:                                 "Position",
		`{"event":"replay_incomplete","data":{"last_event_id":"5-1"}}`:                        "ReplayIncomplete",
		`{"event_id":"1","event_type":"huleedu.notification.teacher.requested.v1","data":{}}`: "Request",
	} {
		require.Error(t, contract.Validate(name, []byte(text)), text)
	}
	require.Error(t, contract.Validate("NoSuchMessage", []byte(`{}`)))
}

// document is the part of the AsyncAPI document that the schemas do not cover.
type document struct {
	Channels struct {
		Socket struct {
			Closes []struct {
				Code      int    `yaml:"code"`
				ErrorCode string `yaml:"error_code"`
			} `yaml:"x-closes"`
		} `yaml:"socket"`
		Events struct {
			Example string `yaml:"x-example"`
		}
		Requested   struct{ Address string }
		DeadLetters struct{ Address string } `yaml:"deadLetters"`
	}
	Components struct {
		Messages map[string]struct {
			Name         string
			Notification *struct {
				Category, Priority, Published string
				ActionRequired                bool `yaml:"action_required"`
			} `yaml:"x-notification"`
			Examples []struct{ Payload any }
		}
	}
}

func read(t *testing.T) document {
	t.Helper()
	var d document
	require.NoError(t, yaml.Unmarshal(api.AsyncAPI(), &d))
	return d
}

// TestTypesAreListed checks that the document lists all types that the platform sends.
func TestTypesAreListed(t *testing.T) {
	var listed, sent []string
	for _, m := range read(t).Components.Messages {
		if n := m.Notification; n != nil && n.Published == "" {
			listed = append(listed, fmt.Sprint(m.Name, n.Category, n.Priority, n.ActionRequired))
		}
	}
	for _, n := range world.NotificationRequests() {
		sent = append(sent, fmt.Sprint(n.Type, n.Category, n.Priority, n.ActionRequired))
	}
	require.ElementsMatch(t, sent, listed)
}

// TestExamplesMatchTheirSchemas checks that every message of the socket and every request has
// examples, and that each matches the schema of its message.
func TestExamplesMatchTheirSchemas(t *testing.T) {
	schemas := frames.Load()
	checked := 0
	for name, m := range read(t).Components.Messages {
		if name == "DeadLetter" || name == "User" { // no JSON
			continue
		}
		require.NotEmpty(t, m.Examples, name)
		for _, e := range m.Examples {
			frame, err := json.Marshal(e.Payload)
			require.NoError(t, err)
			require.NoError(t, schemas.Validate(name, frame), "%s: %s", name, frame)
			if m.Notification != nil {
				require.Equal(t, name, schemas.Check(t, frame))
			}
			checked++
		}
	}
	require.Greater(t, checked, 20)
}

// TestExampleOfAStream checks that the example of the event stream shows each of its parts, and
// that its data match the schemas.
func TestExampleOfAStream(t *testing.T) {
	schemas := frames.Load()
	stream := eventstream.NewReader(strings.NewReader(read(t).Channels.Events.Example))
	for _, want := range []eventstream.Event{{ID: "1767323045678-0", Type: "Position"}, {ID: "1767323060123-0", Type: "ClassCreated"}} {
		got, err := stream.Next()
		require.NoError(t, err)
		require.Equal(t, want.ID, got.ID)
		require.Equal(t, want.Type, schemas.Check(t, []byte(got.Data)))
	}
	end, err := stream.Next()
	require.NoError(t, err)
	require.Equal(t, "close", end.Type)
	require.NoError(t, schemas.Validate("StreamClose", []byte(end.Data)))
	require.NoError(t, schemas.Validate("StreamRetry", strconv.AppendInt(nil, stream.Retry.Milliseconds(), 10)))
	require.Equal(t, 1, stream.Comments)
	_, err = stream.Next()
	require.ErrorIs(t, err, io.EOF)
}

// TestBothTransportsHaveTheSameMessages checks the messages of the two channels of a client.
func TestBothTransportsHaveTheSameMessages(t *testing.T) {
	var d struct {
		Channels map[string]struct{ Messages map[string]map[string]string }
	}
	require.NoError(t, yaml.Unmarshal(api.AsyncAPI(), &d))
	socket, events := d.Channels["socket"].Messages, d.Channels["events"].Messages
	for _, name := range []string{"ping", "pong", "refresh", "refreshed"} {
		delete(socket, name)
	}
	for _, name := range []string{"streamRetry", "streamClose"} {
		delete(events, name)
	}
	require.Equal(t, socket, events)
	require.Len(t, events, 20)
}

// TestClosesAreListed checks that the document lists exactly the close codes of the
// service, with existing error codes.
func TestClosesAreListed(t *testing.T) {
	var listed []int
	for _, c := range read(t).Channels.Socket.Closes {
		listed = append(listed, c.Code)
		require.True(t, c.ErrorCode == "" || slices.Contains(domain.Codes(), domain.Code(c.ErrorCode)), c.ErrorCode)
	}
	var sent []int
	for _, entry := range websocket.Catalogue() {
		sent = append(sent, int(entry.Close.Status))
	}
	require.Equal(t, sent, listed)
}

func TestTopicsMatchTheDomain(t *testing.T) {
	c := read(t).Channels
	require.Equal(t, string(domain.NotificationTopic), c.Requested.Address)
	require.Equal(t, string(domain.NotificationTopic)+".dlq", c.DeadLetters.Address)
}
