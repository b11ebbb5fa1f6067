package matrix_test

import (
	"fmt"
	"strings"
)

// kind groups routes that treat answers of their service in the same way.
type kind string

const (
	command   kind = "command"   // register and prompt: any JSON answer is passed on
	query     kind = "query"     // status: the answer is read whole
	list      kind = "list"      // as query
	owner     kind = "owner"     // pipelines, the question to the aggregator
	preflight kind = "preflight" // pipelines, the question to the orchestrator
	publish   kind = "publish"   // pipelines, Kafka
	upload    kind = "upload"    // the body is streamed
	through   kind = "through"   // body and answer are streamed
	bodiless  kind = "head"      // HEAD on a route of kind through
)

// The outcomes that many failures share. Alternatives are separated by "|":
// "502 INVALID_RESPONSE" is an error of the gateway, "404" an answer of the
// service that is passed on, "ok" its good answer, and "cut" an answer that has
// begun and whose connection then ends.
const (
	good    = "ok"
	refused = "503 CONNECTION_ERROR"
	// noByte: the service took the request and ended the connection without one
	// byte. The wire contract names neither code for it.
	noByte    = "503 CONNECTION_ERROR|502 INVALID_RESPONSE"
	late      = "504 TIMEOUT"
	broken    = "502 INVALID_RESPONSE"
	external  = "502 EXTERNAL_SERVICE_ERROR"
	notFound  = "404 RESOURCE_NOT_FOUND"
	cut       = "cut"
	cutOr502  = "cut|502 INVALID_RESPONSE"
	okOr502   = "ok|502 INVALID_RESPONSE"
	unkept    = "ok|503 CONNECTION_ERROR|502 INVALID_RESPONSE"
	published = "503 KAFKA_PUBLISH_ERROR"
)

// byKind is the expected outcome of a failure by kind of route; "" is the
// outcome for kinds that are not listed.
type byKind map[kind]string

func all(outcome string) byKind { return byKind{"": outcome} }

func (b byKind) of(k kind) string {
	if outcome, listed := b[k]; listed {
		return outcome
	}
	return b[""]
}

// clientFault are the outcomes of a request whose body is invalid or never
// ends, in addition to what the failure causes by itself.
func clientFault(b body) string {
	switch {
	case b.invalid:
		return "|400 INVALID_REQUEST|400 VALIDATION_ERROR|400 PARSING_ERROR"
	case b.endless:
		return "|400 *|408 *|504 TIMEOUT"
	default:
		return ""
	}
}

// matches reports whether a result is one of the expected outcomes. good is
// the status of the route's good answer.
func matches(r result, expected string, goodStatus int) bool {
	for alternative := range strings.SplitSeq(expected, "|") {
		status, code, ours := strings.Cut(alternative, " ")
		switch {
		case alternative == cut:
			if r.cut {
				return true
			}
		case r.cut || r.err != nil:
		case alternative == good:
			if r.status == goodStatus && r.code == "" {
				return true
			}
		case fmt.Sprint(r.status) != status:
		case r.head, ours && (r.code == code || code == "*" && r.code != ""), !ours && r.code == "":
			return true
		}
	}
	return false
}
