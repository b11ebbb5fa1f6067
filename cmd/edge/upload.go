package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/huleedu/edge/adapters/console"
)

func (t tool) uploadCommand() *cobra.Command {
	var u console.Upload
	var url, user, token string
	c := &cobra.Command{
		Use:     "upload FILES...",
		Short:   "Upload files to a batch, with progress",
		Long:    "Send the files to the gateway in one form, as a frontend does. The files are streamed.",
		Example: "  edge upload essays/*.txt --batch batch-anna-3 --user teacher-anna",
		Args:    arguments("FILES..."),
		RunE: func(c *cobra.Command, args []string) error {
			u.Files = args
			if u.Batch == "" {
				return usagef("--batch is missing: name the batch that the files belong to")
			}
			for _, path := range args {
				if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
					return usagef("FILES %q: is not a file that can be read", path)
				}
			}
			if err := checkURL("--url", url, "http", "https"); err != nil {
				return err
			}
			token, err := t.callerToken(token, user)
			if err != nil {
				return err
			}
			return t.upload(c.Context(), console.GatewayClient{URL: url, Token: token}, u)
		},
	}
	t.addGatewayFlag(c, &url)
	c.Flags().StringVar(&u.Batch, "batch", "", "id of the batch")
	c.Flags().StringVar(&u.Assignment, "assignment", "", "id of the assignment")
	addCallerFlags(c, &user, &token)
	completeFlag(c, "batch", batches())
	return c
}

// upload sends the files and prints the progress.
func (t tool) upload(ctx context.Context, g console.GatewayClient, u console.Upload) error {
	defer http.DefaultClient.CloseIdleConnections()
	progress := uploadProgress{tool: t}
	u.OnProgress = progress.print
	response, err := g.Upload(ctx, u)
	sent, total := progress.finish()
	if _, refused := errors.AsType[*console.ServiceError](err); err != nil && !refused && sent > 0 {
		t.printf("%d of %d bytes were sent. Nothing says that files were stored: ask for the batch before you repeat the upload.\n", sent, total)
	}
	if err != nil {
		return err
	}
	if *t.json {
		return t.writeJSON(map[string]any{"batch_id": response.BatchID, "message": response.Message, "correlation_id": response.CorrelationID, "files": len(u.Files), "bytes": total})
	}
	t.printf("%s: %s (%d files, correlation id %s)\n", u.Batch, response.Message, len(u.Files), response.CorrelationID)
	return nil
}

// uploadProgress prints the progress of an upload: on a terminal one line that is replaced, else
// a line for each quarter.
type uploadProgress struct {
	tool

	mu          sync.Mutex
	sent, total int64
	printed     int64 // percent
}

// print is called while the form is sent, possibly until shortly after an early answer.
func (p *uploadProgress) print(sent, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent, p.total = sent, total
	percent := sent * 100 / max(total, 1)
	switch {
	case *p.json || percent == p.printed:
		return
	case p.terminal:
		p.printf("\r%3d %% of %d bytes", percent, total)
	case percent/25 == p.printed/25:
		return
	default:
		p.printf("%3d %% of %d bytes\n", percent, total)
	}
	p.printed = percent
}

// finish ends the line of a terminal and returns how much was sent.
func (p *uploadProgress) finish() (sent, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal && p.printed > 0 {
		p.printf("\n")
	}
	return p.sent, p.total
}
