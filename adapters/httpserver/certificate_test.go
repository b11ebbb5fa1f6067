package httpserver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/app"
	"github.com/huleedu/edge/domain"
)

// pairFiles are the files of a certificate, in a directory of their own.
type pairFiles struct {
	certificateFiles

	t testing.TB
	// touched makes each version of a file have another modification time.
	touched time.Time
}

func newPairFiles(t testing.TB) *pairFiles {
	t.Helper()
	dir := t.TempDir()
	return &pairFiles{certificateFiles{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}, t, time.Now().Add(-time.Hour)}
}

// issue returns a self-signed certificate for localhost with this serial number, and its key.
func issue(t testing.TB, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// write replaces both files.
func (p *pairFiles) write(cert, key []byte) {
	p.t.Helper()
	p.touched = p.touched.Add(time.Second)
	for path, content := range map[string][]byte{p.cert: cert, p.key: key} {
		require.NoError(p.t, os.WriteFile(path, content, 0o600))
		require.NoError(p.t, os.Chtimes(path, p.touched, p.touched))
	}
}

// serial returns the serial number of the certificate of a handshake.
func serial(t testing.TB, c *certificate) int64 {
	t.Helper()
	pair, err := c.get(nil)
	require.NoError(t, err)
	return pair.Leaf.SerialNumber.Int64()
}

func TestCertificateIsLoadedAgainWhenItsFilesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files, log := newPairFiles(t), &bytes.Buffer{}
		firstCert, firstKey := issue(t, 1)
		files.write(firstCert, firstKey)
		c, err := loadCertificate(files.certificateFiles, slog.New(slog.NewTextHandler(log, nil)))
		require.NoError(t, err)
		require.EqualValues(t, 1, serial(t, c))

		files.write(issue(t, 2))
		require.EqualValues(t, 1, serial(t, c), "the files are checked once a second at most")
		time.Sleep(certificateCheck)
		require.EqualValues(t, 2, serial(t, c))
		require.Equal(t, 1, strings.Count(log.String(), "level=INFO"))

		_, otherKey := issue(t, 3)
		files.write(firstCert, otherKey)
		for range 10 {
			time.Sleep(certificateCheck)
			require.EqualValues(t, 2, serial(t, c), "the old certificate stays in use")
		}
		require.NoError(t, os.Remove(files.key))
		time.Sleep(certificateCheck)
		require.EqualValues(t, 2, serial(t, c))
		require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log)

		files.write(firstCert, firstKey)
		time.Sleep(certificateCheck)
		require.EqualValues(t, 1, serial(t, c))
		require.NotContains(t, log.String(), "PRIVATE")
	})
}

// TestCertificateBehindSymbolicLinks replaces the directory behind a link, as Kubernetes does
// with a Secret.
func TestCertificateBehindSymbolicLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		link, versions := filepath.Join(root, "..data"), []*pairFiles{newPairFiles(t), newPairFiles(t)}
		for i, version := range versions {
			version.touched = version.touched.Add(time.Duration(i) * time.Minute)
			version.write(issue(t, int64(i)))
		}
		require.NoError(t, os.Symlink(filepath.Dir(versions[0].cert), link))
		c, err := loadCertificate(certificateFiles{filepath.Join(link, "tls.crt"), filepath.Join(link, "tls.key")}, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.EqualValues(t, 0, serial(t, c))
		require.NoError(t, os.Symlink(filepath.Dir(versions[1].cert), link+"_tmp"))
		require.NoError(t, os.Rename(link+"_tmp", link))
		time.Sleep(certificateCheck)
		require.EqualValues(t, 1, serial(t, c))
	})
}

func TestCertificateProblems(t *testing.T) {
	t.Parallel()
	files := newPairFiles(t)
	files.write(issue(t, 1))
	other := newPairFiles(t)
	other.write(issue(t, 2))
	for name, c := range map[string]struct {
		files certificateFiles
		named []string
	}{
		"no TLS":         {certificateFiles{}, nil},
		"a pair":         {files.certificateFiles, nil},
		"no key":         {certificateFiles{cert: files.cert}, []string{"X_TLS_KEY_FILE"}},
		"no certificate": {certificateFiles{key: files.key}, []string{"X_TLS_CERT_FILE"}},
		"missing files":  {certificateFiles{"/none", "/none"}, []string{"X_TLS_CERT_FILE", "X_TLS_KEY_FILE"}},
		"another key":    {certificateFiles{files.cert, other.key}, []string{"X_TLS_CERT_FILE"}},
		"swapped":        {certificateFiles{files.key, files.cert}, []string{"X_TLS_CERT_FILE"}},
	} {
		var named []string
		for _, problem := range c.files.problems("X_") {
			named = append(named, domain.As(problem).Setting)
		}
		require.ElementsMatch(t, c.named, named, name)
	}
}

// TestListenersUseTLS checks every listener of a service: TLS 1.2 at least, HTTP/1.1 only, and
// the liveness probe.
func TestListenersUseTLS(t *testing.T) {
	t.Parallel()
	files := newPairFiles(t)
	cert, key := issue(t, 1)
	files.write(cert, key)
	server, err := NewWebSocket(WebSocketParts{
		Config: WebSocketConfig{
			Host: "127.0.0.1", AdminAddr: "127.0.0.1:0", TLSCertFile: files.cert, TLSKeyFile: files.key,
			Origins: []string{"http://localhost:5173"}, Methods: []string{"GET"}, Headers: []string{"*"},
		},
		Environment: domain.Testing, Readiness: app.NewReadiness(nil, nil), Observer: noFacts{},
		Tracing: noop.NewTracerProvider(), Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	for _, s := range []*Server{server, server.Admin()} {
		ended := make(chan error, 1)
		go func() { ended <- s.Serve() }()
		requireTLS(t, s, cert)
		host, port := s.listener.Addr().(*net.TCPAddr).IP.String(), s.listener.Addr().(*net.TCPAddr).Port
		require.NoError(t, Alive(t.Context(), domain.WebSocketService, host, port, files.cert))
		other := newPairFiles(t)
		other.write(issue(t, 2))
		require.Error(t, Alive(t.Context(), domain.WebSocketService, host, port, other.cert))
		require.Error(t, Alive(t.Context(), domain.WebSocketService, host, port, ""))
		require.NoError(t, s.Shutdown(t.Context()))
		require.NoError(t, <-ended)
	}
}

// noFacts ignores all facts.
type noFacts struct{}

func (noFacts) Observe(domain.Fact) {}

// requireTLS requests /healthz and requires the versions of the protocols.
func requireTLS(t *testing.T, s *Server, cert []byte) {
	t.Helper()
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(cert))
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, ServerName: "localhost"}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.Addr()+"/healthz", http.NoBody)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "HTTP/1.1", res.Proto)
	require.Equal(t, "http/1.1", res.TLS.NegotiatedProtocol)
	old := config.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
	dialer := &tls.Dialer{Config: old}
	_, err = dialer.DialContext(t.Context(), "tcp", s.Addr())
	require.Error(t, err)
}
