package console

import (
	"encoding/json"
	"net/url"

	"github.com/huleedu/edge/domain"
)

// resumePosition is the position in the user's notification log from which the
// client resumes.
type resumePosition struct{ at string }

// update stores the position of the frame, if the frame has one. It returns true
// for the position frame at the start of a connection, which is not a notification.
func (p *resumePosition) update(frame []byte) (atStart bool) {
	var in struct {
		Event string `json:"event"`
		ID    string `json:"id"`
		Data  struct {
			Last string `json:"last_event_id"`
		} `json:"data"`
	}
	if json.Unmarshal(frame, &in) != nil {
		return false
	}
	id, atStart := in.ID, in.Event == "position" && in.ID == ""
	if atStart {
		id = in.Data.Last
	}
	if position, err := domain.ParsePosition(id); err == nil && position != domain.PositionLive {
		p.at = string(position)
	}
	return atStart
}

// resumeURL adds the position to the endpoint's query. An empty position leaves
// the endpoint unchanged.
func resumeURL(endpoint, since string) (string, error) {
	if since == "" {
		return endpoint, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set("last_event_id", since)
	u.RawQuery = query.Encode()
	return u.String(), nil
}
