package dependency_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/internal/dependency"
	"github.com/huleedu/edge/domain"
)

// record is what a tracker logs and observes.
type record struct {
	bytes.Buffer

	facts []domain.Fact
}

func (r *record) Observe(f domain.Fact) { r.facts = append(r.facts, f) }

func (r *record) tracker(tolerance time.Duration) *dependency.Tracker {
	withoutTime := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	return dependency.NewTracker(dependency.Config{Name: "redis", Address: "redis://r:1", Tolerance: tolerance},
		r, slog.New(slog.NewTextHandler(r, withoutTime)))
}

var errAway = errors.New("connect: refused")

const (
	downLine = `level=WARN msg="dependency is down" dependency=redis address=redis://r:1 error="connect: refused"` + "\n"
	backLine = `level=INFO msg="dependency is back" dependency=redis address=redis://r:1 down_seconds=60` + "\n"
)

func TestOneLineForEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		d := r.tracker(0)
		d.Report(nil)
		for range 60 {
			d.Report(errAway)
			time.Sleep(time.Second)
		}
		require.Equal(t, downLine, r.String())
		d.Report(nil)
		d.Report(nil)
		require.Equal(t, downLine+backLine, r.String())
		require.Equal(t, []domain.Fact{
			domain.DependencyChanged{Name: "redis", Up: true},
			domain.DependencyChanged{Name: "redis"},
			domain.DependencyChanged{Name: "redis", Up: true},
		}, r.facts)
	})
}

func TestFailuresWithinTheToleranceAreNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		d := r.tracker(time.Second)
		for range 100 {
			d.Report(errAway)
			time.Sleep(999 * time.Millisecond)
			d.Report(errAway)
			d.Report(nil)
		}
		require.Empty(t, r.String())
		d.Report(errAway)
		time.Sleep(time.Second)
		d.Report(errAway)
		require.Equal(t, downLine, r.String())
	})
}

func TestCallerThatGaveUpIsNoFailure(t *testing.T) {
	var r record
	d := r.tracker(0)
	d.Report(fmt.Errorf("get: %w", context.Canceled))
	require.Empty(t, r.String())
	var none *dependency.Tracker
	none.Report(errAway)
}

func TestCauseIsOneBoundedLine(t *testing.T) {
	var r record
	r.tracker(0).Report(errors.New("a\nb\xff" + strings.Repeat("é", 1000)))
	require.Less(t, r.Len(), 450)
	require.Contains(t, r.String(), `error="a; b?é`)
	require.Equal(t, 1, strings.Count(r.String(), "\n"))
}

func TestConcurrentReportsLogOneChange(t *testing.T) {
	var r record
	d := r.tracker(0)
	for _, result := range []error{errAway, nil} {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { d.Report(result) })
		}
		all.Wait()
	}
	require.Equal(t, 2, strings.Count(r.String(), "\n"))
}

func TestAddressHasNoSecrets(t *testing.T) {
	require.Equal(t, "https://keys.example.org:8443/jwks", dependency.Address("https://user:secret@keys.example.org:8443/jwks?token=secret#x"))
	require.Empty(t, dependency.Address("http://%zz"))
}
