// Package redis is everything the services do on Redis: following users'
// channels, and keeping and announcing notifications. One Client serves a whole
// process, in any of the forms single server, sentinel and cluster.
//
// Names in Redis: a user's channel is the prefix and the user's id; a user's
// keys carry the id in braces, so that all of them share one slot of a cluster.
// What is not a user's begins with "wsctl:". The gateway's windows are
// "gwlimit:{party}:class", its remembered requests "gwonce:{user}:hash".
package redis
