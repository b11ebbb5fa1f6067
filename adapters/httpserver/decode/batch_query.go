package decode

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/huleedu/edge/domain"
)

const (
	// defaultPage is the number of batches in a page when the query has no "limit".
	defaultPage = 20
	// maxPage is the largest "limit" of a query, in batches. A larger one is a validation error.
	maxPage = 100
)

// BatchQuery decodes the query of a list request. It returns one VALIDATION_ERROR,
// answered with 422, for invalid numbers, and a plain VALIDATION_ERROR for an unknown
// status. An empty status is no filter.
func BatchQuery(values url.Values) (domain.BatchQuery, error) {
	var broken violations
	q := domain.BatchQuery{
		Limit:  broken.queryInt(values, "limit", intRange{defaultPage, 1, maxPage}),
		Offset: broken.queryInt(values, "offset", intRange{0, 0, math.MaxInt32}),
	}
	if err := broken.err(); err != nil {
		return domain.BatchQuery{}, err
	}
	if given := values["status"]; len(given) > 0 {
		q.Status = domain.ClientStatus(strings.TrimSpace(given[len(given)-1]))
		if q.Status != "" && !slices.Contains(domain.ClientStatuses(), q.Status) {
			return domain.BatchQuery{}, domain.Invalid("status", string(q.Status), statuses(), "Invalid batch status")
		}
	}
	return q, nil
}

// intRange is the default and the bounds of an integer.
type intRange struct{ fallback, least, most int }

// queryInt reads an optional whole number; of several the last counts.
func (v *violations) queryInt(values url.Values, key string, s intRange) int {
	given := values[key]
	if len(given) == 0 {
		return s.fallback
	}
	text := given[len(given)-1]
	at := []any{"query", key}
	raw, _ := json.Marshal(text)
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		v.add("int_parsing", at, "Input should be a valid integer, unable to parse string as an integer", raw, nil)
		return 0
	}
	v.requireRange(at, raw, float64(n), float64(s.least), float64(s.most))
	return n
}

func statuses() string {
	return strings.Join(toStrings(domain.ClientStatuses()), ", ")
}
