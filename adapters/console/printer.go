package console

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Header is the header of the lines of a Printer.
const Header = "TIME      EVENT                                 PRIORITY  BATCH  DATA"

// Printer writes notifications either as readable lines or as raw JSON frames.
type Printer struct {
	// Out receives one line per notification.
	Out io.Writer
	// JSON writes each frame unchanged.
	JSON bool
}

// PrintFrame writes one frame.
func (p Printer) PrintFrame(frame []byte) {
	line := string(frame)
	if !p.JSON {
		line = formatNotification(frame, time.Now())
	}
	_, _ = fmt.Fprintln(p.Out, line)
}

// PrintStatus writes a connection event. It writes nothing when JSON is set, so that
// the output contains only frames.
func (p Printer) PrintStatus(text string) {
	if !p.JSON {
		_, _ = fmt.Fprintf(p.Out, "%s  -- %s\n", time.Now().Format(time.TimeOnly), text)
	}
}

// frameTime formats the time at which the service stored the notification with that id, which
// for a replayed one is long before now. Another day is printed with its date. Without an id it
// formats now.
func frameTime(id string, now time.Time) string {
	ms, _, _ := strings.Cut(id, "-")
	stored, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return now.Format(time.TimeOnly)
	}
	at := time.UnixMilli(stored)
	if at.Format(time.DateOnly) != now.Format(time.DateOnly) {
		return at.Format(time.DateTime)
	}
	return at.Format(time.TimeOnly)
}

// formatNotification formats a notification on one line: time, event, priority, batch id,
// then the other members sorted by name. A frame that is not a notification is
// printed unchanged, without its control characters.
func formatNotification(frame []byte, now time.Time) string {
	var in struct {
		Event string         `json:"event"`
		Data  map[string]any `json:"data"`
		ID    string         `json:"id"`
	}
	if json.Unmarshal(frame, &in) != nil || in.Event == "" {
		return now.Format(time.TimeOnly) + "  " + replaceControls(string(frame))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-36s", frameTime(in.ID, now), replaceControls(in.Event))
	for _, key := range []string{"priority", "batch_id"} {
		if v, ok := in.Data[key]; ok && v != nil {
			fmt.Fprintf(&b, "  %s", formatValue(v))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(in.Data)) {
		if v := in.Data[key]; v != nil && !hidden(key) {
			fmt.Fprintf(&b, "  %s=%s", replaceControls(key), formatValue(v))
		}
	}
	return b.String()
}

// hidden returns true for a member that is not printed as key=value.
func hidden(key string) bool {
	return slices.Contains([]string{"priority", "batch_id", "correlation_id", "timestamp", "category", "action_required"}, key)
}

func formatValue(v any) string {
	if s, ok := v.(string); ok {
		return replaceControls(s)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(out)
}

// replaceControls replaces control characters, which a terminal would interpret.
func replaceControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
