package console

import (
	"encoding/json"
	"net/http"
)

// maxBody limits the body of a request, in bytes.
const maxBody = 64 << 10

// respond responds with a JSON document.
func respond(w http.ResponseWriter, body any) { respondStatus(w, http.StatusOK, body) }

// refuse responds with an error that the page shows.
func refuse(w http.ResponseWriter, status int, message string) {
	respondStatus(w, status, map[string]string{"error": message})
}

func respondStatus(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the page may have left
}

// readBody decodes the body of a request. After a failure it has responded with 400 and returns
// false.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if decoder.Decode(into) != nil {
		refuse(w, http.StatusBadRequest, "the body is not the JSON object that this request needs")
		return false
	}
	return true
}
