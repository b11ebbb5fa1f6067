// Package proxy passes requests on to the services behind the gateway and their answers
// back: which headers pass, which paths are safe, what becomes of redirects, and how a
// failed call is answered.
package proxy
