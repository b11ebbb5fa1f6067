// Package redisreplies tests the running notification consumer against the replies
// that Redis, and the proxies in front of it, can give to the script that keeps a
// notification: no reply may turn a good record into a dead letter.
package redisreplies
