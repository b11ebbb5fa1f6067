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
		Short:   "Start a pipeline on a batch and print its status until it ends",
		Long:    "Start a pipeline (spellcheck, ai_feedback, cj_assessment, nlp, student_matching) on a batch.\nPrint the status of the batch at each change until the pipeline ends.",
		Example: "  edge pipeline batch-anna-1 cj_assessment --user teacher-anna",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			token, err := t.tokenOrGenerate(token, user)
			if err != nil {
				return fmt.Errorf("set --user or --token: %w", err)
			}
			g := console.GatewayClient{URL: url, Token: token}
			receipt, err := g.StartPipeline(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			t.printf("%s: %s (correlation id %s)\n", receipt.BatchID, receipt.Status, receipt.CorrelationID)
			if detach {
				return nil
			}
			return t.pollStatus(c.Context(), g, args[0])
		},
	}
	c.Flags().StringVar(&url, "url", "http://127.0.0.1:4001", "the gateway's address")
	c.Flags().StringVar(&user, "user", "", "user to generate a token for")
	c.Flags().StringVar(&token, "token", "", "token to use instead of a generated one")
	c.Flags().BoolVar(&detach, "detach", false, "do not wait for the pipeline to end")
	return c
}

const (
	// statusPollInterval is the time between two status requests.
	statusPollInterval = 300 * time.Millisecond
	// maxStaleStatuses is the number of status requests after which the status of a finished
	// batch is believed. Before, it can be the status of an earlier pipeline.
	maxStaleStatuses = 20
)

var errFailed = errors.New("the batch failed")

// pollStatus prints the status of the batch at each change. It returns when the
// pipeline has ended or ctx is done. A failed batch is an error.
func (t tool) pollStatus(ctx context.Context, g console.GatewayClient, batch string) error {
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
		if p.Done() && (worked || looks >= maxStaleStatuses) {
			if p.Status == string(domain.Failed) {
				return errFailed
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(statusPollInterval):
		}
	}
}

func progressLine(p console.BatchStatus) string {
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
