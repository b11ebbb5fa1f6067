package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is one result. Ratio is Ours divided by Bare, and Beside names what Bare was
// measured with. All three are empty without a baseline.
type row struct {
	Scenario string   `json:"scenario"`
	Measure  string   `json:"measure"`
	Ours     float64  `json:"ours"`
	Bare     *float64 `json:"bare,omitempty"`
	Beside   string   `json:"beside,omitempty"`
	Ratio    *float64 `json:"ratio,omitempty"`
	Target   string   `json:"target,omitempty"`
	Met      *bool    `json:"met,omitempty"`
}

// series holds the values of a measure per round, for the service and the baseline.
type series struct{ ours, bare []float64 }

func (s *series) add(ours, bare float64) {
	s.ours, s.bare = append(s.ours, ours), append(s.bare, bare)
}

// row returns the medians and the median of the ratios per round. Both values of a
// round were measured under the same load of the machine.
func (s *series) row(measure string) row {
	var ratios []float64
	for i := range s.ours {
		if s.bare[i] != 0 {
			ratios = append(ratios, s.ours[i]/s.bare[i])
		}
	}
	bare, ratio := median(s.bare), median(ratios)
	return row{Measure: measure, Ours: median(s.ours), Bare: &bare, Ratio: &ratio}
}

// single returns a row without a baseline.
func single(measure string, value float64) row { return row{Measure: measure, Ours: value} }

// atLeast sets a minimum for the ratio, or for the value without a baseline.
func (r row) atLeast(limit float64) row {
	return r.withTarget("≥", limit, r.comparedValue() >= limit)
}

func (r row) atMost(limit float64) row { return r.withTarget("≤", limit, r.comparedValue() <= limit) }

func (r row) withTarget(sign string, limit float64, met bool) row {
	r.Target, r.Met = sign+" "+formatNumber(limit), &met
	if r.Ratio != nil {
		r.Target += " ×"
	}
	return r
}

func (r row) comparedValue() float64 {
	if r.Ratio != nil {
		return *r.Ratio
	}
	return r.Ours
}

// report collects the rows of a run.
type report struct{ rows []row }

func (r *report) add(s scenario, rows []row) {
	for _, x := range rows {
		x.Scenario = s.id()
		if x.Bare != nil && x.Beside == "" {
			x.Beside = s.beside
		}
		r.rows = append(r.rows, x)
	}
}

func (r *report) print(out io.Writer, quick bool) error {
	var b strings.Builder
	b.WriteString("\n| scenario | measure | ours | beside | ratio | target | met |\n|---|---|---:|---:|---:|---|---|\n")
	for _, x := range r.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", x.Scenario, x.Measure,
			formatNumber(x.Ours), x.formatBeside(), formatOptional(x.Ratio), x.Target, formatMet(x.Met))
	}
	line, err := json.Marshal(map[string]any{
		"rows": r.rows, "quick": quick, "cores": runtime.NumCPU(), "go": runtime.Version(), "at": time.Now().UTC().Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n%s\n", b.String(), line)
	return err
}

// formatBeside returns the value of the baseline and its name.
func (r row) formatBeside() string {
	if r.Bare == nil || r.Beside == "" {
		return formatOptional(r.Bare)
	}
	return formatNumber(*r.Bare) + " (" + r.Beside + ")"
}

func formatOptional(v *float64) string {
	if v == nil {
		return ""
	}
	return formatNumber(*v)
}

func formatMet(met *bool) string {
	switch {
	case met == nil:
		return ""
	case *met:
		return "yes"
	default:
		return "**no**"
	}
}

// formatNumber formats a number with about three significant digits.
func formatNumber(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// quantile returns 0 for no values. It does not change the slice.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	i := min(int(q*float64(len(sorted))), len(sorted)-1)
	if q == 0.5 && len(sorted)%2 == 0 {
		return (sorted[i-1] + sorted[i]) / 2
	}
	return sorted[i]
}
