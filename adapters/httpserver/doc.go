// Package httpserver implements the HTTP servers of both services: routes,
// authentication, decoding of requests, and answers. The routes of a service are in
// one table (gatewayroutes.go, socketroutes.go). Every request passes the same
// middleware (middleware.go). One function writes errors (answer.go); one table
// maps errors to statuses (status.go).
//
// gin is an internal detail: no exported name uses it.
package httpserver
