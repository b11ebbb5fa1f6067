package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// How long to wait between attempts to connect: from the first to the last,
// doubling, each drawn at random from its second half.
const (
	firstWait = 500 * time.Millisecond
	lastWait  = 15 * time.Second
	dialLimit = 15 * time.Second
	lastWord  = time.Second
)

// Socket is a client of the notification service in one caller's name. It
// stays connected: after an end that a reconnect can mend it connects anew
// with jitter, behind the last notification that it got, so that none of those
// that are kept is lost.
type Socket struct {
	// URL is the service's endpoint, "ws://host:port/ws".
	URL string
	// Token is sent as a bearer token.
	Token string
	// Since is the position to begin at: that of a notification, "0" for all that
	// is kept, or "$" for those to come. With nothing the service is not asked to
	// resume until a notification came that has a position.
	Since string
	// Frame takes each text frame, in order, except those that only tell where
	// the connection begins.
	Frame func(frame []byte)
	// Note takes what happens to the connection, in words.
	Note func(text string)
}

// Listen connects and stays connected until ctx is done, which is no error. It
// returns an *Answer when the service says that there is no point in trying
// again.
func (s Socket) Listen(ctx context.Context) error {
	wait, place := firstWait, bookmark{at: s.Since}
	for {
		connected, end := s.session(ctx, &place)
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		if final := finalAnswer(end); final != nil {
			return final
		}
		if connected {
			wait = firstWait
		}
		pause := wait/2 + rand.N(wait/2)
		s.Note(fmt.Sprintf("disconnected: %v; again in %s", end, pause.Round(time.Millisecond)))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		wait = min(2*wait, lastWait)
	}
}

// session holds one connection to its end, which it returns, and reports
// whether there was one. It begins at the place and moves it.
func (s Socket) session(ctx context.Context, place *bookmark) (connected bool, end error) {
	conn, err := s.dial(ctx, place.at)
	if err != nil {
		return false, err
	}
	defer context.AfterFunc(ctx, func() { hangUp(conn) })()
	s.Note("connected")
	for {
		kind, frame, err := conn.ReadMessage()
		if err != nil {
			return true, errors.Join(err, conn.Close())
		}
		if kind != websocket.TextMessage {
			continue
		}
		if begins := place.move(frame); begins {
			s.Note("listening from " + place.at)
			continue
		}
		s.Frame(frame)
	}
}

func (s Socket) dial(ctx context.Context, since string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	url, err := resumeURL(s.URL, since)
	if err != nil {
		return nil, err
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(ctx, url, http.Header{"Authorization": {"Bearer " + s.Token}})
	if resp != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	if err != nil {
		return nil, refused(resp, err)
	}
	return conn, nil
}

// hangUp says goodbye and does not wait for long.
func hangUp(conn *websocket.Conn) {
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(lastWord))
	_ = conn.SetReadDeadline(time.Now().Add(lastWord))
}

// refused reads why a handshake was answered without an upgrade.
func refused(resp *http.Response, err error) error {
	if resp == nil {
		return err
	}
	raw, readErr := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return readAnswer(resp.StatusCode, raw)
}

// finalAnswer returns what a client should not answer by reconnecting: it has
// to mend itself, get a new token, or give up.
func finalAnswer(err error) error {
	if answer, ok := errors.AsType[*Answer](err); ok {
		if answer.Status == http.StatusServiceUnavailable || answer.Status == http.StatusTooManyRequests {
			return nil
		}
		return answer
	}
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if !ok {
		return nil
	}
	switch closed.Code {
	case websocket.CloseProtocolError, websocket.CloseUnsupportedData, websocket.CloseInvalidFramePayloadData,
		websocket.CloseMessageTooBig, websocket.ClosePolicyViolation, 4000, 4003:
		return closeAnswer(closed)
	default:
		return nil
	}
}
