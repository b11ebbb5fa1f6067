package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// metadataConn is a connection to any broker, kept while it responds. Unlike the producer's
// transport it caches no metadata and runs no background requests. It is not safe for
// concurrent use.
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

// do runs a request on the open connection, or else on one to any broker that
// responds before ctx is done. It returns an error code of a broker as it is.
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

// close closes the connection. No request may be in flight.
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
