package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"time"
)

// errNoCertificate is returned for a file without a certificate in PEM.
var errNoCertificate = errors.New("the file contains no certificate in PEM")

// TrustOnly returns the configuration of a client that accepts only the first certificate of a
// file, whatever the address of the server. The certificate may have expired, because a
// service with such a certificate is alive.
func TrustOnly(certFile string) (*tls.Config, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errNoCertificate
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted, Time: func() time.Time { return leaf.NotAfter }}
	switch {
	case len(leaf.DNSNames) > 0:
		c.ServerName = strings.Replace(leaf.DNSNames[0], "*", "any", 1)
	case len(leaf.IPAddresses) > 0:
		c.ServerName = leaf.IPAddresses[0].String()
	}
	return c, nil
}
