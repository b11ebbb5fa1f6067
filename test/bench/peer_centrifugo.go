package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// object is an object of a peer's configuration.
type object = map[string]any

// startCentrifugo starts a Centrifugo that does what the notification service does where it can: tokens with
// the same checks, one channel for each user, Redis, metrics. It uses the options that save memory, and keeps no
// history, because the messages of the benchmark are not stored.
func (l *runner) startCentrifugo(ctx context.Context) (*process, error) {
	address, port, err := freeAddress()
	if err != nil {
		return nil, err
	}
	p, err := l.startPeer(ctx, l.centrifugo(), address, object{
		"http_server": object{"address": "127.0.0.1", "port": port},
		"client": object{
			"token":                              object{"hmac_secret_key": secret, "audience": audience, "issuer": issuer},
			"subscribe_to_user_personal_channel": object{"enabled": true},
			"allowed_origins":                    []string{},
		},
		"engine":        object{"type": "redis", "redis": object{"address": []string{"redis://" + l.redis}}},
		"uni_websocket": object{"enabled": true, "read_buffer_size": 512, "use_write_buffer_pool": true},
		"uni_sse":       object{"enabled": true},
		"prometheus":    object{"enabled": true},
		"usage_stats":   object{"disabled": true},
	})
	if err != nil {
		return nil, err
	}
	p.protocol = centrifugoProtocol()
	if err := l.checkTokenIsChecked(ctx, p); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// checkTokenIsChecked returns an error unless the server closes a socket with a forged token.
func (l *runner) checkTokenIsChecked(ctx context.Context, p *process) error {
	forged, err := l.forgedToken()
	if err != nil {
		return err
	}
	s, err := dialSocket(ctx, p, forged, 0, false)
	if err != nil {
		return err
	}
	defer s.close()
	_ = s.conn.SetReadDeadline(time.Now().Add(requestTimeout))
	for err == nil {
		_, err = s.next()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errTokenNotChecked
	}
	return nil
}

func centrifugoIdle(ctx context.Context, l *runner) ([]row, error) {
	return l.compare(l.centrifugo(), func() ([]row, error) {
		n := l.size(5000, 200)
		return l.memoryBeside(fmt.Sprintf("KB resident per idle socket, %d of them", n), func(start starter) (socketCost, error) {
			costs, err := l.idleCosts(ctx, []int{n}, start)
			if err != nil {
				return socketCost{}, err
			}
			return costs[0], nil
		}, l.largeNode(n))
	})
}

func centrifugoStreams(ctx context.Context, l *runner) ([]row, error) {
	return l.compare(l.centrifugo(), func() ([]row, error) {
		n := l.size(5000, 200)
		return l.memoryBeside(fmt.Sprintf("KB resident per idle stream, %d of them", n), func(start starter) (socketCost, error) {
			return l.streamCost(ctx, n, start)
		}, l.largeNode(n))
	})
}

// memoryBeside measures a new node and a new Centrifugo in turn, at most two rounds.
func (l *runner) memoryBeside(measure string, cost func(starter) (socketCost, error), node starter) ([]row, error) {
	var each series
	for range min(l.rounds, 2) {
		ours, err := cost(node)
		if err != nil {
			return nil, err
		}
		theirs, err := cost(l.startCentrifugo)
		if err != nil {
			return nil, err
		}
		each.add(ours.resident, theirs.resident)
	}
	return []row{each.row(measure)}, nil
}

func centrifugoFanout(ctx context.Context, l *runner) ([]row, error) {
	return l.compare(l.centrifugo(), func() ([]row, error) { return l.fanoutBeside(ctx, l.startCentrifugo) })
}

func centrifugoStorm(ctx context.Context, l *runner) ([]row, error) {
	return l.compare(l.centrifugo(), func() ([]row, error) { return l.stormBeside(ctx, l.startCentrifugo) })
}
