package domain

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Topic is the name of a Kafka topic. It is also the event type of its records.
type Topic string

const (
	// CommandTopic is the topic of the commands that the gateway publishes to start pipelines.
	CommandTopic Topic = "huleedu.commands.batch.pipeline.v1"
	// NotificationTopic is the topic of the platform's requests to notify a user.
	NotificationTopic Topic = "huleedu.notification.teacher.requested.v1"
)

// SchemaVersion is the version of the envelopes that this module writes.
const SchemaVersion = 1

// Envelope is the JSON object of every event on Kafka. It always has these nine
// members.
type Envelope struct {
	EventID        string            `json:"event_id"`
	EventType      string            `json:"event_type"`
	EventTimestamp time.Time         `json:"event_timestamp"`
	SourceService  string            `json:"source_service"`
	SchemaVersion  int               `json:"schema_version"`
	CorrelationID  string            `json:"correlation_id"`
	DataSchemaURI  *string           `json:"data_schema_uri"`
	Data           json.RawMessage   `json:"data"`
	Metadata       map[string]string `json:"metadata"`
}

// Encode returns the value of the record, with the timestamp in UTC. It returns an
// UNKNOWN_ERROR if the data is not JSON.
func (e Envelope) Encode() ([]byte, error) {
	e.EventTimestamp = e.EventTimestamp.UTC()
	value, err := EncodeJSON(e)
	if err != nil {
		return nil, Unknown(err).WithOp("domain.Encode")
	}
	return value, nil
}

// ErrNoEnvelope is the cause when a record does not contain an envelope.
var ErrNoEnvelope = errors.New("no event envelope")

// ParseEnvelope parses an envelope of any producer. Event id, event type and data
// are required. A field of another type is left empty, because only these three
// decide whether the event can be processed. Member names match exactly. It returns
// a PARSING_ERROR.
func ParseEnvelope(record []byte) (Envelope, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(record, &members); err != nil {
		return Envelope{}, ParseFailure("event envelope", errors.Join(ErrNoEnvelope, err))
	}
	e := Envelope{
		EventID:       StringValue(members["event_id"]),
		EventType:     StringValue(members["event_type"]),
		SourceService: StringValue(members["source_service"]),
		CorrelationID: StringValue(members["correlation_id"]),
		Data:          members["data"],
		Metadata:      stringMembers(members["metadata"]),
	}
	e.EventTimestamp, _ = time.Parse(time.RFC3339Nano, StringValue(members["event_timestamp"]))
	_ = json.Unmarshal(members["schema_version"], &e.SchemaVersion)
	switch {
	case strings.TrimSpace(e.EventID) == "", LoneSurrogate(members["event_id"]) >= 0:
		return Envelope{}, ParseFailure("event_id", ErrNoEnvelope)
	case e.EventType == "":
		return Envelope{}, ParseFailure("event_type", ErrNoEnvelope)
	case len(e.Data) == 0:
		return Envelope{}, ParseFailure("data", ErrNoEnvelope)
	}
	return e, nil
}

// stringMembers returns the members of a JSON object that are non-empty strings.
func stringMembers(raw json.RawMessage) map[string]string {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return nil
	}
	out := make(map[string]string, len(members))
	for k, v := range members {
		if s := StringValue(v); s != "" {
			out[k] = s
		}
	}
	return out
}
