package main

import (
	"encoding/binary"
	"encoding/json"
	"net/url"
)

// protocol says how clients connect to a notification server, and how a message for one of its users
// is published in Redis.
type protocol struct {
	socket  func(token string) string // path and query of a WebSocket handshake
	stream  func(token string) string // path and query of an event stream
	channel string                    // prefix of a user's Redis channel
	wrap    func(message []byte) []byte
}

// edgeProtocol is the protocol of the notification service and of its baseline.
func edgeProtocol() protocol {
	return protocol{
		socket:  func(token string) string { return "/ws?token=" + token },
		stream:  func(token string) string { return "/events?token=" + token },
		channel: "ws:",
		wrap:    func(message []byte) []byte { return message },
	}
}

// centrifugoProtocol is Centrifugo's unidirectional WebSocket and event stream. The server subscribes a
// client to the personal channel of its user. In Redis a message is a protobuf Publication with field 4 only.
func centrifugoProtocol() protocol {
	connect := func(token string) string {
		command, _ := json.Marshal(map[string]string{"token": token}) // strings can always be encoded
		return "?cf_connect=" + url.QueryEscape(string(command))
	}
	return protocol{
		socket:  func(token string) string { return "/connection/uni_websocket" + connect(token) },
		stream:  func(token string) string { return "/connection/uni_sse" + connect(token) },
		channel: "centrifugo.client.#",
		wrap: func(message []byte) []byte {
			const dataField = 4<<3 | 2 // number and type: bytes
			return append(binary.AppendUvarint([]byte{dataField}, uint64(len(message))), message...)
		},
	}
}
