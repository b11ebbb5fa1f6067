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
		Args:    arguments("BATCH", "PIPELINE"), ValidArgsFunction: complete(batches(), pipelines()),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkURL("--url", url, "http", "https"); err != nil {
				return err
			}
			token, err := t.callerToken(token, user)
			if err != nil {
				return err
			}
			g := console.GatewayClient{URL: url, Token: token}
			receipt, err := g.StartPipeline(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if *t.json {
				err = t.writeJSON(receipt)
			} else {
				t.printf("%s: %s (correlation id %s)\n", receipt.BatchID, receipt.Status, receipt.CorrelationID)
			}
			if err != nil {
				return err
			}
			if detach {
				return nil
			}
			return t.pollStatus(c.Context(), g, args[0])
		},
	}
	t.addGatewayFlag(c, &url)
	addCallerFlags(c, &user, &token)
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
			if err := t.printProgress(p, line); err != nil {
				return err
			}
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

// printProgress prints a status that changed.
func (t tool) printProgress(p console.BatchStatus, line string) error {
	if *t.json {
		return t.writeJSON(p)
	}
	t.printf("%s  %s\n", time.Now().Format(time.TimeOnly), line)
	return nil
}

// addCallerFlags adds the flags that decide as whom a command calls the gateway.
func addCallerFlags(c *cobra.Command, user, token *string) {
	c.Flags().StringVar(user, "user", "", "user to generate a token for")
	c.Flags().StringVar(token, "token", "", "token to use instead of a generated one")
	completeFlag(c, "user", users())
}

// callerToken returns the token, or a generated one for the user.
func (t tool) callerToken(token, user string) (string, error) {
	if token == "" && user == "" {
		return "", usagef("set --user or --token")
	}
	return t.tokenOrGenerate(token, user)
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
