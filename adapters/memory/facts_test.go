package memory_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
)

func isResubscribed(f domain.Fact) bool { return f == domain.Resubscribed{} }

func TestFactsAwaitEarlierAndLaterFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var facts memory.Facts
		facts.Observe(domain.SubscriptionCount{Count: 1})
		ended := make(chan bool)
		go func() { ended <- facts.Await(t.Context(), isResubscribed) }()
		synctest.Wait()
		facts.Observe(domain.SubscriptionCount{Count: 2})
		synctest.Wait()
		require.Empty(t, ended)
		facts.Observe(domain.Resubscribed{})
		require.True(t, <-ended)
		require.True(t, facts.Await(t.Context(), isResubscribed), "earlier facts match too")
		require.Len(t, facts.All(), 3)
		require.Equal(t, 1, facts.Count(isResubscribed))
	})
}

func TestFactsAwaitReturnsWhenContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var facts memory.Facts
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.False(t, facts.Await(ctx, isResubscribed))
	})
}
