package websocket

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/huleedu/edge/domain"
)

const (
	// maxCommand bounds what is looked into; a longer frame is no command.
	maxCommand = 1024
	pong       = `{"type":"pong"}`
)

// fits ends the session for a message that is too large once it is inflated;
// what came over the wire has been judged before.
func (s *session) fits(message []byte) bool {
	if int64(len(message)) <= s.manager.config.MaxMessageBytes {
		return true
	}
	s.cut(TooLarge.Close())
	return false
}

// hear takes a client's text frame. Nothing that is well-formed disturbs the
// session.
func (s *session) hear(text []byte) {
	if !utf8.Valid(text) {
		s.cut(BadText.Close())
		return
	}
	kind := kindOf(text)
	s.manager.observer.Observe(domain.FrameReceived{Type: kind})
	if kind == domain.FramePing {
		s.post(letter{payload: []byte(pong)})
	}
}

// ignore takes a client's binary frame.
func (s *session) ignore() {
	s.manager.observer.Observe(domain.FrameReceived{Type: domain.FrameIgnored})
}

// kindOf reads the kind of a client's frame; what is not understood is
// ignored.
func kindOf(text []byte) domain.FrameType {
	if len(text) > maxCommand {
		return domain.FrameIgnored
	}
	var command struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(text, &command) == nil && command.Type == string(domain.FramePing) {
		return domain.FramePing
	}
	return domain.FrameIgnored
}
