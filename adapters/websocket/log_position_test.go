package websocket_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// skewedLog is a log whose clock stepped back by 30 s after its entries were
// written: Recent returns entries that are up to 30 s older.
type skewedLog struct{ ports.NotificationLog }

func (s skewedLog) Recent(ctx context.Context, user domain.UserID, age time.Duration) (domain.Replay, error) {
	return s.NotificationLog.Recent(ctx, user, age+30*time.Second)
}

// TestCatchUpBeginsAtTheLogsPosition: after a gap a client gets what was published
// since it connected, whatever the clock of the log did, whether the log was empty,
// and whether the client asked for a position.
func TestCatchUpBeginsAtTheLogsPosition(t *testing.T) {
	for _, old := range []int{0, 10} {
		for name, query := range map[string]string{"no position": "", "live": "&last_event_id=$", "empty": "&last_event_id="} {
			t.Run(name, func(t *testing.T) {
				n := newNode(t, settings(), func(n *node) { n.past = skewedLog{n.bus} })
				for range old {
					n.keep(t, 1)
				}
				c := n.mustDial(t, domain.UserID("u1"+query))
				if name == "live" {
					text, err := c.Next()
					require.NoError(t, err)
					require.Contains(t, string(text), "position")
				}
				lost, _ := n.keep(t, 1)
				n.manager.Send(missed(time.Now(), "resync"))
				for _, want := range []string{"resync", lost} {
					text, err := c.Next()
					require.NoError(t, err)
					require.Equal(t, want, string(text))
				}
				n.manager.Send(domain.Message{User: "u1", Payload: []byte("end"), Received: time.Now()})
				text, err := c.Next()
				require.NoError(t, err)
				require.Equal(t, "end", string(text))
			})
		}
	}
}
