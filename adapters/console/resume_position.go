package console

import (
	"encoding/json"
	"net/url"

	"github.com/huleedu/edge/domain"
)

// resumePosition is the position in the user's notification log from which the
// client resumes.
type resumePosition struct{ at string }

// update takes the position of the frame, if the frame has one. It returns true
// for the position frame that opens a connection, which is not a notification.
func (b *resumePosition) update(frame []byte) (begins bool) {
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
	id, begins := in.ID, in.Event == "position" && in.ID == ""
	if begins {
		id = in.Data.Last
	}
	if p, err := domain.ParsePosition(id); err == nil && p != domain.PositionLive {
		b.at = string(p)
	}
	return begins
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
