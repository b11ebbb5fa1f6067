package kafka

import kafkago "github.com/segmentio/kafka-go"

// The library does not name these error codes of the protocol.
const (
	// newLeaderElected is the error code of a request during which the leader changed.
	newLeaderElected kafkago.Error = 108
	// mismatchedEndpointType is the error code of a request to the wrong type of endpoint, such as
	// a controller instead of a broker.
	mismatchedEndpointType kafkago.Error = 114
	// unsupportedEndpointType is the error code of a request for a type of endpoint that the
	// broker does not know.
	unsupportedEndpointType kafkago.Error = 115
	// rebootstrapRequired is the error code for a client whose metadata is too old: it must
	// connect to the configured brokers again.
	rebootstrapRequired kafkago.Error = 129
)

// classifyCode returns the class of an error code in the response to a produce request, a
// metadata request or a SASL handshake. For other codes, which belong to other requests or
// to newer brokers, the outcome is unknown, and the library decides whether the request is
// sent again.
func classifyCode(code kafkago.Error) errorClass {
	switch code {
	case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge:
		return errorClass{outcome: recordTooLarge}

	case kafkago.InvalidRecord:
		return errorClass{outcome: recordInvalid}
	case kafkago.InvalidMessage:
		// The network may have damaged the record, so it is sent again.
		return errorClass{outcome: recordInvalid, retried: true}

	case kafkago.UnknownTopicOrPartition, kafkago.UnknownTopicID:
		// A broker also returns this while the topic is being created.
		return errorClass{outcome: misconfigured, retried: true}
	case kafkago.InvalidReplicationFactor:
		// Creating the topic needs more brokers than are up.
		return errorClass{outcome: misconfigured, retried: true}
	case kafkago.InvalidTimestamp:
		// The time is that of this service's clock; a retry does not change it.
		return errorClass{outcome: misconfigured}
	case kafkago.InvalidTopic, kafkago.InvalidRequiredAcks, kafkago.InvalidPartitionNumber,
		kafkago.InvalidReplicaAssignment, kafkago.InvalidConfiguration, kafkago.InvalidRequest, kafkago.PolicyViolation,
		kafkago.UnsupportedVersion, kafkago.UnsupportedForMessageFormat, kafkago.UnsupportedCompressionType,
		mismatchedEndpointType, unsupportedEndpointType, kafkago.InconsistentClusterID:
		return errorClass{outcome: misconfigured}
	case kafkago.TopicAuthorizationFailed, kafkago.GroupAuthorizationFailed, kafkago.ClusterAuthorizationFailed,
		kafkago.TransactionalIDAuthorizationFailed, kafkago.SecurityDisabled,
		kafkago.UnsupportedSASLMechanism, kafkago.IllegalSASLState, kafkago.SASLAuthenticationFailed,
		kafkago.DelegationTokenAuthDisabled, kafkago.DelegationTokenNotFound, kafkago.DelegationTokenOwnerMismatch,
		kafkago.DelegationTokenRequestNotAllowed, kafkago.DelegationTokenAuthorizationFailed, kafkago.DelegationTokenExpired,
		kafkago.InvalidPrincipalType, kafkago.UnacceptableCredential, kafkago.PrincipalDeserializationFailure:
		return errorClass{outcome: misconfigured}

	case kafkago.BrokerNotAvailable, kafkago.ReplicaNotAvailable, kafkago.ConcurrentTransactions,
		kafkago.ReassignmentInProgress, kafkago.StaleBrokerEpoch, newLeaderElected, rebootstrapRequired:
		return errorClass{outcome: unknown, retried: true}

	default:
		return errorClass{outcome: unknown, retried: code.Temporary()}
	}
}
