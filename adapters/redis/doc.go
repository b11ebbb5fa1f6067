// Package redis implements the ports of both services on Redis: subscriptions,
// notification logs, connection quotas, rate limits, idempotency keys and batch
// registrations. One Client serves a process; it connects to a single server, to
// sentinels or to a cluster.
//
// Names in Redis: a user's channel is the prefix followed by the user's id. A user's
// keys contain the id in braces, so that all of them share one slot of a cluster.
// Control channels begin with "wsctl:". The gateway uses "gwlimit:{party}:class" for
// rate limits, "gwonce:{user}:hash" for idempotency keys and "gwbatch:batch" for
// registrations.
package redis
