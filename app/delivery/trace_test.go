package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDeliveryWithoutTracerAllocatesNothing(t *testing.T) {
	s := &Session{hub: newTestHub(Config{}).Hub}
	m := outboundMessage{payload: []byte("12345"), received: time.Now(), id: streamID{7, 1}}
	require.Zero(t, testing.AllocsPerRun(100, func() { s.traceDelivery(m) }))
}
