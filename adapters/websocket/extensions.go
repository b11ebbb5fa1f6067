package websocket

import (
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// deflateExtension is the only supported extension (RFC 7692).
const deflateExtension = "permessage-deflate"

// offersDeflate reports whether one of the client's offers can be accepted as the
// library implements it: without context takeover and with windows of any size.
// Offers with unknown, repeated, malformed or unsupported parameters are declined
// (RFC 7692 section 5). ok is false when the header is not a list of extensions (RFC
// 6455 section 9.1).
func offersDeflate(h http.Header) (accepted, ok bool) {
	for _, line := range h.Values("Sec-Websocket-Extensions") {
		for rest := line; ; {
			var name string
			var params []param
			name, params, rest, ok = readExtension(rest)
			if !ok {
				return false, false
			}
			accepted = accepted || strings.EqualFold(name, deflateExtension) && supported(params)
			if rest == "" {
				break
			}
		}
	}
	return accepted, true
}

// param is one parameter of an offer.
type param struct {
	name, value string
	valued      bool // the parameter has a value, which must not be empty
}

// supported reports whether all parameters of an offer can be granted. The client's
// window may have any size; the server's cannot be limited.
func supported(params []param) bool {
	seen := map[string]bool{}
	for _, p := range params {
		name := strings.ToLower(p.name)
		if seen[name] {
			return false
		}
		seen[name] = true
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if p.valued {
				return false
			}
		case "client_max_window_bits":
			if bits, err := strconv.Atoi(p.value); p.valued && (err != nil || bits < 8 || bits > 15 || p.value != strconv.Itoa(bits)) {
				return false
			}
		default: // server_max_window_bits is not supported either
			return false
		}
	}
	return true
}

// readExtension reads one element of the list and returns the text after its comma.
func readExtension(s string) (name string, params []param, rest string, ok bool) {
	if name, s = readToken(s); name == "" {
		return "", nil, "", false
	}
	for strings.HasPrefix(s, ";") {
		var p param
		if p.name, s = readToken(s[1:]); p.name == "" {
			return "", nil, "", false
		}
		if strings.HasPrefix(s, "=") {
			p.valued = true
			if p.value, s = readValue(s[1:]); p.value == "" {
				return "", nil, "", false
			}
		}
		params = append(params, p)
	}
	switch {
	case s == "":
		return name, params, "", true
	case s[0] == ',' && strings.TrimLeft(s[1:], " \t") != "":
		return name, params, s[1:], true
	default:
		return "", nil, "", false
	}
}

// readValue reads a token, or a quoted token; the value is empty for anything else.
func readValue(s string) (value, rest string) {
	s = strings.TrimLeft(s, " \t")
	if !strings.HasPrefix(s, `"`) {
		return readToken(s)
	}
	value, rest = readToken(s[1:])
	if value == "" || !strings.HasPrefix(rest, `"`) {
		return "", s
	}
	return value, strings.TrimLeft(rest[1:], " \t")
}

// readToken reads a token (RFC 9110 section 5.6.2) and the white space around it.
func readToken(s string) (token, rest string) {
	s = strings.TrimLeft(s, " \t")
	end := strings.IndexFunc(s, func(r rune) bool { return !httpguts.IsTokenRune(r) })
	if end < 0 {
		end = len(s)
	}
	return s[:end], strings.TrimLeft(s[end:], " \t")
}
