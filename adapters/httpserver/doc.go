// Package httpserver is the HTTP face of both services: the routes, who may
// call them, how requests are read and how every answer, above all every
// error, is written. Each route of a service stands in one table
// (gatewayroutes.go, socketroutes.go); each request passes the same chain
// (chain.go); one function writes errors (answer.go) after one table of
// statuses (status.go).
//
// gin routes requests inside; nothing exported shows it.
package httpserver
