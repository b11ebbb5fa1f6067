package memory

import "github.com/hashicorp/golang-lru/v2/simplelru"

// maxRecords is the maximum number of records of Idempotency and of Registrations. When it is
// exceeded, the least recently used record is deleted.
const maxRecords = 1 << 16

// newLRU returns a cache that deletes its least recently used entry when it is full. size must
// be positive. The cache is not safe for concurrent use.
func newLRU[K comparable, V any](size int) *simplelru.LRU[K, V] {
	cache, _ := simplelru.NewLRU[K, V](size, nil) // the only error is a size below 1
	return cache
}
