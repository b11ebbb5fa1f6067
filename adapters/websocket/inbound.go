package websocket

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/huleedu/edge/domain"
)

const pong = `{"type":"pong"}`

// handleText handles a text frame of the client. Text that is not UTF-8 closes the
// session; unknown frames are ignored.
func (c *socket) handleText(text []byte) {
	if !utf8.Valid(text) {
		c.session.Abort(InvalidUTF8)
		return
	}
	command := parseCommand(text)
	c.manager.observer.Observe(domain.FrameReceived{Type: command.kind})
	switch command.kind {
	case domain.FramePing:
		c.session.Reply([]byte(pong))
	case domain.FrameRefresh:
		c.handleRefresh(command.token)
	case domain.FrameIgnored:
	}
}

// handleBinary ignores a binary frame.
func (c *socket) handleBinary() {
	c.manager.observer.Observe(domain.FrameReceived{Type: domain.FrameIgnored})
}

// command is the content of a client's text frame.
type command struct {
	kind  domain.FrameType
	token string // of a refresh; empty without one
}

// parseCommand parses a text frame; an unknown frame is FrameIgnored. Member names
// must match exactly. A frame with two types is unknown; a refresh with two tokens
// has no token.
func parseCommand(text []byte) command {
	if !json.Valid(text) {
		return command{kind: domain.FrameIgnored}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return command{kind: domain.FrameIgnored}
	}
	types, tokens := memberValues(d)
	if len(types) != 1 {
		return command{kind: domain.FrameIgnored}
	}
	switch kind := domain.FrameType(types[0]); kind {
	case domain.FramePing:
		return command{kind: kind}
	case domain.FrameRefresh:
		if len(tokens) != 1 {
			return command{kind: kind}
		}
		return command{kind: kind, token: tokens[0]}
	default:
		return command{kind: domain.FrameIgnored}
	}
}

// memberValues returns the values of all members named type and token of an object
// whose opening brace was read. A value that is not a string becomes an empty one.
func memberValues(d *json.Decoder) (types, tokens []string) {
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil
		}
		var value any
		if name != "type" && name != "token" {
			var skipped json.RawMessage
			if d.Decode(&skipped) != nil {
				return nil, nil
			}
			continue
		}
		if d.Decode(&value) != nil {
			return nil, nil
		}
		text, _ := value.(string)
		if name == "type" {
			types = append(types, text)
		} else {
			tokens = append(tokens, text)
		}
	}
	return types, tokens
}
