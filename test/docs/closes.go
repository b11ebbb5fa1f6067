package main

import (
	"fmt"
	"strings"

	"github.com/huleedu/edge/adapters/websocket"
)

// closesPage is the path of the generated page.
const closesPage = "docs/closes.md"

// sampleID is a correlation id; its length determines how much room the message has.
const sampleID = "00000000-0000-0000-0000-000000000000"

// closesText returns the page about close codes.
func closesText() string {
	var b strings.Builder
	b.WriteString(`# Close codes

Generated from the catalogue in adapters/websocket/closes.go by ` + "`go run ./test/docs`" + `.

The notification service closes a connection with one of these codes. The reason is compact JSON of at most 123 bytes; its
message is shortened to fit. A client that receives no close frame (1006) has lost the network connection, or its
handshake was refused by an HTTP status that a browser does not show: it reconnects with backoff, and can ask /events
for the reason ([clients.md](clients.md)).

A stream of server-sent events ends with the event ` + "`close`" + `, whose data is ` + "`" + `{"code":1012,"reason":{...}}` + "`" + `. 1000 to 1003, 1007 and 1009
are for WebSockets only. What refuses a handshake is an HTTP status there, and a client that stalls gets no event (4001, 4002): its connection ends.

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
