package jwt

import "github.com/huleedu/edge/domain"

// guessable reports whether an attacker would try the secret.
func guessable(secret string) bool { return domain.Secret(secret).Guessable() }
