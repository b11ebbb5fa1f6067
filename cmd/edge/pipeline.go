package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/console"
	"github.com/huleedu/edge/domain"
)

func (t tool) pipelineCommand() *cobra.Command {
	var url, token, user string
	var detach bool
	c := &cobra.Command{
		Use:     "pipeline BATCH PIPELINE",
		Short:   "Start a pipeline on a batch and follow its status",
		Long:    "Start a pipeline (spellcheck, ai_feedback, cj_assessment, nlp, student_matching) on a batch\nand print its status whenever it changes, until it is done.",
		Example: "  edge pipeline batch-anna-1 cj_assessment --user teacher-anna",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			token, err := t.tokenOr(token, user)
			if err != nil {
				return fmt.Errorf("a token needs --user or --token: %w", err)
			}
			g := console.Gateway{URL: url, Token: token}
			receipt, err := g.StartPipeline(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			t.printf("%s: %s (correlation id %s)\n", receipt.BatchID, receipt.Status, receipt.CorrelationID)
			if detach {
				return nil
			}
			return t.follow(c.Context(), g, args[0])
		},
	}
	c.Flags().StringVar(&url, "url", "http://127.0.0.1:4001", "the gateway's address")
	c.Flags().StringVar(&user, "user", "", "user in whose name to ask")
	c.Flags().StringVar(&token, "token", "", "token to use in place of a minted one")
	c.Flags().BoolVar(&detach, "detach", false, "do not follow the status")
	return c
}

// How often to look at a batch, and for how many looks one that was finished
// before may still show its old state.
const (
	lookEvery = 300 * time.Millisecond
	patience  = 20
)

// follow prints the batch's status whenever it changes, until the batch has
// been seen at work and is done, or ctx is.
func (t tool) follow(ctx context.Context, g console.Gateway, batch string) error {
	var last string
	worked := false
	for looks := 0; ; looks++ {
		p, err := g.Status(ctx, batch)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if line := progressLine(p); line != last {
			t.printf("%s  %s\n", time.Now().Format(time.TimeOnly), line)
			last = line
		}
		worked = worked || p.Status == string(domain.Processing)
		if p.Done() && (worked || looks >= patience) {
			return outcome(p)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}

func progressLine(p console.Progress) string {
	d := p.Details
	line := fmt.Sprintf("%-24s %d of %d essays", p.Status, d.CompletedEssays, d.EssayCount)
	if d.FailedEssayCount > 0 {
		line += fmt.Sprintf(", %d failed", d.FailedEssayCount)
	}
	if d.CurrentPhase != "" {
		line += "  " + d.CurrentPhase
	}
	return line
}

var errFailed = errors.New("the batch failed")

func outcome(p console.Progress) error {
	if p.Status == string(domain.Failed) {
		return errFailed
	}
	return nil
}
