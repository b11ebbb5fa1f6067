package world

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// KafkaCodes returns all error codes of the protocol that the library knows, without success.
func KafkaCodes() []int16 {
	codes := []int16{kerr.UnknownServerError.Code}
	for code := int16(1); code < 1000; code++ {
		if known, ok := errors.AsType[*kerr.Error](kerr.ErrorForCode(code)); ok && known.Code == code {
			codes = append(codes, code)
		}
	}
	return codes
}

// KafkaCodeName returns the protocol's name for an error code.
func KafkaCodeName(code int16) string {
	known, _ := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	return known.Message
}

// FailWritesWith fails every produce request for the topic with the error code.
func (k *Kafka) FailWritesWith(topic string, code int16) *InjectedFault {
	return k.FailBatches(topic, code, func([]byte) bool { return true })
}

// FailBatches fails every produce request for the topic that contains a matching batch with
// the error code. matches receives the bytes of a batch and must not block.
func (k *Kafka) FailBatches(topic string, code int16, matches func(batch []byte) bool) *InjectedFault {
	cause, _ := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	return &InjectedFault{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: cause, Count: -1,
		When: func(request kmsg.Request) bool {
			produce, ok := request.(*kmsg.ProduceRequest)
			return ok && slices.ContainsFunc(produce.Topics, func(t kmsg.ProduceRequestTopic) bool {
				return slices.ContainsFunc(t.Partitions, func(p kmsg.ProduceRequestTopicPartition) bool {
					return matches(p.Records)
				})
			})
		},
	})}
}

// FailMetadata fails every metadata request for the topic with the error code.
func (k *Kafka) FailMetadata(topic string, code int16) *InjectedFault {
	cause, _ := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	return &InjectedFault{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: cause, Count: -1,
	})}
}
