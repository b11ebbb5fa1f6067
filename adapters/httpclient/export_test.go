package httpclient

import "crypto/x509"

// Trust lets the client believe these authorities, and no others, about every
// service.
func (b *Batches) Trust(roots *x509.CertPool) {
	for _, s := range b.services() {
		s.pool.tls.RootCAs = roots
	}
}

// Resting is how many connections to the aggregator are kept.
func (b *Batches) Resting() int {
	l := b.aggregator.pool
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.idle)
}
