package websocket

import (
	"math"
	"unicode/utf8"

	"github.com/huleedu/edge/adapters/internal/jsonmember"
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
// has no token. A value that is not a string counts as an empty one.
func parseCommand(text []byte) command {
	object, err := jsonmember.Parse(text, math.MaxInt) // the size of a frame is limited
	types, tokens := object.Find("type"), object.Find("token")
	if err != nil || len(types) != 1 {
		return command{kind: domain.FrameIgnored}
	}
	switch kind := domain.FrameType(jsonmember.Text(object.Value(types[0]))); {
	case kind == domain.FrameRefresh && len(tokens) == 1:
		return command{kind: kind, token: jsonmember.Text(object.Value(tokens[0]))}
	case kind == domain.FrameRefresh, kind == domain.FramePing:
		return command{kind: kind}
	default:
		return command{kind: domain.FrameIgnored}
	}
}
