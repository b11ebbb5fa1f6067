package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestEveryCodeIsDocumented(t *testing.T) {
	for _, code := range domain.Codes() {
		doc := docOf(code)
		require.NotEmpty(t, doc.cause, code)
		require.NotEmpty(t, doc.action, code)
	}
	require.Zero(t, docOf("NEW"))
}

// TestErrorDocsListTheDetailKeys checks the keys that the constructors of domain set.
func TestErrorDocsListTheDetailKeys(t *testing.T) {
	for _, e := range []*domain.Error{
		domain.Invalid("f", "v", "e", "m"), domain.MissingField("f"), domain.ParseFailure("t", nil), domain.NotFound("r", "i"),
		domain.External("s", 500), domain.MalformedResponse("s", nil), domain.Unreachable("t", nil), domain.Unavailable("s", 0),
		domain.TimedOut("w", time.Second, nil), domain.NotPublished("t", nil), domain.CircuitOpen("n", 0),
		domain.RateLimited(1, time.Second, 0), domain.TooManyConnections(1), domain.Misconfigured("k", "m"),
		domain.NotStarted("c", nil), domain.Unknown(nil), domain.TokenExpired(),
	} {
		for key := range e.PublicDetails() {
			require.Contains(t, docOf(e.Code).details, key, e.Code)
		}
	}
}
