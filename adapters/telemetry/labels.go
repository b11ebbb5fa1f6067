package telemetry

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/huleedu/edge/domain"
)

// A label that strangers could fill with words of their own would grow the
// registry without end. These bound each to a list that is known beforehand.
const (
	otherMethod = "OTHER"
	otherLabel  = "other"
	noRoute     = "unmatched"
)

// method is an HTTP method, or OTHER: a client may send any word.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	default:
		return otherMethod
	}
}

// endpoint is a route's template; a request that met no route has none.
func endpoint(template string) string {
	if template == "" {
		return noRoute
	}
	return template
}

// status is an HTTP status; 0 stands for a call that nobody answered.
func status(code int) string {
	if code == 0 || code >= 100 && code <= 599 {
		return strconv.Itoa(code)
	}
	return otherLabel
}

// errorType is one of the contract's codes.
func errorType(c domain.Code) string {
	if slices.Contains(domain.Codes(), c) {
		return string(c)
	}
	return string(domain.UnknownError)
}

// closed is a counter whose label takes a closed list of values. The series
// exist from the start, at zero, so that the first event is an increase, and
// counting one is a look-up without allocation.
type closed[K comparable] struct {
	known map[K]prometheus.Counter
	rest  prometheus.Counter
}

// newClosed resolves the series of all values; label spells a value. What is
// not in the list counts as rest, or not at all when rest is empty.
func newClosed[K comparable](c *prometheus.CounterVec, label func(K) string, rest string, values ...K) closed[K] {
	out := closed[K]{known: make(map[K]prometheus.Counter, len(values))}
	if rest != "" {
		out.rest = c.WithLabelValues(rest)
	}
	for _, v := range values {
		out.known[v] = c.WithLabelValues(label(v))
	}
	return out
}

func (c closed[K]) inc(value K) {
	if counter, ok := c.known[value]; ok {
		counter.Inc()
		return
	}
	if c.rest != nil {
		c.rest.Inc()
	}
}

// spelled is the label of a value that is its own name.
func spelled[K ~string](v K) string { return string(v) }

// flag is the value of a gauge that says yes or no.
func flag(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
