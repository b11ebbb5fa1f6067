package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Authority is a certificate authority for servers with TLS. Its files are deleted when
// the test ends.
type Authority struct {
	t    testing.TB
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// NewAuthority creates an authority with a self-signed certificate.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "edge test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	writeFile(t, a.File(), encodePEM("CERTIFICATE", der))
	return a
}

// File returns the PEM file of the authority's certificate, which clients must trust.
func (a *Authority) File() string { return filepath.Join(a.dir, "authority.pem") }

// KeyPair is a server certificate and its key in PEM files.
type KeyPair struct {
	// CertFile and KeyFile contain one each. CombinedFile contains the key followed by the
	// certificate, as a Kafka key store requires.
	CertFile, KeyFile, CombinedFile string
}

// Issue issues a certificate for 127.0.0.1 and localhost. until is the expiry, which may
// be in the past.
func (a *Authority) Issue(until time.Time) KeyPair {
	a.t.Helper()
	key := newKey(a.t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "edge test server"},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	cert, private := encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", secret)
	name := filepath.Join(a.dir, serial.String())
	id := KeyPair{CertFile: name + ".crt", KeyFile: name + ".key", CombinedFile: name + ".pem"}
	writeFile(a.t, id.CertFile, cert)
	writeFile(a.t, id.KeyFile, private)
	writeFile(a.t, id.CombinedFile, append(private, cert...))
	return id
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writeFile(t testing.TB, file string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, content, 0o600))
}
