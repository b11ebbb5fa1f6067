package redis

import (
	"context"
	"errors"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/redis/reply"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/recorded"
)

// scriptResults is a hook that answers each script: with the results for its keys and arguments, or an
// error. It counts the scripts.
type scriptResults struct {
	results func(keys, args []any) ([]any, error)
	scripts int
}

func (*scriptResults) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (h *scriptResults) ProcessHook(goredis.ProcessHook) goredis.ProcessHook {
	return func(_ context.Context, c goredis.Cmder) error {
		h.scripts++
		keys := c.Args()[2].(int)
		results, err := h.results(c.Args()[3:3+keys], c.Args()[3+keys:])
		c.SetErr(err)
		c.(*goredis.Cmd).SetVal(results)
		return err
	}
}

func (h *scriptResults) ProcessPipelineHook(goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, all []goredis.Cmder) error {
		for _, c := range all {
			if err := h.ProcessHook(nil)(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}
}

// echo returns the arguments of each key: the common one and its own.
func echo(keys, args []any) ([]any, error) {
	var out []any
	for i := range keys {
		out = append(out, args[0], args[1+i])
	}
	return out, nil
}

// fakeClients returns a client of one server and one of a cluster, with the hook.
func fakeClients(t *testing.T, h goredis.Hook) map[string]goredis.UniversalClient {
	t.Helper()
	all := map[string]goredis.UniversalClient{
		"server":  goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"}),
		"cluster": goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}}),
	}
	for _, rdb := range all {
		rdb.AddHook(h)
		t.Cleanup(func() { require.NoError(t, rdb.Close()) })
	}
	return all
}

// TestScriptsRunOncePerKeyOnAClusterOnly checks that both give the same results, in the order of the keys.
func TestScriptsRunOncePerKeyOnAClusterOnly(t *testing.T) {
	for keys, scripts := range map[int]map[string]int{1: {"server": 1, "cluster": 1}, 3: {"server": 1, "cluster": 3}} {
		h := &scriptResults{results: echo}
		for name, rdb := range fakeClients(t, h) {
			h.scripts = 0
			s := newCountScript(rdb, "", 2)
			got, err := s.run(t.Context(), []string{"a", "b", "c"}[:keys], []any{int64(7)}, []any{int64(1), int64(2), int64(3)}[:keys])
			require.NoError(t, err)
			require.Equal(t, []int64{7, 1, 7, 2, 7, 3}[:2*keys], got, name)
			require.Equal(t, scripts[name], h.scripts, name)
		}
	}
}

func TestScriptsMayHaveNoArgumentPerKey(t *testing.T) {
	h := &scriptResults{results: func(keys, args []any) ([]any, error) {
		out := make([]any, len(keys))
		for i := range out {
			out[i] = int64(len(args))
		}
		return out, nil
	}}
	for name, rdb := range fakeClients(t, h) {
		got, err := newCountScript(rdb, "", 1).run(t.Context(), []string{"a", "b"}, []any{"common"}, nil)
		require.NoError(t, err)
		require.Equal(t, []int64{1, 1}, got, name)
	}
}

func TestResultsThatAreNoneAreErrors(t *testing.T) {
	want := errors.New("connection reset")
	for _, row := range []struct {
		results []any
		err     error
		want    error
	}{
		{nil, want, want},
		{[]any{int64(1)}, nil, reply.ErrUnexpectedResult},
		{[]any{int64(1), int64(2), int64(3)}, nil, reply.ErrUnexpectedResult},
	} {
		for name, rdb := range fakeClients(t, &scriptResults{results: func([]any, []any) ([]any, error) { return row.results, row.err }}) {
			_, err := newCountScript(rdb, "", 2).run(t.Context(), []string{"a", "b"}, nil, []any{"x", "y"})
			require.ErrorIs(t, err, row.want, name)
		}
	}
	for name, rdb := range fakeClients(t, &scriptResults{results: func([]any, []any) ([]any, error) { return []any{"text", "text"}, nil }}) {
		_, err := newCountScript(rdb, "", 2).run(t.Context(), []string{"a", "b"}, nil, nil)
		require.Error(t, err, name)
	}
}

// deciding is a local limiter that refuses, and counts its calls.
type deciding struct{ calls int }

func (d *deciding) Take(context.Context, string, domain.Limit) domain.RateDecision {
	d.calls++
	return domain.RateDecision{Reset: time.Second}
}

// newFakeLimiter returns a limiter on a hook that answers its scripts.
func newFakeLimiter(t *testing.T, h *scriptResults) (*RateLimiter, *deciding) {
	t.Helper()
	local := &deciding{}
	return NewRateLimiter(&Client{rdb: fakeClients(t, h)["server"]}, LimiterConfig{Timeout: time.Minute}, local, recorded.NoFacts{}), local
}

func TestTheLocalLimiterDecidesWithoutAResult(t *testing.T) {
	h := &scriptResults{results: func([]any, []any) ([]any, error) { return nil, errors.New("reset") }}
	l, local := newFakeLimiter(t, h)
	limit := domain.Limit{Class: domain.LimitQueries, Max: 5, Window: time.Minute}
	for range 2 {
		require.Equal(t, domain.RateDecision{Reset: time.Second}, l.Take(t.Context(), "u1", limit))
	}
	require.Equal(t, 2, local.calls)
	require.Equal(t, 1, h.scripts, "Redis is not asked again")
	_, known := l.countBatch([]windowRequest{{key: "k"}})
	require.False(t, known, "a batch that has waited is not sent")
	require.Equal(t, 1, h.scripts)
}

func TestAFullWindowIsCached(t *testing.T) {
	h := &scriptResults{results: func([]any, []any) ([]any, error) { return []any{int64(6), int64(60_000)}, nil }}
	l, local := newFakeLimiter(t, h)
	for range 3 {
		decision := l.Take(t.Context(), "u1", domain.Limit{Class: domain.LimitQueries, Max: 5, Window: time.Minute})
		require.False(t, decision.Allowed)
		require.Positive(t, decision.Reset)
	}
	require.Equal(t, 1, h.scripts)
	require.Zero(t, local.calls)
}

func TestLimiterTimeoutMustBePositive(t *testing.T) {
	require.Len(t, LimiterConfig{}.Problems(domain.Development), 1)
	require.Empty(t, LimiterConfig{Timeout: 1}.Problems(domain.Development))
}
