package console

import (
	"encoding/json"
	"fmt"

	"github.com/gorilla/websocket"
)

// parseCloseError converts a close frame. The service sends its error as JSON in the
// close reason; any other reason becomes part of the message.
func parseCloseError(closed *websocket.CloseError) *ServiceError {
	var in struct {
		Code        string `json:"error_code"`
		Message     string `json:"message"`
		Correlation string `json:"correlation_id"`
	}
	if json.Unmarshal([]byte(closed.Text), &in) != nil || in.Code == "" {
		return &ServiceError{Code: fmt.Sprintf("close %d", closed.Code), Message: "The service closed the connection: " + closed.Text}
	}
	return &ServiceError{Code: fmt.Sprintf("%s, close %d", in.Code, closed.Code), Message: in.Message, Correlation: in.Correlation}
}
