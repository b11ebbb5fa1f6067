package memory

// Users is how many users the limits remember.
func Users(l *Limits) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sessions)
}
