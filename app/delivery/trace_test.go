package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
)

func TestDeliveryWithoutTracerAllocatesNothing(t *testing.T) {
	s := &Session{hub: newTestHub(Config{}).Hub}
	m := outboundMessage{payload: []byte("12345"), received: time.Now(), id: streamID{7, 1}}
	require.Zero(t, testing.AllocsPerRun(100, func() { s.traceDelivery(m) }))
}

// recordingTracer records the deliveries that it samples, and in which context.
type recordingTracer struct {
	sampled  bool
	contexts []context.Context
	recorded []Delivery
}

func (r *recordingTracer) Sample(time.Time) bool { return r.sampled }

func (r *recordingTracer) Record(ctx context.Context, d Delivery) {
	r.contexts, r.recorded = append(r.contexts, ctx), append(r.recorded, d)
}

func TestSampledDeliveriesAreRecorded(t *testing.T) {
	type key struct{}
	origin := context.WithValue(t.Context(), key{}, "publication")
	for name, want := range map[string]struct {
		sampled  bool
		log      fixedLog
		message  outboundMessage
		recorded int
		in       any // the value of the recorded context
	}{
		"direct":               {true, fixedLog{}, direct(), 1, nil},
		"not sampled":          {false, fixedLog{origin: origin}, kept(1), 0, nil},
		"kept":                 {true, fixedLog{origin: origin}, kept(1), 1, "publication"},
		"kept without a trace": {true, fixedLog{}, kept(1), 0, nil},
		"log cannot be read":   {true, fixedLog{origin: origin, err: errUnreadable}, kept(1), 0, nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, tracer := newTestHub(testConfig()), &recordingTracer{sampled: want.sampled}
			h.parts.Tracer, h.parts.History = tracer, want.log
			(&Session{hub: h.Hub, User: "u1"}).traceDelivery(want.message)
			synctest.Wait()
			require.Len(t, tracer.recorded, want.recorded, name)
			for i, d := range tracer.recorded {
				require.Equal(t, Delivery{User: "u1", Bytes: 5, Received: time.Unix(1, 0), Written: time.Now()}, d)
				require.Equal(t, want.in, tracer.contexts[i].Value(key{}))
			}
		})
	}
}

func TestDeliveryIsNotLookedUpLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, tracer := newTestHub(testConfig()), &recordingTracer{sampled: true}
		h.parts.Tracer, h.parts.History = tracer, fixedLog{origin: context.WithValue(context.Background(), t, t)}
		s := &Session{hub: h.Hub, User: domain.UserID("u1")}
		d := Delivery{Written: time.Now()}
		time.Sleep(traceLookupTimeout)
		s.traceKept("7-1", d)
		require.Len(t, tracer.recorded, 1)
		time.Sleep(time.Nanosecond)
		s.traceKept("7-1", d)
		require.Len(t, tracer.recorded, 1)
	})
}
