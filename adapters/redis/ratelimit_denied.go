package redis

import (
	"crypto/sha256"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxDenied is the maximum number of cached windows, about 13 MB. When it is exceeded, the
// least recently used window is deleted; its next request asks Redis again.
const maxDenied = 1 << 16

// deniedCache caches until when windows are full. It stores the hashes of keys, because a key
// can be long.
type deniedCache struct {
	ends *lru.Cache[[sha256.Size]byte, time.Time]
}

func newDeniedCache() deniedCache {
	ends, _ := lru.New[[sha256.Size]byte, time.Time](maxDenied) // the only error is a size below 1
	return deniedCache{ends}
}

// remaining returns how long the window of the key is known to be full. The result is not
// positive for a window that is not cached or has ended.
func (c deniedCache) remaining(key string) time.Duration {
	ends, known := c.ends.Get(sha256.Sum256([]byte(key)))
	if !known {
		return 0
	}
	return time.Until(ends)
}

// add stores that the window of the key is full until it ends.
func (c deniedCache) add(key string, ends time.Time) {
	c.ends.Add(sha256.Sum256([]byte(key)), ends)
}
