package httpclient_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/huleedu/edge/adapters/httpclient"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/contract"
	"github.com/huleedu/edge/test/world"
)

func TestBatchesReportOnBatches(t *testing.T)  { contract.BatchStatusClient(t, batches()) }
func TestBatchesAskForPreflights(t *testing.T) { contract.PreflightChecker(t, preflights()) }

func TestBatchesRegisterBatches(t *testing.T) { contract.BatchRegistry(t, registries()) }

func BenchmarkBatchesReportOnBatches(b *testing.B) {
	contract.BenchmarkBatchStatusClient(b, batches())
}

func BenchmarkBatchesAskForPreflights(b *testing.B) {
	contract.BenchmarkPreflightChecker(b, preflights())
}

const key = domain.Secret("v7Qm2xT9-kL4pZ8nR3wY6sB1cF5hJ0dG")

func batches() contract.BatchesHarness {
	return contract.BatchesHarness{New: func(tb testing.TB) contract.BatchesWorld {
		tb.Helper()
		p, client := platform(tb)
		return contract.BatchesWorld{
			Client:  client,
			Trouble: func(kind contract.Trouble) { p.TroubleAggregator(trouble(kind)) },
			Put: func(batch domain.BatchID, owner domain.UserID, overall string) {
				p.Put(world.Batch{ID: batch, Owner: owner, Overall: overall, Essays: 3})
			},
		}
	}}
}

func preflights() contract.PreflightHarness {
	return contract.PreflightHarness{New: func(tb testing.TB) contract.PreflightWorld {
		tb.Helper()
		p, client := platform(tb)
		return contract.PreflightWorld{
			Checker: client,
			Trouble: func(kind contract.Trouble) { p.TroubleOrchestrator(trouble(kind)) },
			Decide: func(batch domain.BatchID, v domain.Verdict) {
				answer := world.PreflightAnswer{
					Status: http.StatusOK, ContentType: "application/json", Body: []byte(`{"allowed":true}`),
				}
				if v.Refusal != nil {
					answer = world.PreflightAnswer(*v.Refusal)
				}
				p.Decide(batch, answer)
			},
		}
	}}
}

func registries() contract.RegistryHarness {
	return contract.RegistryHarness{New: func(tb testing.TB) contract.RegistryWorld {
		tb.Helper()
		p, client := platform(tb)
		return contract.RegistryWorld{
			Registry: client, Owner: p.Owner, Prompt: p.Prompt,
			Trouble: func(kind contract.Trouble) { p.TroubleOrchestrator(trouble(kind)) },
			Answer:  func(r domain.Reply) { p.AnswerRegistry(world.PreflightAnswer(r)) },
		}
	}}
}

func BenchmarkBatchesRegisterBatches(b *testing.B) { contract.BenchmarkBatchRegistry(b, registries()) }

// platform is the simulated platform and a client of it with a deadline that a busy machine keeps.
func platform(tb testing.TB) (*world.Platform, *httpclient.Batches) {
	tb.Helper()
	p, err := world.StartPlatform(world.PlatformConfig{InternalKey: key.Reveal()})
	require.NoError(tb, err)
	tb.Cleanup(p.Close)
	c := config(p.AggregatorURL(), p.OrchestratorURL())
	c.Timeout = 2 * time.Second
	c.MaxConcurrency = 1024 // the suites' many callers are one user
	return p, newBatches(tb, c, &facts{})
}

func trouble(kind contract.Trouble) world.Trouble {
	return map[contract.Trouble]world.Trouble{
		contract.Away: world.Away, contract.Slow: world.Slow,
		contract.Failing: world.Failing, contract.Garbled: world.Garbled,
	}[kind]
}

func config(aggregator, orchestrator string) httpclient.Config {
	return httpclient.Config{
		ResultAggregatorURL: aggregator, OrchestratorURL: orchestrator,
		Timeout: 5 * time.Second, ConnectTimeout: time.Second, ClassesURL: "http://classes", TeacherURL: "http://teacher", FilesURL: "http://files",
		StreamIdleTimeout: 5 * time.Second, ConnectionMaxAge: time.Minute, MaxConcurrency: 256, CircuitBreakerEnabled: true, FailureThreshold: 5, RecoveryTimeout: time.Minute, SuccessThreshold: 2,
	}
}

func newBatches(tb testing.TB, c httpclient.Config, o *facts) *httpclient.Batches {
	tb.Helper()
	b, err := httpclient.NewBatches(c, httpclient.KeyConfig{InternalKey: key}, o, noop.NewTracerProvider(), slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	tb.Cleanup(b.Close)
	return b
}
