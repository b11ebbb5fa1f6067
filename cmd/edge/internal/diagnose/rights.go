package diagnose

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"math"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/huleedu/edge/adapters/kafka"
)

// rights are what a login may do with a topic.
type rights struct{ read, write bool }

// Bits of the rights in the answer of a broker.
const (
	readBit  = 1 << 3 // readBit is the right to read a topic.
	writeBit = 1 << 4 // writeBit is the right to write a topic.
)

// topicRights asks the brokers for the rights of the login. The library of the services cannot
// ask for them. Without rules the result contains all rights.
func topicRights(ctx context.Context, c kafka.ConsumerConfig, topic string) (rights, error) {
	options, err := kafkaLogin(c.Security)
	if err != nil {
		return rights{}, err
	}
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(c.Brokers, ",")...), kgo.RequestRetries(0))...)
	if err != nil {
		return rights{}, err
	}
	defer client.Close()
	req := kmsg.NewPtrMetadataRequest()
	one := kmsg.NewMetadataRequestTopic()
	one.Topic = new(topic)
	req.Topics, req.IncludeTopicAuthorizedOperations = []kmsg.MetadataRequestTopic{one}, true
	response, err := req.RequestWith(ctx, client)
	if err != nil {
		return rights{}, err
	}
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return rights{}, err
		}
		if bits := t.AuthorizedOperations; bits != math.MinInt32 && bits != 0 {
			return rights{bits&readBit != 0, bits&writeBit != 0}, nil
		}
	}
	return rights{true, true}, nil
}

// kafkaLogin converts the security settings to those of the library.
func kafkaLogin(s kafka.Security) ([]kgo.Opt, error) {
	var options []kgo.Opt
	if strings.HasSuffix(s.Protocol, "SSL") {
		encryption := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.CAFile != "" {
			pem, err := os.ReadFile(s.CAFile)
			if err != nil {
				return nil, err
			}
			encryption.RootCAs = x509.NewCertPool()
			encryption.RootCAs.AppendCertsFromPEM(pem)
		}
		options = append(options, kgo.DialTLSConfig(encryption))
	}
	if strings.HasPrefix(s.Protocol, "SASL") {
		options = append(options, kgo.SASL(kafkaMechanism(s)))
	}
	return options, nil
}

func kafkaMechanism(s kafka.Security) sasl.Mechanism {
	login := scram.Auth{User: s.Username, Pass: s.Password.Reveal()}
	switch s.Mechanism {
	case "SCRAM-SHA-256":
		return login.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		return login.AsSha512Mechanism()
	default:
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism()
	}
}
