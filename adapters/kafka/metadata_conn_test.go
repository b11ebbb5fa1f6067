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

// silentBrokers accept connections and send no response.
type silentBrokers struct {
	dialed map[string]int // connections by address
	open   map[*silentConn]bool
}

func (b *silentBrokers) dialer() *kafkago.Dialer {
	return &kafkago.Dialer{DialFunc: func(_ context.Context, _, address string) (net.Conn, error) {
		b.dialed[address]++
		local, _ := net.Pipe()
		c := &silentConn{local, b}
		b.open[c] = true
		return c, nil
	}}
}

// silentConn is an open connection to a silent broker.
type silentConn struct {
	net.Conn
	brokers *silentBrokers
}

func (c *silentConn) Close() error {
	delete(c.brokers.open, c)
	return c.Conn.Close()
}

// TestMetadataConnFindsABrokerThatResponds checks that a broker that hangs uses only its share of
// the time and is not tried first the next time, and that the connection to a broker that
// responds, also with an error code, is kept.
func TestMetadataConnFindsABrokerThatResponds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &silentBrokers{dialed: map[string]int{}, open: map[*silentConn]bool{}}
		c := newMetadataConn(b.dialer(), []string{"a:1", "b:1", "c:1"})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		require.NoError(t, c.do(ctx, func(conn *kafkago.Conn) error {
			if b.dialed["b:1"] == 0 {
				_, err := conn.Brokers()
				return err
			}
			return nil
		}))
		require.Equal(t, time.Second, time.Since(start), "a third of the time is for the broker that hangs")
		require.Equal(t, map[string]int{"a:1": 1, "b:1": 1}, b.dialed)
		require.Len(t, b.open, 1)

		rejected := func(*kafkago.Conn) error { return kafkago.UnknownTopicOrPartition }
		require.ErrorIs(t, c.do(ctx, rejected), kafkago.UnknownTopicOrPartition)
		require.Equal(t, map[string]int{"a:1": 1, "b:1": 1}, b.dialed, "an error code is a response")

		broken := func(*kafkago.Conn) error { return net.ErrClosed }
		require.ErrorIs(t, c.do(ctx, broken), net.ErrClosed)
		require.Equal(t, map[string]int{"a:1": 2, "b:1": 2, "c:1": 1}, b.dialed, "the kept connection, then each broker")
		require.Empty(t, b.open)
	})
}
