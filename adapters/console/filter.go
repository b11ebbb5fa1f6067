package console

import "encoding/json"

// Filter selects notifications. An empty field selects all.
type Filter struct {
	// Type is the event, Priority and Batch are members of its data.
	Type, Priority, Batch string
}

// Matches reports whether the frame is selected. A frame that is not a notification is selected
// by the empty filter only.
func (f Filter) Matches(frame []byte) bool {
	if f == (Filter{}) {
		return true
	}
	var in struct {
		Event string `json:"event"`
		Data  struct {
			Priority string `json:"priority"`
			Batch    string `json:"batch_id"`
		} `json:"data"`
	}
	_ = json.Unmarshal(frame, &in) // members of another type stay empty
	return matches(f.Type, in.Event) && matches(f.Priority, in.Data.Priority) && matches(f.Batch, in.Data.Batch)
}

func matches(wanted, value string) bool { return wanted == "" || wanted == value }
