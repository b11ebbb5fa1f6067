package telemetry

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/huleedu/edge/domain"
)

// Labels with values from clients would let the registry grow without limit. These
// functions map each label to a closed list of values.
const (
	// otherMethod is the method label of a request with a method that net/http does not define.
	otherMethod = "OTHER"
	// otherLabel is the label of a status, class or type outside of its list.
	otherLabel = "other"
	// noRoute is the endpoint label of a request that matches no route.
	noRoute = "unmatched"
)

// methodLabel returns an HTTP method of the standard library, or OTHER for any other method.
func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	default:
		return otherMethod
	}
}

// endpointLabel returns the route template, or "unmatched" for a request without a route.
func endpointLabel(template string) string {
	if template == "" {
		return noRoute
	}
	return template
}

// statusLabel returns an HTTP status as a label. The status 0 means that there was no response.
func statusLabel(code int) string {
	if code == 0 || code >= 100 && code <= 599 {
		return strconv.Itoa(code)
	}
	return otherLabel
}

// errorTypeLabel returns an error code of the wire contract, or UNKNOWN_ERROR for another one.
func errorTypeLabel(c domain.Code) string {
	if slices.Contains(domain.Codes(), c) {
		return string(c)
	}
	return string(domain.UnknownError)
}

// enumCounter is a counter whose label has a closed list of values. All series exist from the
// start with the value 0, so that the first event is visible as an increase. inc needs no
// allocation.
type enumCounter[K comparable] struct {
	known map[K]prometheus.Counter
	rest  prometheus.Counter
}

// newEnumCounter creates the series of all values. label converts a value to its label. Values
// outside the list are counted as rest. If rest is empty, they are not counted.
func newEnumCounter[K comparable](c *prometheus.CounterVec, label func(K) string, rest string, values ...K) enumCounter[K] {
	out := enumCounter[K]{known: make(map[K]prometheus.Counter, len(values))}
	if rest != "" {
		out.rest = c.WithLabelValues(rest)
	}
	for _, v := range values {
		out.known[v] = c.WithLabelValues(label(v))
	}
	return out
}

func (c enumCounter[K]) inc(value K) {
	if counter, ok := c.known[value]; ok {
		counter.Inc()
		return
	}
	if c.rest != nil {
		c.rest.Inc()
	}
}

// stringLabel converts a string type to its label.
func stringLabel[K ~string](v K) string { return string(v) }

// boolValue converts a boolean to the value of a gauge.
func boolValue(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
