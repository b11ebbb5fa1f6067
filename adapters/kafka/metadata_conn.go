package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// metadataConn is a connection to any of the brokers, kept while it answers. Unlike
// the producer's it holds no layout that could be old, and costs nothing between
// two questions. One question at a time.
type metadataConn struct {
	dialer  *kafkago.Dialer
	brokers []string
	// nextBroker is the broker to turn to when there is no connection: one that hangs
	// must not be the first to be tried each time.
	nextBroker int
	conn       *kafkago.Conn
}

func newMetadataConn(d *kafkago.Dialer, brokers []string) *metadataConn {
	return &metadataConn{dialer: d, brokers: brokers}
}

// do puts a question to the broker at the other end, or else to any that
// answers until ctx is done. A broker's no is an answer, and comes back as it is.
func (c *metadataConn) do(ctx context.Context, question func(*kafkago.Conn) error) error {
	left := len(c.brokers)
	if c.conn != nil {
		left++
	}
	var all []error
	for ; left > 0; left-- {
		answered, err := c.attempt(ctx, left, question)
		if answered {
			return err
		}
		c.close()
		all = append(all, err)
	}
	return errors.Join(all...)
}

// attempt asks one broker, and leaves the other attempts their part of ctx's time.
func (c *metadataConn) attempt(ctx context.Context, left int, question func(*kafkago.Conn) error) (answered bool, err error) {
	if deadline, bounded := ctx.Deadline(); bounded {
		limited, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
		ctx = limited
	}
	if c.conn == nil {
		address := c.brokers[c.nextBroker%len(c.brokers)]
		c.nextBroker++
		if c.conn, err = c.dialer.DialContext(ctx, "tcp", address); err != nil {
			c.conn = nil
			return false, err
		}
	}
	err = doWithContext(ctx, c.conn, question)
	_, refused := errors.AsType[kafkago.Error](err)
	return err == nil || refused, err
}

// close closes what is open; nothing is under way that could be lost.
func (c *metadataConn) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// doWithContext asks until ctx is done.
func doWithContext(ctx context.Context, conn *kafkago.Conn, question func(*kafkago.Conn) error) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if deadline, bounded := ctx.Deadline(); bounded {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	return question(conn)
}
