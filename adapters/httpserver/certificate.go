package httpserver

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/huleedu/edge/domain"
)

// certificateCheck is the minimum time between two checks of the files of a certificate.
const certificateCheck = time.Second

// certificateFiles are the paths of a certificate chain and its key, in PEM. Both are empty
// if the service does not use TLS.
type certificateFiles struct{ cert, key string }

// enabled reports whether the service uses TLS.
func (f certificateFiles) enabled() bool { return f.cert != "" || f.key != "" }

// problems reports files that are missing, cannot be read or do not belong together. prefix
// is that of the settings.
func (f certificateFiles) problems(prefix string) []error {
	certName, keyName := prefix+"TLS_CERT_FILE", prefix+"TLS_KEY_FILE"
	switch {
	case !f.enabled():
		return nil
	case f.cert == "":
		return []error{domain.Misconfigured(certName, "must be set together with "+keyName)}
	case f.key == "":
		return []error{domain.Misconfigured(keyName, "must be set together with "+certName)}
	}
	var out []error
	for name, path := range map[string]string{certName: f.cert, keyName: f.key} {
		if _, err := os.ReadFile(path); err != nil {
			out = append(out, domain.Misconfigured(name, "cannot be read").WithCause(err))
		}
	}
	if len(out) > 0 {
		return out
	}
	if _, err := tls.LoadX509KeyPair(f.cert, f.key); err != nil { // its errors do not quote the files
		return []error{domain.Misconfigured(certName, "and "+keyName+" are not a certificate and its key in PEM").WithCause(err)}
	}
	return nil
}

// fileState identifies the content of a file without reading it.
type fileState struct {
	modified time.Time
	size     int64
}

// certificate serves the certificate of two files, and loads it again after a file has
// changed. It checks the files during handshakes, at most once in certificateCheck, and not by
// file events, which miss the symbolic links that Kubernetes replaces. While the new files
// cannot be used it keeps the certificate that it has. It is safe for concurrent use.
type certificate struct {
	files   certificateFiles
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]

	// checking guards the fields below; a handshake that cannot lock it does not check.
	checking  sync.Mutex
	checkedAt time.Time
	loaded    [2]fileState // the files of the last attempt to load
	broken    bool         // the last attempt failed
}

// loadCertificate returns the certificate of the files. It returns an error if they cannot be
// used.
func loadCertificate(files certificateFiles, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log, checkedAt: time.Now()}
	var err error
	if c.loaded, err = c.stat(); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(files.cert, files.key)
	if err != nil {
		return nil, err
	}
	c.current.Store(&pair)
	return c, nil
}

// get returns the certificate for a handshake. It never returns an error.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.checking.TryLock() {
		if time.Since(c.checkedAt) >= certificateCheck {
			c.checkedAt = time.Now()
			c.reload()
		}
		c.checking.Unlock()
	}
	return c.current.Load(), nil
}

// reload loads the files if they have changed since the last attempt. It logs a failure once,
// until an attempt succeeds. The caller must hold the lock.
func (c *certificate) reload() {
	state, err := c.stat()
	if err == nil && state == c.loaded {
		return
	}
	var pair tls.Certificate
	if err == nil {
		c.loaded = state
		pair, err = tls.LoadX509KeyPair(c.files.cert, c.files.key)
	}
	switch {
	case err == nil:
		c.broken = false
		c.current.Store(&pair)
		c.log.Info("the certificate was loaded again", "file", c.files.cert, "expires", expiry(&pair))
	case !c.broken:
		c.broken = true
		c.log.Warn("the new certificate cannot be used; the old one stays in use", "file", c.files.cert,
			"expires", expiry(c.current.Load()), "error", err)
	}
}

func (c *certificate) stat() (state [2]fileState, err error) {
	for i, path := range []string{c.files.cert, c.files.key} {
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

// secure returns a listener that accepts TLS connections with the certificate: TLS 1.2 or
// newer, and HTTP/1.1 as the only protocol.
func (c *certificate) secure(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: c.get,
	})
}

// onlyHTTP1 returns the protocols of a server, without HTTP/2.
func onlyHTTP1() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	return p
}
