// Package httpserver implements the HTTP servers of both services.
//
// The routes of a service are in one table (gateway_routes.go, socket_routes.go). Every
// request passes the same middleware, in the order of router.chain, and then its handler.
// One function writes errors (error_writer.go); one table maps errors to statuses
// (status.go). The packages below decode requests, own their bodies, pass them on to other
// services, and find the address of a client. They know nothing of routes.
//
// gin is an internal detail: no exported name uses it.
package httpserver
