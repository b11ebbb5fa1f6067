package jwt

import (
	"strings"
	"sync/atomic"

	"github.com/huleedu/edge/domain"
)

// maxToken is the maximum size of a token in bytes. Larger tokens are not parsed.
const maxToken = 8 << 10

// compactToken is a parsed compact JWS (RFC 7515 section 3.1) with an unverified signature.
type compactToken struct {
	input     string // header and payload as signed
	signature []byte
	payload   []byte
	header    string
	kid       string
}

// parseCompact parses a token and checks its form and header. It uses only "kid" of the
// header's key members: it does not read "jku", "x5u", "jwk" and "x5c".
func parseCompact(token string, headers *headers) (*compactToken, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return nil, malformed()
	}
	payload, payloadOK := decodePart(parts[1])
	signature, signatureOK := decodePart(parts[2])
	if !payloadOK || !signatureOK {
		return nil, malformed()
	}
	kid, err := headers.check(parts[0])
	if err != nil {
		return nil, err
	}
	return &compactToken{
		input: token[:len(parts[0])+1+len(parts[1])], signature: signature, payload: payload,
		header: parts[0], kid: kid,
	}, nil
}

// headers checks the headers of tokens. It caches the header of the last token with a valid
// signature, because an issuer uses the same header for all its tokens. A token without a
// valid signature cannot replace it.
type headers struct {
	algorithm string
	last      atomic.Pointer[allowedHeader]
}

type allowedHeader struct{ text, kid string }

// check returns the "kid" of a valid header.
func (h *headers) check(text string) (kid string, err error) {
	if last := h.last.Load(); last != nil && last.text == text {
		return last.kid, nil
	}
	decoded, ok := decodePart(text)
	if !ok {
		return "", malformed()
	}
	header, err := parseMembers(decoded)
	if err != nil {
		return "", malformed().WithCause(err)
	}
	if err := checkHeader(header, h.algorithm); err != nil {
		return "", err
	}
	kid, _ = header.text("kid")
	return kid, nil
}

// remember caches the header of a token with a valid signature. It clones the text, which is
// a part of the token.
func (h *headers) remember(text, kid string) {
	if last := h.last.Load(); last == nil || last.text != text {
		h.last.Store(&allowedHeader{text: strings.Clone(text), kid: kid})
	}
}

// checkHeader accepts only the configured algorithm and the type of an access token. It
// rejects critical extensions and unencoded payloads.
func checkHeader(header members, algorithm string) error {
	for _, name := range []string{"alg", "kid", "typ"} {
		if _, present := header[name]; !present {
			continue
		}
		if _, isString := header.text(name); !isString || header.hasLoneSurrogate(name) {
			return malformed()
		}
	}
	if named, _ := header.text("alg"); named != algorithm {
		return domain.TokenInvalid(domain.ReasonAlgorithm)
	}
	if _, present := header["crit"]; present {
		return malformed()
	}
	if plain, present := header["b64"]; present && string(plain) != "true" {
		return malformed()
	}
	if kind, present := header.text("typ"); present && !accessType(kind) {
		return malformed()
	}
	return nil
}

// accessType reports whether a header's "typ" names a plain or an access token
// (RFC 7519 section 5.1, RFC 9068). Tokens of other protocols have other types and must be
// refused (RFC 8725 section 3.11).
func accessType(typ string) bool {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "jwt", "at+jwt":
		return true
	default:
		return false
	}
}

func malformed() *domain.Error { return domain.TokenInvalid(domain.ReasonMalformed) }
