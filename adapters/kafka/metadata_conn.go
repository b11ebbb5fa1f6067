package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// metadataConn is a connection to any broker, kept while the broker responds. Unlike a
// topicClient it caches no metadata and sends no background requests. It is not safe for
// concurrent use.
type metadataConn struct {
	dialer  *kafkago.Dialer
	brokers []string
	// nextBroker is the index of the broker for the next connection. It advances with each
	// connection, so that a broker that hangs is not always tried first.
	nextBroker int
	conn       *kafkago.Conn
}

func newMetadataConn(d *kafkago.Dialer, brokers []string) *metadataConn {
	return &metadataConn{dialer: d, brokers: brokers}
}

// do sends a request over the open connection. If that fails, it tries each broker once until
// one responds or ctx is done. It returns the error code of a broker unchanged, and the errors
// of all attempts if no broker responds.
func (c *metadataConn) do(ctx context.Context, request func(*kafkago.Conn) error) error {
	left := len(c.brokers)
	if c.conn != nil {
		left++
	}
	var all []error
	for ; left > 0; left-- {
		responded, err := c.attempt(ctx, left, request)
		if responded {
			return err
		}
		c.close()
		all = append(all, err)
	}
	return errors.Join(all...)
}

// attempt sends the request to one broker. It uses only its share of the time until ctx's
// deadline, so that left-1 more attempts are possible. responded is true if the broker sent a
// response, which may be an error code.
func (c *metadataConn) attempt(ctx context.Context, left int, request func(*kafkago.Conn) error) (responded bool, err error) {
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
	err = doWithContext(ctx, c.conn, request)
	_, coded := errors.AsType[kafkago.Error](err)
	return err == nil || coded, err
}

// close closes the connection. No request may be in progress.
func (c *metadataConn) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// doWithContext sends the request and ends it with a timeout error when ctx is done.
func doWithContext(ctx context.Context, conn *kafkago.Conn, request func(*kafkago.Conn) error) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if deadline, bounded := ctx.Deadline(); bounded {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	return request(conn)
}
