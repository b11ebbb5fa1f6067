package main

import (
	"fmt"
	"strings"

	"github.com/huleedu/edge/adapters/websocket"
)

// closesPage is where closes is written to.
const closesPage = "docs/closes.md"

// sampleID shows how much room a correlation id leaves for the message.
const sampleID = "00000000-0000-0000-0000-000000000000"

// closes is the page about how connections end.
func closes() string {
	var b strings.Builder
	b.WriteString(`# How connections end

Generated from the catalogue in adapters/websocket/closes.go by ` + "`go run ./test/docs`" + `.

Every close of the notification service is one of these. The reason is compact JSON of at most 123 bytes; its
message is shortened to what fits. A client that reads no close frame (1006) lost the network or was cut off:
it reconnects with backoff.

| code | reason | when | client should |
|---|---|---|---|
`)
	for _, e := range websocket.Catalogue() {
		reason := strings.Replace(e.Close.Reason(sampleID), sampleID, "<uuid>", 1)
		if reason != "" {
			reason = "`" + reason + "`"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", e.Close.Status, reason, e.When, e.Then)
	}
	return b.String()
}
