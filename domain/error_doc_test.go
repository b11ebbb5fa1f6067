package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestEveryCodeIsDocumented(t *testing.T) {
	for _, code := range domain.Codes() {
		m := code.Doc()
		require.NotEmpty(t, m.Cause, code)
		require.NotEmpty(t, m.Action, code)
	}
	require.Zero(t, domain.Code("NEW").Doc())
}

// What the constructors put into details stands in the catalogue.
func TestErrorDocsListTheDetailKeys(t *testing.T) {
	for _, e := range []*domain.Error{
		domain.Invalid("f", "v", "e", "m"), domain.MissingField("f"), domain.ParseFailure("t", nil), domain.NotFound("r", "i"),
		domain.External("s", 500), domain.MalformedResponse("s", nil), domain.Unreachable("t", nil), domain.Unavailable("s", 0),
		domain.TimedOut("w", time.Second, nil), domain.NotPublished("t", nil), domain.CircuitOpen("n", 0),
		domain.RateLimited(1, time.Second, 0), domain.TooManyConnections(1), domain.Misconfigured("k", "m"),
		domain.NotStarted("c", nil), domain.Unknown(nil),
	} {
		for key := range e.Details {
			require.Contains(t, e.Code.Doc().Details, key, e.Code)
		}
	}
}
