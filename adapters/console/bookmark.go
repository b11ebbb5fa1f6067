package console

import (
	"encoding/json"
	"net/url"

	"github.com/huleedu/edge/domain"
)

// bookmark is where a listener stands in the user's log.
type bookmark struct{ at string }

// move goes to where the frame stands, if it has a place. begins says that the
// frame is no notification, but tells where the connection begins.
func (b *bookmark) move(frame []byte) (begins bool) {
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
	place, begins := in.ID, in.Event == "position" && in.ID == ""
	if begins {
		place = in.Data.Last
	}
	if p, err := domain.ParsePosition(place); err == nil && p != domain.Live {
		b.at = string(p)
	}
	return begins
}

// resumeURL asks the endpoint to go on behind a position.
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
