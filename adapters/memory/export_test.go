package memory

// Users returns the number of users with sessions.
func Users(l *Quota) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sessions)
}
