package memory_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/adapters/memory"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/ports"
	"github.com/huleedu/edge/test/contract"
)

func TestPlatformReportsOnBatches(t *testing.T)  { contract.BatchStatusClient(t, batches()) }
func TestPlatformAnswersPreflights(t *testing.T) { contract.PreflightChecker(t, preflights()) }
func TestPlatformRegistersBatches(t *testing.T)  { contract.BatchRegistry(t, registry()) }
func TestPlatformTakesCommands(t *testing.T)     { contract.CommandPublisher(t, commands()) }

func BenchmarkPlatformReportsOnBatches(b *testing.B) {
	contract.BenchmarkBatchStatusClient(b, batches())
}

func BenchmarkPlatformAnswersPreflights(b *testing.B) {
	contract.BenchmarkPreflightChecker(b, preflights())
}

func BenchmarkPlatformRegistersBatches(b *testing.B) { contract.BenchmarkBatchRegistry(b, registry()) }

func BenchmarkPlatformTakesCommands(b *testing.B) {
	contract.BenchmarkCommandPublisher(b, commands())
}

func batches() contract.BatchesHarness {
	return contract.BatchesHarness{Can: contract.BatchesAbilities{AnyID: true}, New: func(testing.TB) contract.BatchesWorld {
		p := memory.NewPlatform()
		return contract.BatchesWorld{
			Client: p, Trouble: trouble(p),
			Put: func(batch domain.BatchID, owner domain.UserID, overall string) {
				p.Put(batch, domain.BatchReport{Owner: owner, Overall: overall})
			},
		}
	}}
}

func preflights() contract.PreflightHarness {
	return contract.PreflightHarness{New: func(testing.TB) contract.PreflightWorld {
		p := memory.NewPlatform()
		return contract.PreflightWorld{Checker: p, Decide: p.Decide, Trouble: trouble(p)}
	}}
}

func registry() contract.RegistryHarness {
	return contract.RegistryHarness{Can: contract.BatchesAbilities{AnyID: true}, New: func(tb testing.TB) contract.RegistryWorld {
		tb.Helper()
		p := memory.NewPlatform()
		return contract.RegistryWorld{
			Registry: p, Answer: p.Answer, Trouble: trouble(p),
			Owner: func(batch domain.BatchID) domain.UserID {
				report, err := p.Status(tb.Context(), domain.Caller{}, batch)
				if err != nil {
					return ""
				}
				return report.Owner
			},
			Prompt: func(batch domain.BatchID) string {
				text, err := json.Marshal(p.Prompt(batch))
				require.NoError(tb, err)
				return string(text)
			},
		}
	}}
}

// trouble makes the platform fail with the error that a remote one shows as.
func trouble(p *memory.Platform) func(contract.Trouble) {
	return func(kind contract.Trouble) {
		switch kind {
		case contract.Away:
			p.Fail(domain.Unreachable("platform", nil))
		case contract.Slow:
			p.Fail(domain.TimedOut("platform", time.Second, nil))
		case contract.Failing:
			p.Fail(domain.External("platform", 500))
		case contract.Garbled:
			p.Fail(domain.BrokenAnswer("platform", nil))
		default:
			p.Fail(nil)
		}
	}
}

func commands() contract.PublisherHarness {
	p := memory.NewPlatform()
	return contract.PublisherHarness{
		New: func(testing.TB) ports.CommandPublisher { return p },
		Records: func(tb testing.TB, topic domain.Topic, atLeast int) []contract.PublishedRecord {
			tb.Helper()
			var records []contract.PublishedRecord
			all := p.Commands()
			for i := range all {
				if c := &all[i]; c.Topic == topic {
					records = append(records, contract.PublishedRecord{Key: c.Key, Envelope: c.Envelope})
				}
			}
			require.GreaterOrEqual(tb, len(records), atLeast)
			return records
		},
	}
}

func TestPlatformAllowsUntilToldOtherwise(t *testing.T) {
	v, err := memory.NewPlatform().Check(t.Context(), domain.Caller{}, "b1", "nlp")
	require.NoError(t, err)
	require.Equal(t, domain.Verdict{Allowed: true}, v)
}

func TestPlatformKeepsTheDocumentItWasGiven(t *testing.T) {
	p := memory.NewPlatform()
	given := domain.BatchReport{Owner: "teacher-anna", Overall: "ready", Document: []byte(`{ "batch_id":"b1" }`)}
	p.Put("b1", given)
	report, err := p.Status(t.Context(), domain.Caller{User: "teacher-anna"}, "b1")
	require.NoError(t, err)
	require.Equal(t, given, report)
}

func TestPlatformFailsToPublish(t *testing.T) {
	p := memory.NewPlatform()
	want := domain.NotPublished("topic", nil)
	p.Fail(want)
	require.Equal(t, want, p.Publish(t.Context(), domain.Command{Topic: "topic"}))
	require.Empty(t, p.Commands())
}
