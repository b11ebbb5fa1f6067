package wire

import (
	"log/slog"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/ports"
)

func jwtTokens(c jwt.Config, o ports.Observer, log *slog.Logger) adapter[ports.TokenValidator] {
	return func(l *lifecycle) (ports.TokenValidator, error) {
		v, err := jwt.New(c, o, log)
		if err != nil {
			return nil, err
		}
		l.run("token keys", v.Run)
		l.shared = append(l.shared, v)
		return v, nil
	}
}
