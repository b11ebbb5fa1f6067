package websocket

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/huleedu/edge/domain"
)

const pong = `{"type":"pong"}`

// hear takes a client's text frame. Nothing that is well-formed disturbs the
// session.
func (s *session) hear(text []byte) {
	if !utf8.Valid(text) {
		s.cut(BadText.Close())
		return
	}
	c := commandOf(text)
	s.manager.observer.Observe(domain.FrameReceived{Type: c.kind})
	switch c.kind {
	case domain.FramePing:
		s.post(letter{payload: []byte(pong)})
	case domain.FrameRefresh:
		s.refresh(c.token)
	case domain.FrameIgnored:
	}
}

// ignore takes a client's binary frame.
func (s *session) ignore() {
	s.manager.observer.Observe(domain.FrameReceived{Type: domain.FrameIgnored})
}

// command is what a client's frame asks for.
type command struct {
	kind  domain.FrameType
	token string // of a refresh; empty where there is none
}

// commandOf reads a client's frame; what is not understood is ignored.
func commandOf(text []byte) command {
	var frame struct {
		Type  string `json:"type"`
		Token any    `json:"token"`
	}
	if json.Unmarshal(text, &frame) != nil {
		return command{kind: domain.FrameIgnored}
	}
	switch kind := domain.FrameType(frame.Type); kind {
	case domain.FramePing:
		return command{kind: kind}
	case domain.FrameRefresh:
		token, _ := frame.Token.(string)
		return command{kind: kind, token: token}
	default:
		return command{kind: domain.FrameIgnored}
	}
}
