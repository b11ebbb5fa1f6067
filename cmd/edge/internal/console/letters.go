package console

import (
	"context"
	"net/http"
	"time"
)

// DeadLetters lists and replays the dead letters of the notification topic. It joins no consumer
// group. It is safe for concurrent use. Its errors are shown to the operator.
type DeadLetters interface {
	// Newest returns the newest dead letters without their values, oldest first, and how many there are.
	Newest(ctx context.Context) (letters any, total int64, err error)
	// Replay writes a dead letter, named by partition and offset, to its topic again, and says in
	// words what it has written. A dry run only says what it would write.
	Replay(ctx context.Context, position string, dryRun bool) (told string, err error)
}

// kafkaTimeout limits one question to Kafka.
const kafkaTimeout = 15 * time.Second

// addDeadLetters adds the routes of dead letters.
func (s console) addDeadLetters(mux *http.ServeMux) {
	path := apiPath + "deadletters"
	mux.HandleFunc("GET "+path, s.listDeadLetters)
	mux.HandleFunc("GET "+path+"/{partition}/{offset}/replay", s.replayDeadLetter)
	mux.HandleFunc("POST "+path+"/{partition}/{offset}/replay", s.replayDeadLetter)
}

func (s console) listDeadLetters(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), kafkaTimeout)
	defer cancel()
	letters, total, err := s.DeadLetters.Newest(ctx)
	if err != nil {
		refuse(w, http.StatusBadGateway, "the dead letters cannot be read: "+err.Error())
		return
	}
	respond(w, map[string]any{"letters": letters, "total": total})
}

// replayDeadLetter replays a dead letter. GET is a dry run.
func (s console) replayDeadLetter(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), kafkaTimeout)
	defer cancel()
	told, err := s.DeadLetters.Replay(ctx, r.PathValue("partition")+"/"+r.PathValue("offset"), r.Method != http.MethodPost)
	if err != nil {
		refuse(w, http.StatusBadGateway, "the dead letter was not replayed: "+err.Error())
		return
	}
	respond(w, map[string]string{"told": told})
}
