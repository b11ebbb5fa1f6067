package redis

// Waiting is how many questions wait for a round trip.
func Waiting(l *RateLimiter) int {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	if l.queue.next == nil {
		return 0
	}
	return len(l.queue.next.asked)
}
