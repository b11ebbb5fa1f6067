package httpclient_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/world"
)

func TestBatchesIsABatchStatusClient(t *testing.T) { contract.BatchStatusClient(t, batches()) }
func TestBatchesIsAPreflightChecker(t *testing.T)  { contract.PreflightChecker(t, preflights()) }

func TestBatchesIsABatchRegistry(t *testing.T) { contract.BatchRegistry(t, registries()) }

const key = domain.Secret("v7Qm2xT9-kL4pZ8nR3wY6sB1cF5hJ0dG")

func batches() contract.BatchesHarness {
	return contract.BatchesHarness{New: func(tb testing.TB) contract.BatchesRig {
		tb.Helper()
		p, client := platform(tb)
		return contract.BatchesRig{
			Client: client,
			Fail:   func(kind contract.Failure) { p.FailAggregator(trouble(kind)) },
			AddBatch: func(batch domain.BatchID, owner domain.UserID, overall string) {
				p.AddBatch(world.Batch{ID: batch, Owner: owner, Overall: overall, Essays: 3})
			},
		}
	}}
}

func preflights() contract.PreflightHarness {
	return contract.PreflightHarness{New: func(tb testing.TB) contract.PreflightRig {
		tb.Helper()
		p, client := platform(tb)
		return contract.PreflightRig{
			Checker: client,
			Fail:    func(kind contract.Failure) { p.FailOrchestrator(trouble(kind)) },
			SetPreflight: func(batch domain.BatchID, v ports.PreflightResult) {
				answer := world.FixedResponse{
					Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"allowed":true}`),
				}
				if v.Refusal != nil {
					answer = world.FixedResponse(*v.Refusal)
				}
				p.SetPreflightResponse(batch, answer)
			},
		}
	}}
}

func registries() contract.RegistryHarness {
	return contract.RegistryHarness{New: func(tb testing.TB) contract.RegistryRig {
		tb.Helper()
		p, client := platform(tb)
		return contract.RegistryRig{
			Registry: client, Owner: p.Owner, Prompt: p.Prompt,
			Fail:     func(kind contract.Failure) { p.FailOrchestrator(trouble(kind)) },
			SetReply: func(r ports.Passthrough) { p.SetRegistrationResponse(world.FixedResponse(r)) },
		}
	}}
}

// platform is the simulated platform and a client of it with a deadline that a busy machine keeps.
func platform(tb testing.TB) (*world.Platform, *httpclient.PlatformClient) {
	tb.Helper()
	p, err := world.StartPlatform(world.PlatformConfig{InternalKey: key.Reveal()})
	require.NoError(tb, err)
	tb.Cleanup(p.Close)
	c := config(p.AggregatorURL(), p.OrchestratorURL())
	c.Timeout = 2 * time.Second
	c.MaxConcurrency = 1024 // the suites' many callers are one user
	return p, newBatches(tb, c, &memory.Facts{})
}

func trouble(kind contract.Failure) world.FailureMode {
	return map[contract.Failure]world.FailureMode{
		contract.Unreachable: world.Disconnect, contract.Slow: world.Slow,
		contract.ServerError: world.ServerError, contract.Malformed: world.Malformed,
	}[kind]
}

func config(aggregator, orchestrator string) httpclient.Config {
	return httpclient.Config{
		ResultAggregatorURL: aggregator, OrchestratorURL: orchestrator,
		Timeout: 5 * time.Second, ConnectTimeout: time.Second, ClassesURL: "http://classes", TeacherURL: "http://teacher", FilesURL: "http://files",
		StreamIdleTimeout: 5 * time.Second, ConnectionMaxAge: time.Minute, MaxConcurrency: 256, CircuitBreakerEnabled: true, FailureThreshold: 5, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}
}

func newBatches(tb testing.TB, c httpclient.Config, o *memory.Facts) *httpclient.PlatformClient {
	tb.Helper()
	b, err := httpclient.NewBatches(c, httpclient.KeyConfig{InternalKey: key}, o, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	tb.Cleanup(b.Close)
	return b
}
