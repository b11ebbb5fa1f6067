package console

import (
	"encoding/json"
	"fmt"

	"github.com/gorilla/websocket"
)

// closeAnswer reads the compact JSON that the service gives as a close reason.
func closeAnswer(closed *websocket.CloseError) *Answer {
	var in struct {
		Code        string `json:"error_code"`
		Message     string `json:"message"`
		Correlation string `json:"correlation_id"`
	}
	if json.Unmarshal([]byte(closed.Text), &in) != nil || in.Code == "" {
		return &Answer{Code: fmt.Sprintf("close %d", closed.Code), Message: "The service closed the connection: " + closed.Text}
	}
	return &Answer{Code: fmt.Sprintf("%s, close %d", in.Code, closed.Code), Message: in.Message, Correlation: in.Correlation}
}
