package delivery

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestDismissUndoesOpenInReverseOrder(t *testing.T) {
	h := newTestHub(Config{})
	s := h.open(t, "u1", newFakeConnection())
	require.Equal(t, 1, h.Total())
	s.Dismiss()
	s.Dismiss()
	require.Equal(t, []string{"acquire u1 s1", "follow u1", "unfollow u1", "release u1 s1"}, h.deps.recorded())
	require.Zero(t, h.Total())
	require.Empty(t, h.registry.unfinished())
}

func TestOpenUndoesItselfOnFailure(t *testing.T) {
	for name, c := range map[string]struct {
		fail func(*testHub) error
		want []string
	}{
		"quota": {func(h *testHub) error {
			h.deps.quotaErr = domain.TooManyConnections(5)
			return h.deps.quotaErr
		}, []string{"acquire u1 s1"}},
		"subscription": {func(h *testHub) error {
			h.deps.followErr = domain.Unreachable("redis", nil)
			return h.deps.followErr
		}, []string{"acquire u1 s1", "follow u1", "release u1 s1"}},
		"log": {func(h *testHub) error {
			h.log.broken.Store(true)
			return errUnreadable
		}, []string{"acquire u1 s1", "follow u1", "unfollow u1", "release u1 s1"}},
		"drain": {func(h *testHub) error {
			h.close()
			return ErrDraining
		}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newTestHub(Config{})
			want := c.fail(h)
			_, err := h.Open(t.Context(), SessionRequest{User: "u1", ID: "s1", From: "0-0", Conn: newFakeConnection()})
			require.ErrorIs(t, err, want)
			require.Equal(t, c.want, h.deps.recorded())
			require.Zero(t, h.Total())
			require.Empty(t, h.registry.unfinished())
		})
	}
}
