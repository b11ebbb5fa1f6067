package websocket

import (
	"context"
	"time"

	"github.com/huleedu/edge/ports"
)

var _ ports.ConnectionShedder = (*Manager)(nil)

// Shed closes every connection for the reason, each after its queued messages,
// evenly spread over the time.
func (m *Manager) Shed(ctx context.Context, reason error, over time.Duration) {
	m.closeAll(ctx, closeForError(reason), over)
}
