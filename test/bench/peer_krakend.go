package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// krakendStatus compares status requests through the gateway, with all its checks, and through KrakenD
// with a check of the token.
func krakendStatus(ctx context.Context, l *runner) ([]row, error) {
	return l.compare(l.krakend(), func() ([]row, error) {
		doors, release, err := l.startGatewayBeside(ctx, func(backend string) (*process, error) { return l.startKrakend(ctx, backend) })
		if err != nil {
			return nil, err
		}
		defer release()
		forged, err := l.forgedToken()
		if err != nil {
			return nil, err
		}
		refused, err := load(ctx, doors.bare, requests([]user{{token: forged}}, statusPath), loadLimits{1, 1, time.Minute})
		if err != nil {
			return nil, err
		}
		if refused.failed != 1 {
			return nil, errTokenNotChecked
		}
		return l.statusLoad(ctx, doors)
	})
}

// startKrakend starts a KrakenD that checks tokens, tells the backend the user and forwards the answer
// without parsing it. It sends no usage reports.
func (l *runner) startKrakend(ctx context.Context, backend string) (*process, error) {
	keys, err := l.writeKeys()
	if err != nil {
		return nil, err
	}
	address, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	const userHeader = "X-User-Id"
	endpoint := object{
		"endpoint": "/v1/batches/{id}/status", "method": "GET", "output_encoding": "no-op", "headers_to_pass": []string{userHeader},
		"extra_config": object{"github.com/devopsfaith/krakend-jose/validator": object{
			"alg": "HS256", "jwk_local_path": keys, "disable_jwk_security": true, // otherwise it only warns, and checks no token
			"audience": []string{audience}, "issuer": issuer,
			"propagate-claims": [][]string{{"sub", userHeader}},
		}},
		"backend": []object{{"url_pattern": "/internal/v1/batches/{id}/status", "host": []string{backend}, "encoding": "no-op"}},
	}
	return l.startPeer(ctx, l.krakend(), address, object{
		"version": 2, "name": "bench", "port": port, "timeout": "10s", "endpoints": []object{endpoint},
		"extra_config": object{"github_com/devopsfaith/krakend-gologging": object{"level": "ERROR", "prefix": "", "syslog": false, "stdout": true}},
	}, "USAGE_DISABLE=1")
}

// writeKeys writes the secret of the tokens as a JSON Web Key Set and returns the path.
func (l *runner) writeKeys() (string, error) {
	content, err := json.Marshal(object{"keys": []object{{"kty": "oct", "alg": "HS256", "k": base64.RawURLEncoding.EncodeToString([]byte(secret))}}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(l.dir, "keys.json")
	return path, os.WriteFile(path, content, 0o600)
}
