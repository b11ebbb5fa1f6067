package redis

import (
	"context"

	goredis "github.com/redis/go-redis/v9"

	"github.com/huleedu/edge/adapters/redis/reply"
)

// batchScript is a script that processes many keys in one round trip.
type batchScript[T any] struct {
	rdb    goredis.UniversalClient
	script *goredis.Script
	// parse reads the result of the script, a list.
	parse func(*goredis.Cmd) ([]T, error)
	// perKey is the number of results for each key.
	perKey int
}

// newCountScript returns a script that returns perKey integers for each key.
func newCountScript(rdb goredis.UniversalClient, text string, perKey int) batchScript[int64] {
	return batchScript[int64]{rdb: rdb, script: goredis.NewScript(text), parse: (*goredis.Cmd).Int64Slice, perKey: perKey}
}

// run returns the results for all keys, in their order. The arguments of the script are the
// common ones, followed by one argument for each key if each is not nil. The script can run
// twice after a lost connection. A result of another length returns reply.ErrUnexpectedResult.
func (s batchScript[T]) run(ctx context.Context, keys []string, common, each []any) (results []T, err error) {
	if isCluster(s.rdb) && len(keys) > 1 {
		results, err = s.runEach(ctx, keys, common, each)
	} else {
		args := append(append(make([]any, 0, len(common)+len(each)), common...), each...)
		results, err = s.parse(s.script.Run(ctx, s.rdb, keys, args...))
	}
	if err == nil && len(results) != s.perKey*len(keys) {
		return nil, reply.ErrUnexpectedResult
	}
	return results, err
}

// runEach runs the script once for each key, in a pipeline, because a script on a cluster has
// access to one slot only. It sends the script's text each time: a pipeline cannot first find
// out which nodes know it.
func (s batchScript[T]) runEach(ctx context.Context, keys []string, common, each []any) ([]T, error) {
	pipe := s.rdb.Pipeline()
	commands := make([]*goredis.Cmd, len(keys))
	for i, key := range keys {
		args := append(make([]any, 0, len(common)+1), common...)
		if each != nil {
			args = append(args, each[i])
		}
		commands[i] = s.script.Eval(ctx, pipe, []string{key}, args...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	results := make([]T, 0, s.perKey*len(keys))
	for _, c := range commands {
		some, err := s.parse(c)
		if err != nil {
			return nil, err
		}
		results = append(results, some...)
	}
	return results, nil
}

// isCluster reports whether the keys of one command must share a slot.
func isCluster(rdb goredis.UniversalClient) bool {
	_, is := rdb.(*goredis.ClusterClient)
	return is
}
