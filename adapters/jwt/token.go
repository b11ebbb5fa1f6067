package jwt

import (
	"strings"
	"sync/atomic"

	"github.com/huleedu/edge/domain"
)

// maxToken bounds a token, in bytes. Larger ones are refused unread.
const maxToken = 8 << 10

// compactToken is a compact JWS (RFC 7515 section 3.1), taken apart but not yet
// believed.
type compactToken struct {
	input     string // header and payload as signed
	signature []byte
	payload   []byte
	header    string
	kid       string
}

// parseCompact checks everything that can be said of a token before its
// signature. Nothing that the header proposes besides "kid" is ever followed:
// "jku", "x5u", "jwk" and "x5c" are not even read.
func parseCompact(token string, headers *headers) (*compactToken, error) {
	if len(token) > maxToken {
		return nil, domain.TokenInvalid("size")
	}
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

// headers judges the headers of tokens. It remembers the last one of a token whose
// signature held: an issuer begins all its tokens with the same header, and a token
// that proves nothing cannot replace it.
type headers struct {
	algorithm string
	last      atomic.Pointer[allowedHeader]
}

type allowedHeader struct{ text, kid string }

// check returns the "kid" of a header that is allowed.
func (h *headers) check(text string) (kid string, err error) {
	if last := h.last.Load(); last != nil && last.text == text {
		return last.kid, nil
	}
	decoded, ok := decodePart(text)
	if !ok {
		return "", malformed()
	}
	members, err := parseObject(decoded)
	if err != nil {
		return "", malformed().Because(err)
	}
	if err := checkHeader(members, h.algorithm); err != nil {
		return "", err
	}
	kid, _ = members.stringMember("kid")
	return strings.Clone(kid), nil
}

// remember keeps the header of a token whose signature held. It clones the text,
// which is a part of the token.
func (h *headers) remember(text, kid string) {
	if last := h.last.Load(); last == nil || last.text != text {
		h.last.Store(&allowedHeader{text: strings.Clone(text), kid: kid})
	}
}

// checkHeader allows the one algorithm, no critical extension, unencoded
// payloads neither, and no type but that of an access token.
func checkHeader(header jsonObject, algorithm string) error {
	for _, name := range []string{"alg", "kid", "typ"} {
		if _, present := header[name]; !present {
			continue
		}
		if _, isText := header.stringMember(name); !isText || hasLoneSurrogate(header[name]) {
			return malformed()
		}
	}
	if named, _ := header.stringMember("alg"); named != algorithm {
		return domain.TokenInvalid("algorithm")
	}
	if _, present := header["crit"]; present {
		return malformed()
	}
	if plain, present := header["b64"]; present && plain != "true" {
		return malformed()
	}
	if kind, present := header.stringMember("typ"); present && !accessType(kind) {
		return malformed()
	}
	return nil
}

// accessType reports whether a header's "typ" names a plain or an access token
// (RFC 7519 section 5.1, RFC 9068); other media types are other protocols'
// tokens, which must not pass for ours (RFC 8725 section 3.11).
func accessType(typ string) bool {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "jwt", "at+jwt":
		return true
	default:
		return false
	}
}

func malformed() *domain.Error { return domain.TokenInvalid("malformed") }
