package kafka

import kafkago "github.com/segmentio/kafka-go"

// Codes of the protocol that the library has no names for.
const (
	newLeaderElected        kafkago.Error = 108
	mismatchedEndpointType  kafkago.Error = 114
	unsupportedEndpointType kafkago.Error = 115
	rebootstrapRequired     kafkago.Error = 129
)

// classifyCode is the table of the protocol's error codes: what each means in an
// answer to a produce request, to the metadata request or to the handshake before
// it. A code that is not listed answers other requests only, or comes from a newer
// broker: the outcome is unknown and the request is not repeated.
func classifyCode(code kafkago.Error) errorClass {
	switch code {
	case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge:
		return errorClass{outcome: recordTooLarge}

	case kafkago.InvalidRecord:
		return errorClass{outcome: recordInvalid}
	case kafkago.InvalidMessage:
		// A checksum may be wrong because of the way, so it is tried again.
		return errorClass{outcome: recordInvalid, retried: true}

	case kafkago.UnknownTopicOrPartition, kafkago.UnknownTopicID:
		// A topic that is being created answers so as well.
		return errorClass{outcome: misconfigured, retried: true}
	case kafkago.InvalidReplicationFactor:
		// Creating the topic needs more brokers than are up.
		return errorClass{outcome: misconfigured, retried: true}
	case kafkago.InvalidTimestamp:
		// The time is that of this service's clock: no request can change it.
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

	case kafkago.LeaderNotAvailable, kafkago.NotLeaderForPartition, kafkago.RequestTimedOut,
		kafkago.BrokerNotAvailable, kafkago.ReplicaNotAvailable, kafkago.NetworkException,
		kafkago.GroupLoadInProgress, kafkago.GroupCoordinatorNotAvailable, kafkago.NotCoordinatorForGroup,
		kafkago.NotEnoughReplicas, kafkago.NotEnoughReplicasAfterAppend, kafkago.NotController,
		kafkago.ConcurrentTransactions, kafkago.KafkaStorageError, kafkago.ReassignmentInProgress,
		kafkago.FetchSessionIDNotFound, kafkago.InvalidFetchSessionEpoch, kafkago.ListenerNotFound,
		kafkago.FencedLeaderEpoch, kafkago.UnknownLeaderEpoch, kafkago.StaleBrokerEpoch, kafkago.OffsetNotAvailable,
		kafkago.PreferredLeaderNotAvailable, kafkago.EligibleLeadersNotAvailable, kafkago.UnstableOffsetCommit,
		kafkago.ThrottlingQuotaExceeded, kafkago.InconsistentTopicID, kafkago.FetchSessionTopicIDError,
		newLeaderElected, rebootstrapRequired:
		return errorClass{outcome: unknown, retried: true}

	default:
		return errorClass{outcome: unknown}
	}
}
