package jwt

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/huleedu/edge/domain"
)

// minSecret is the shortest secret, in bytes, that production accepts: the
// output size of HS256 (RFC 7518 section 3.2).
const minSecret = 32

// Config is the configuration of a Validator: one algorithm and one kind of key.
type Config struct {
	// Algorithm is the one signature algorithm that tokens may name: HS256, HS384, HS512,
	// RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA.
	Algorithm string `env:"JWT_ALGORITHM" envDefault:"HS256"`
	// SecretKey is the shared secret of the HS algorithms. There is no default; production
	// needs at least 32 bytes that are not a well-known text.
	SecretKey domain.Secret `env:"JWT_SECRET_KEY"`
	// PreviousSecretKey is a second secret of the HS algorithms, whose tokens are accepted too,
	// while a rotation of JWT_SECRET_KEY lasts. The same rules apply to it.
	PreviousSecretKey domain.Secret `env:"JWT_SECRET_KEY_PREVIOUS"`
	// Audience is what "aud" must equal or contain. Set but empty, the check is off
	// (refused in production).
	Audience string `env:"JWT_AUDIENCE" envDefault:"huleedu-platform"`
	// Issuer is what "iss" must equal. Set but empty, the check is off (refused in
	// production).
	Issuer string `env:"JWT_ISSUER" envDefault:"huleedu-identity-service"`
	// Leeway is how far "nbf" and "iat" may lie in the future. "exp" has none.
	Leeway time.Duration `env:"JWT_LEEWAY_SECONDS" envDefault:"5"`
	// OrgClaims are the claims that may name the organisation, in order; the first that is a
	// non-blank string counts.
	OrgClaims []string `env:"JWT_ORG_ID_CLAIM_NAMES" envDefault:"[\"org_id\",\"org\",\"organization_id\"]"`
	// JWKSURL is where the key set of the RS, PS, ES and EdDSA algorithms is fetched. It
	// goes before JWT_PUBLIC_KEY. Production needs https.
	JWKSURL string `env:"JWT_JWKS_URL"`
	// PublicKey is the public key in PEM; line feeds may be written as \n. It goes before
	// JWT_PUBLIC_KEY_PATH.
	PublicKey string `env:"JWT_PUBLIC_KEY"`
	// PublicKeyPath is a file with the public key in PEM, read once at start.
	PublicKeyPath string `env:"JWT_PUBLIC_KEY_PATH"`
	// JWKSRefreshInterval is how often the key set is fetched.
	JWKSRefreshInterval time.Duration `env:"JWT_JWKS_REFRESH_INTERVAL" envDefault:"300"`
	// JWKSMinInterval is the least time between two fetches of the key set,
	// whatever asks for one.
	JWKSMinInterval time.Duration `env:"JWT_JWKS_MIN_INTERVAL" envDefault:"10"`
	// JWKSTimeout bounds one fetch of the key set.
	JWKSTimeout time.Duration `env:"JWT_JWKS_TIMEOUT" envDefault:"5"`
}

// Problems returns an error for every invalid setting, and in production for every setting
// that is too weak. It reads the key file if one is configured.
func (c Config) Problems(environment domain.Environment) []error {
	p := &problems{}
	if _, known := families()[c.Algorithm]; !known {
		p.add("JWT_ALGORITHM", "must be one of "+strings.Join(algorithmNames(), ", "))
	} else if c.symmetric() {
		c.secretProblems(p, environment)
	} else {
		c.publicKeyProblems(p, environment)
	}
	p.addIf(c.Leeway < 0, "JWT_LEEWAY_SECONDS", "must not be negative")
	p.addIf(slices.ContainsFunc(c.OrgClaims, isBlank), "JWT_ORG_ID_CLAIM_NAMES", "must not hold a blank name")
	if environment == domain.Production {
		p.addIf(c.Audience == "", "JWT_AUDIENCE", "must not be empty in production: the audience would not be checked")
		p.addIf(c.Issuer == "", "JWT_ISSUER", "must not be empty in production: the issuer would not be checked")
	}
	return p.list
}

func (c Config) secretProblems(p *problems, environment domain.Environment) {
	if isBlank(c.SecretKey.Reveal()) {
		p.add(secretSetting, "is required for "+c.Algorithm+"; there is no default secret")
	} else {
		p.addWeakSecret(secretSetting, c.SecretKey, environment)
	}
	if c.PreviousSecretKey != "" {
		p.addIf(isBlank(c.PreviousSecretKey.Reveal()), previousSetting, "must not be blank")
		p.addWeakSecret(previousSetting, c.PreviousSecretKey, environment)
	}
}

const (
	// secretSetting names the setting of the secret that verifies HS tokens.
	secretSetting = "JWT_SECRET_KEY"
	// previousSetting names the setting of a second secret, whose HS tokens are also accepted.
	previousSetting = "JWT_SECRET_KEY_PREVIOUS"
)

// Warnings reports that tokens of a previous secret are accepted.
func (c Config) Warnings(domain.Environment) []error {
	if !c.symmetric() || c.PreviousSecretKey == "" {
		return nil
	}
	return []error{domain.Misconfigured(previousSetting, "is set: tokens of the previous secret are accepted; remove it when the last of them has expired")}
}

func (c Config) publicKeyProblems(p *problems, environment domain.Environment) {
	if c.JWKSURL != "" {
		c.jwksProblems(p, environment)
		return
	}
	if _, err := c.staticKey(); err != nil {
		p.list = append(p.list, err)
	}
}

func (c Config) jwksProblems(p *problems, environment domain.Environment) {
	u, err := url.Parse(c.JWKSURL)
	usable := err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
	p.addIf(!usable, "JWT_JWKS_URL", "must be an http or https URL")
	p.addIf(usable && u.Scheme == "http" && environment == domain.Production, "JWT_JWKS_URL", "must be https in production")
	p.addIf(c.JWKSRefreshInterval <= 0, "JWT_JWKS_REFRESH_INTERVAL", "must be positive")
	p.addIf(c.JWKSMinInterval <= 0, "JWT_JWKS_MIN_INTERVAL", "must be positive")
	p.addIf(c.JWKSTimeout <= 0, "JWT_JWKS_TIMEOUT", "must be positive")
}

// symmetric reports whether the algorithm signs with a shared secret.
func (c Config) symmetric() bool { return families()[c.Algorithm] == hmacFamily }

// problems collects errors of settings.
type problems struct{ list []error }

func (p *problems) add(name, message string) {
	p.list = append(p.list, domain.Misconfigured(name, message))
}

func (p *problems) addIf(wrong bool, name, message string) {
	if wrong {
		p.add(name, message)
	}
}

// addWeakSecret adds what production refuses in a secret.
func (p *problems) addWeakSecret(name string, secret domain.Secret, environment domain.Environment) {
	if environment != domain.Production {
		return
	}
	p.addIf(len(secret.Reveal()) < minSecret, name, "must have at least 32 bytes in production")
	p.addIf(secret.IsPEM(), name, "is a key in PEM, not a secret; production refuses it")
	p.addIf(secret.Guessable(), name, "is a well-known or guessable text, which production refuses")
}

// check joins the problems that make a Config invalid in every environment.
func (c Config) check() error { return errors.Join(c.Problems(domain.Development)...) }

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }
