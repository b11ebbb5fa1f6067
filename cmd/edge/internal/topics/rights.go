package topics

import (
	"context"
	"errors"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errNoGroup = errors.New("the broker does not describe the group")

// Rights are what the login of the settings may do with a topic or a consumer group.
type Rights struct{ Read, Write bool }

// Bits of the rights in the answer of a broker.
const (
	readBit  = 1 << 3 // readBit is the right to read a topic, or to use a group.
	writeBit = 1 << 4 // writeBit is the right to write a topic.
)

// TopicRights asks the brokers for the rights of the login on a topic. A login that may not see the
// topic has none. Brokers without rules grant all.
func (c *Inspector) TopicRights(ctx context.Context, topic string) (Rights, error) {
	found, err := c.metadata(ctx, topic)
	switch {
	case err != nil:
		return Rights{}, err
	case found.ErrorCode == kerr.TopicAuthorizationFailed.Code:
		return Rights{}, nil
	}
	return rights(found.AuthorizedOperations), kerr.ErrorForCode(found.ErrorCode)
}

// GroupRights asks the brokers for the rights of the login on a consumer group. Read is the right
// to join it and to commit offsets.
func (c *Inspector) GroupRights(ctx context.Context, group string) (Rights, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups, request.IncludeAuthorizedOperations = []string{group}, true
	response, err := request.RequestWith(ctx, c.kafka)
	if err == nil && len(response.Groups) == 1 {
		err = kerr.ErrorForCode(response.Groups[0].ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return Rights{}, nil
	case err != nil && !errors.Is(err, kerr.GroupIDNotFound): // the first member creates the group
		return Rights{}, err
	case response == nil || len(response.Groups) != 1:
		return Rights{}, errNoGroup
	}
	return rights(response.Groups[0].AuthorizedOperations), nil
}

// IsMissing reports whether an error means that the topic does not exist.
func IsMissing(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }

// rights converts the bits of a broker. Brokers without rules may report none.
func rights(bits int32) Rights {
	if bits == math.MinInt32 || bits == 0 {
		return Rights{true, true}
	}
	return Rights{bits&readBit != 0, bits&writeBit != 0}
}
