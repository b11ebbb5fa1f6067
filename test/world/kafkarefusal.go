package world

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// KafkaCodes lists every error code of the protocol that is known here, success
// not included.
func KafkaCodes() []int16 {
	codes := []int16{kerr.UnknownServerError.Code}
	for code := int16(1); code < 1000; code++ {
		if known, ok := errors.AsType[*kerr.Error](kerr.ErrorForCode(code)); ok && known.Code == code {
			codes = append(codes, code)
		}
	}
	return codes
}

// KafkaCodeName is the protocol's name for an error code.
func KafkaCodeName(code int16) string {
	known, _ := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	return known.Message
}

// RefuseWritesWith answers every record for the topic with the error code.
func (k *Kafka) RefuseWritesWith(topic string, code int16) *Refusal {
	return k.RefuseBatches(topic, code, func([]byte) bool { return true })
}

// RefuseBatches answers those produce requests for the topic with the error code
// that hold a batch which refused accepts. It is given the batch's bytes and must
// not block.
func (k *Kafka) RefuseBatches(topic string, code int16, refused func(batch []byte) bool) *Refusal {
	cause, _ := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	return &Refusal{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: cause, Count: -1,
		When: func(request kmsg.Request) bool {
			produce, ok := request.(*kmsg.ProduceRequest)
			return ok && slices.ContainsFunc(produce.Topics, func(t kmsg.ProduceRequestTopic) bool {
				return slices.ContainsFunc(t.Partitions, func(p kmsg.ProduceRequestTopicPartition) bool {
					return refused(p.Records)
				})
			})
		},
	})}
}

// RefuseMetadata answers every question about the topic with the error code.
func (k *Kafka) RefuseMetadata(topic string, code int16) *Refusal {
	cause, _ := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	return &Refusal{k.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: cause, Count: -1,
	})}
}
