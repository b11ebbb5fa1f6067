package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// contact is a connection to any of the brokers, kept while it answers. Unlike
// the producer's it holds no layout that could be old, and costs nothing between
// two questions. One question at a time.
type contact struct {
	dialer  *kafkago.Dialer
	brokers []string
	// next is the broker to turn to when there is no connection: one that hangs
	// must not be the first to be tried each time.
	next int
	conn *kafkago.Conn
}

func newContact(d *kafkago.Dialer, brokers []string) *contact {
	return &contact{dialer: d, brokers: brokers}
}

// ask puts a question to the broker at the other end, or else to any that
// answers until ctx is done. A broker's no is an answer, and comes back as it is.
func (c *contact) ask(ctx context.Context, question func(*kafkago.Conn) error) error {
	left := len(c.brokers)
	if c.conn != nil {
		left++
	}
	var all []error
	for ; left > 0; left-- {
		answered, err := c.try(ctx, left, question)
		if answered {
			return err
		}
		c.hangUp()
		all = append(all, err)
	}
	return errors.Join(all...)
}

// try asks one broker, and leaves the other attempts their part of ctx's time.
func (c *contact) try(ctx context.Context, left int, question func(*kafkago.Conn) error) (answered bool, err error) {
	if deadline, bounded := ctx.Deadline(); bounded {
		limited, cancel := context.WithTimeout(ctx, time.Until(deadline)/time.Duration(left))
		defer cancel()
		ctx = limited
	}
	if c.conn == nil {
		address := c.brokers[c.next%len(c.brokers)]
		c.next++
		if c.conn, err = c.dialer.DialContext(ctx, "tcp", address); err != nil {
			c.conn = nil
			return false, err
		}
	}
	err = put(ctx, c.conn, question)
	_, refused := errors.AsType[kafkago.Error](err)
	return err == nil || refused, err
}

// hangUp closes what is open; nothing is under way that could be lost.
func (c *contact) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// put asks until ctx is done.
func put(ctx context.Context, conn *kafkago.Conn, question func(*kafkago.Conn) error) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if deadline, bounded := ctx.Deadline(); bounded {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	return question(conn)
}
