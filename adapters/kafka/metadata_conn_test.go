package kafka

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// wires dials brokers that take connections and never say a word.
type wires struct {
	dialed map[string]int // by address
	open   map[*wire]bool
}

func (w *wires) dialer() *kafkago.Dialer {
	return &kafkago.Dialer{DialFunc: func(_ context.Context, _, address string) (net.Conn, error) {
		w.dialed[address]++
		ours, _ := net.Pipe()
		c := &wire{ours, w}
		w.open[c] = true
		return c, nil
	}}
}

type wire struct {
	net.Conn
	w *wires
}

func (c *wire) Close() error {
	delete(c.w.open, c)
	return c.Conn.Close()
}

// TestContactFindsABrokerThatAnswers: one that hangs takes its part of the time
// and no more, and is not asked first the next time; one that answers, be it with
// a no, is kept.
func TestContactFindsABrokerThatAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wires{dialed: map[string]int{}, open: map[*wire]bool{}}
		c := newMetadataConn(w.dialer(), []string{"a:1", "b:1", "c:1"})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		require.NoError(t, c.do(ctx, func(conn *kafkago.Conn) error {
			if w.dialed["b:1"] == 0 {
				_, err := conn.Brokers()
				return err
			}
			return nil
		}))
		require.Equal(t, time.Second, time.Since(start), "a third of the time for the one that hangs")
		require.Equal(t, map[string]int{"a:1": 1, "b:1": 1}, w.dialed)
		require.Len(t, w.open, 1)

		no := func(*kafkago.Conn) error { return kafkago.UnknownTopicOrPartition }
		require.ErrorIs(t, c.do(ctx, no), kafkago.UnknownTopicOrPartition)
		require.Equal(t, map[string]int{"a:1": 1, "b:1": 1}, w.dialed, "a no is an answer")

		cut := func(*kafkago.Conn) error { return net.ErrClosed }
		require.ErrorIs(t, c.do(ctx, cut), net.ErrClosed)
		require.Equal(t, map[string]int{"a:1": 2, "b:1": 2, "c:1": 1}, w.dialed, "the kept one, then each")
		require.Empty(t, w.open)
	})
}
