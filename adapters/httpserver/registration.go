package httpserver

import (
	"github.com/gin-gonic/gin"

	"github.com/huleedu/edge/adapters/httpserver/decode"
)

// register sends a registration to the orchestrator and passes its answer on.
func (g *gateway) register(c *gin.Context) error {
	body, err := decode.ReadJSON(c.Request, g.Config.MaxBodyBytes)
	if err != nil {
		return err
	}
	registration, err := decode.Registration(body)
	if err != nil {
		return err
	}
	reply, err := g.Registrations.Register(c.Request.Context(), requestStateOf(c).caller, registration)
	if err != nil {
		return err
	}
	g.writeReply(c, reply)
	return nil
}

// setPrompt sends a batch's prompt to the orchestrator and passes its answer on.
func (g *gateway) setPrompt(c *gin.Context) error {
	id, err := batchID(c)
	if err != nil {
		return err
	}
	body, err := decode.ReadJSON(c.Request, g.Config.MaxBodyBytes)
	if err != nil {
		return err
	}
	prompt, err := decode.Prompt(body)
	if err != nil {
		return err
	}
	reply, err := g.Registrations.SetPrompt(c.Request.Context(), requestStateOf(c).caller, id, prompt)
	if err != nil {
		return err
	}
	g.writeReply(c, reply)
	return nil
}
