package console

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Printer writes notifications for a person, or as they come for a program.
type Printer struct {
	// Out gets one line per notification.
	Out io.Writer
	// JSON writes each frame as it came.
	JSON bool
}

// Frame writes one frame.
func (p Printer) Frame(frame []byte) {
	line := string(frame)
	if !p.JSON {
		line = readable(frame, time.Now())
	}
	_, _ = fmt.Fprintln(p.Out, line)
}

// Note writes a remark; a program that reads frames is spared it.
func (p Printer) Note(text string) {
	if !p.JSON {
		_, _ = fmt.Fprintf(p.Out, "%s  -- %s\n", time.Now().Format(time.TimeOnly), text)
	}
}

// readable puts a notification on one line: time, event, priority, batch, then
// whatever else it says, by name. What is no notification is shown as it is.
func readable(frame []byte, now time.Time) string {
	var in struct {
		Event string         `json:"event"`
		Data  map[string]any `json:"data"`
		ID    string         `json:"id"`
	}
	if json.Unmarshal(frame, &in) != nil || in.Event == "" {
		return now.Format(time.TimeOnly) + "  " + printable(string(frame))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-36s", now.Format(time.TimeOnly), printable(in.Event))
	for _, key := range []string{"priority", "batch_id"} {
		if v, ok := in.Data[key]; ok && v != nil {
			fmt.Fprintf(&b, "  %s", value(v))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(in.Data)) {
		if v := in.Data[key]; v != nil && !spared(key) {
			fmt.Fprintf(&b, "  %s=%s", printable(key), value(v))
		}
	}
	return b.String()
}

// spared are members that a person need not read on every line.
func spared(key string) bool {
	switch key {
	case "priority", "batch_id", "correlation_id", "timestamp", "category", "action_required":
		return true
	default:
		return false
	}
}

func value(v any) string {
	if s, ok := v.(string); ok {
		return printable(s)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(out)
}

// printable keeps control characters of another program's text from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '�'
		}
		return r
	}, s)
}
