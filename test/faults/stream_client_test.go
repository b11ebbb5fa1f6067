package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/test/eventstream"
	"github.com/huleedu/edge/test/harness"
)

// reconnectPause is the pause of a stream client before it connects again.
const reconnectPause = 300 * time.Millisecond

// receive keeps a connection to the URL until ctx is done: a socket, or an event stream for an http URL.
func (c *client) receive(ctx context.Context, url string) error {
	if strings.HasPrefix(url, "http://") {
		c.receiveStream(ctx, url)
		return nil
	}
	s := console.NotificationClient{URL: url, Token: harness.Token(c.user), Since: "0", OnFrame: c.handleFrame, OnStatus: c.handleStatus}
	return s.Listen(ctx)
}

// receiveStream connects and reconnects until ctx is done. It resumes after the last id, as an
// EventSource does.
func (c *client) receiveStream(ctx context.Context, url string) {
	transport := &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 5 * time.Second}
	for last := "0"; ctx.Err() == nil; sleep(ctx, reconnectPause) {
		err := c.stream(ctx, transport, url, &last)
		if ctx.Err() == nil {
			c.handleStatus("disconnected: " + err.Error())
		}
	}
}

// stream holds one event stream until it ends and returns why. It updates last with each id.
func (c *client) stream(ctx context.Context, transport *http.Transport, url string, last *string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+harness.Token(c.user))
	req.Header.Set("Last-Event-ID", *last)
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("bad handshake: %s", res.Status)
	}
	c.handleStatus("connected")
	for in := eventstream.NewReader(res.Body); ; {
		event, err := in.Next()
		if err != nil {
			return err
		}
		if event.Type == "close" {
			return closeError(event.Data)
		}
		if event.ID != "" {
			*last = event.ID
		}
		c.handleFrame([]byte(event.Data))
	}
}

// closeError returns the error for the data of a close event, in the words of a closed socket.
func closeError(data string) error {
	var in struct{ Code int }
	if err := json.Unmarshal([]byte(data), &in); err != nil {
		return errors.Join(errors.New("a close event that is not valid"), err)
	}
	return fmt.Errorf("close %d", in.Code)
}
