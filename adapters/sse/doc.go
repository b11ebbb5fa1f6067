// Package sse sends notifications as server-sent events (WHATWG HTML, section 9.2), for
// clients whose network blocks WebSockets. It is a transport of app/delivery, which has
// the queue, the replay, the limits and the drain.
//
// Handler decides about a request and takes over its connection; stream writes the events
// of one session; adapters/internal/eventstream has the format.
package sse
