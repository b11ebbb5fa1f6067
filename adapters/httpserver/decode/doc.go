// Package decode turns the bodies and queries of requests into values of the domain and
// reports every rule of a schema that a request breaks.
//
// The JSON is read by hand from its tokens, because the contract promises what
// encoding/json cannot do: member names match exactly, a lone surrogate is refused,
// numbers and booleans may be text, an error repeats the input as it was spelled, and no
// body costs more than a few times its size.
package decode
