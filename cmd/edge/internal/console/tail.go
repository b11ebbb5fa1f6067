package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/huleedu/edge/domain"
)

const (
	maxTails      = 8                // maxTails is the number of tails at the same time.
	tailHeartbeat = 15 * time.Second // tailHeartbeat is the time between two comments of a tail.
)

// tail streams the messages of the user's channel as server-sent events, until the page leaves.
func (s console) tail(w http.ResponseWriter, r *http.Request, user domain.UserID) {
	select {
	case s.tails <- struct{}{}:
		defer func() { <-s.tails }()
	default:
		refuse(w, http.StatusTooManyRequests, "too many live tails are open: close one")
		return
	}
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	write := func(event string, data any) {
		line, _ := json.Marshal(data) // a text
		_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, line)
		_ = out.Flush() // the page may have left, which ends the request
	}
	frames, ended := make(chan string), make(chan error, 1)
	ctx := r.Context()
	go func() {
		ended <- s.Users.Tail(ctx, user, func() { sendFrame(ctx.Done(), frames, "") }, func(frame string) { sendFrame(ctx.Done(), frames, frame) })
	}()
	heartbeat := time.NewTicker(tailHeartbeat)
	defer heartbeat.Stop()
	for {
		select {
		case frame := <-frames:
			if frame == "" {
				write("subscribed", "")
			} else {
				write("frame", frame)
			}
		case <-heartbeat.C:
			write("alive", "")
		case err := <-ended:
			if err != nil && ctx.Err() == nil {
				write("failed", domain.PublicMessage(err))
			}
			return
		}
	}
}

// sendFrame passes a frame to the request's goroutine unless the request has ended.
func sendFrame(done <-chan struct{}, to chan<- string, frame string) {
	select {
	case to <- frame:
	case <-done:
	}
}
