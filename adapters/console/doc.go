// Package console is the people's side of the edge: a client of both services
// that prints what they say as a person wants to read it. The edge tool is
// built on it; the services are not.
package console
