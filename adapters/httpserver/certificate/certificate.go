// Package certificate serves the TLS certificate of a service from files that may change.
package certificate

import (
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
)

// checkInterval is the minimum time between two checks of the files of a certificate.
const checkInterval = time.Second

// Files are the paths of a certificate chain and its key, in PEM. Both are empty
// if the service does not use TLS.
type Files struct{ Cert, Key string }

// Enabled reports whether the service uses TLS.
func (f Files) Enabled() bool { return f.Cert != "" || f.Key != "" }

// Problems reports files that are missing, cannot be read or do not belong together. prefix
// is that of the settings.
func (f Files) Problems(prefix string) []error {
	certName, keyName := prefix+"TLS_CERT_FILE", prefix+"TLS_KEY_FILE"
	switch {
	case !f.Enabled():
		return nil
	case f.Cert == "":
		return []error{domain.Misconfigured(certName, "must be set together with "+keyName)}
	case f.Key == "":
		return []error{domain.Misconfigured(keyName, "must be set together with "+certName)}
	}
	var out []error
	for name, path := range map[string]string{certName: f.Cert, keyName: f.Key} {
		if _, err := os.ReadFile(path); err != nil {
			out = append(out, domain.Misconfigured(name, "cannot be read").WithCause(err))
		}
	}
	if len(out) > 0 {
		return out
	}
	if _, err := tls.LoadX509KeyPair(f.Cert, f.Key); err != nil { // its errors do not quote the files
		return []error{domain.Misconfigured(certName, "and "+keyName+" are not a certificate and its key in PEM").WithCause(err)}
	}
	return nil
}

// fileState identifies the content of a file without reading it.
type fileState struct {
	modified time.Time
	size     int64
}

// Certificate serves the certificate of two files, and loads it again after a file has
// changed. It checks the files during handshakes, at most once in checkInterval, and not by
// file events, which miss the symbolic links that Kubernetes replaces. While the new files
// cannot be used it keeps the certificate that it has. It is safe for concurrent use.
type Certificate struct {
	files   Files
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]

	// checking guards the fields below; a handshake that cannot lock it does not check.
	checking  sync.Mutex
	checkedAt time.Time
	loaded    [2]fileState // the files of the last attempt to load
	broken    bool         // the last attempt failed
}

// Load returns the certificate of the files. It returns an error if they cannot be
// used.
func Load(files Files, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{files: files, log: log, checkedAt: time.Now()}
	var err error
	if c.loaded, err = c.stat(); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, err
	}
	c.current.Store(&pair)
	return c, nil
}

// get returns the certificate for a handshake. It never returns an error.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.checking.TryLock() {
		if time.Since(c.checkedAt) >= checkInterval {
			c.checkedAt = time.Now()
			c.reload()
		}
		c.checking.Unlock()
	}
	return c.current.Load(), nil
}

// reload loads the files if they have changed since the last attempt. It logs a failure once,
// until an attempt succeeds. The caller must hold the lock.
func (c *Certificate) reload() {
	state, err := c.stat()
	if err == nil && state == c.loaded {
		return
	}
	var pair tls.Certificate
	if err == nil {
		c.loaded = state
		pair, err = tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	}
	switch {
	case err == nil:
		c.broken = false
		c.current.Store(&pair)
		c.log.Info("the certificate was loaded again", "file", c.files.Cert, "expires", expiry(&pair))
	case !c.broken:
		c.broken = true
		c.log.Warn("the new certificate cannot be used; the old one stays in use", "file", c.files.Cert,
			"expires", expiry(c.current.Load()), "error", err)
	}
}

func (c *Certificate) stat() (state [2]fileState, err error) {
	for i, path := range []string{c.files.Cert, c.files.Key} {
		info, err := os.Stat(path)
		if err != nil {
			return state, err
		}
		state[i] = fileState{info.ModTime(), info.Size()}
	}
	return state, nil
}

// expiry returns the end of a certificate's validity.
func expiry(pair *tls.Certificate) string { return pair.Leaf.NotAfter.UTC().Format(time.RFC3339) }

// Secure returns a listener that accepts TLS connections with the certificate: TLS 1.2 or
// newer, and HTTP/1.1 as the only protocol.
func (c *Certificate) Secure(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get,
	})
}
