// Package redisreplies tests the notification consumer against the replies that Redis and
// proxies in front of it can give to the script that stores a notification. No reply may turn a
// valid record into a dead letter.
package redisreplies
