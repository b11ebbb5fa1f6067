package reply

import "github.com/huleedu/edge/domain"

// ParseReplay parses the result of the script that reads a log. It returns false for another form.
func ParseReplay(result []any) (domain.Replay, bool) {
	if len(result) != 5 {
		return domain.Replay{}, false
	}
	found, ok1 := result[0].(int64)
	oldest, ok2 := result[1].(string)
	more, ok3 := result[2].(int64)
	preceding, ok4 := Strings(result[3])
	page, ok5 := Strings(result[4])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || len(page)%2 != 0 {
		return domain.Replay{}, false
	}
	replay := domain.Replay{
		Complete: found == 1, Oldest: domain.Position(oldest), More: more == 1,
		Preceding: make([]domain.Position, len(preceding)), Entries: make([]domain.LogEntry, 0, len(page)/2),
	}
	for i, id := range preceding {
		replay.Preceding[i] = domain.Position(id)
	}
	for i := 0; i < len(page); i += 2 {
		id, frame := page[i], []byte(page[i+1])
		if len(frame) == 0 {
			return domain.Replay{}, false
		}
		replay.Entries = append(replay.Entries, domain.LogEntry{ID: domain.Position(id), Frame: domain.WithID(frame, id)})
	}
	return replay, true
}

// Strings converts a reply that is a list of strings. It returns false for another value.
func Strings(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, item := range list {
		if out[i], ok = item.(string); !ok {
			return nil, false
		}
	}
	return out, true
}
