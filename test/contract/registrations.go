package contract

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
)

// RegistrationsHarness configures the suite for an adapter of ports.BatchRegistrations.
type RegistrationsHarness struct {
	// New returns one store as seen by two nodes. t.Cleanup must stop it.
	New func(t testing.TB) RegistrationsRig
}

// RegistrationsRig is one store on two nodes and its technology.
type RegistrationsRig struct {
	Store, Other ports.BatchRegistrations
	// StartOutage starts an outage of the technology. It is nil if that is not possible.
	StartOutage func()
}

// BatchRegistrations tests an adapter against the comments of ports.BatchRegistrations.
func BatchRegistrations(t *testing.T, h RegistrationsHarness) {
	t.Run("every node finds a registration for its user", h.finds)
	t.Run("ids are compared byte by byte", h.keepsApart)
	t.Run("a later registration replaces an earlier one", h.replaces)
	t.Run("outage: every call returns an error in time", h.failsDuringOutage)
}

func registered(t *testing.T, s ports.BatchRegistrations, user domain.UserID, batch domain.BatchID) bool {
	t.Helper()
	found, err := s.Registered(t.Context(), user, batch)
	require.NoError(t, err)
	return found
}

func freshBatch() domain.BatchID { return domain.BatchID("batch-" + uuid.NewString()) }

func (h RegistrationsHarness) finds(t *testing.T) {
	rig, user, batch := h.New(t), freshUser(), freshBatch()
	require.False(t, registered(t, rig.Store, user, batch))
	require.NoError(t, rig.Store.Save(t.Context(), user, batch))
	for _, s := range []ports.BatchRegistrations{rig.Store, rig.Other} {
		require.True(t, registered(t, s, user, batch))
		require.False(t, registered(t, s, freshUser(), batch))
		require.False(t, registered(t, s, user, freshBatch()))
		require.False(t, registered(t, s, "", batch))
	}
}

func (h RegistrationsHarness) keepsApart(t *testing.T) {
	rig, user, stem := h.New(t), freshUser(), freshBatch()
	for _, end := range []domain.BatchID{" ", ":", "*", "{x}", "}", "\x00", "\xff", "å", "\n", domain.BatchID(strings.Repeat("x", 200))} {
		require.False(t, registered(t, rig.Store, user, stem+end))
		require.NoError(t, rig.Store.Save(t.Context(), user, stem+end))
		require.True(t, registered(t, rig.Other, user, stem+end))
		require.False(t, registered(t, rig.Store, user, stem))
	}
}

func (h RegistrationsHarness) replaces(t *testing.T) {
	rig, first, second, batch := h.New(t), freshUser(), freshUser(), freshBatch()
	require.NoError(t, rig.Store.Save(t.Context(), first, batch))
	require.NoError(t, rig.Other.Save(t.Context(), second, batch))
	require.False(t, registered(t, rig.Store, first, batch))
	require.True(t, registered(t, rig.Store, second, batch))
}

func (h RegistrationsHarness) failsDuringOutage(t *testing.T) {
	rig, user, batch := h.New(t), freshUser(), freshBatch()
	if rig.StartOutage == nil {
		t.Skip("the harness cannot start an outage")
	}
	require.NoError(t, rig.Store.Save(t.Context(), user, batch))
	rig.StartOutage()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	startedAt := time.Now()
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(rig.Store.Save(ctx, user, batch)))
	found, err := rig.Store.Registered(ctx, user, batch)
	require.Equal(t, domain.ServiceUnavailable, domain.CodeOf(err))
	require.False(t, found)
	require.Less(t, time.Since(startedAt), 5*time.Second)
}
