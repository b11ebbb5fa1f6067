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

func TestPlatformBatchStatusClient(t *testing.T) { contract.BatchStatusClient(t, batches()) }
func TestPlatformPreflightChecker(t *testing.T)  { contract.PreflightChecker(t, preflights()) }
func TestPlatformBatchRegistry(t *testing.T)     { contract.BatchRegistry(t, registry()) }
func TestPlatformCommandPublisher(t *testing.T)  { contract.CommandPublisher(t, commands()) }

func batches() contract.BatchesHarness {
	return contract.BatchesHarness{AnyID: true, New: func(testing.TB) contract.BatchesRig {
		p := memory.NewPlatform()
		return contract.BatchesRig{
			Client: p, Fail: failWith(p),
			AddBatch: func(batch domain.BatchID, owner domain.UserID, overall string) {
				p.AddBatch(batch, domain.BatchReport{Owner: owner, Overall: overall})
			},
		}
	}}
}

func preflights() contract.PreflightHarness {
	return contract.PreflightHarness{New: func(testing.TB) contract.PreflightRig {
		p := memory.NewPlatform()
		return contract.PreflightRig{Checker: p, SetPreflight: p.SetPreflight, Fail: failWith(p)}
	}}
}

func registry() contract.RegistryHarness {
	return contract.RegistryHarness{AnyID: true, New: func(tb testing.TB) contract.RegistryRig {
		tb.Helper()
		p := memory.NewPlatform()
		return contract.RegistryRig{
			Registry: p, SetReply: p.SetReply, Fail: failWith(p),
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

// failWith makes the platform fail with the error of the remote adapter.
func failWith(p *memory.Platform) func(contract.Failure) {
	return func(kind contract.Failure) {
		switch kind {
		case contract.Unreachable:
			p.Fail(domain.Unreachable("platform", nil))
		case contract.Slow:
			p.Fail(domain.TimedOut("platform", time.Second, nil))
		case contract.ServerError:
			p.Fail(domain.External("platform", 500))
		case contract.Malformed:
			p.Fail(domain.MalformedResponse("platform", nil))
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

func TestPlatformAllowsByDefault(t *testing.T) {
	v, err := memory.NewPlatform().Check(t.Context(), domain.Caller{}, "b1", "nlp")
	require.NoError(t, err)
	require.Equal(t, ports.PreflightResult{Allowed: true}, v)
}

func TestPlatformReturnsTheGivenDocument(t *testing.T) {
	p := memory.NewPlatform()
	given := domain.BatchReport{Owner: "teacher-anna", Overall: "ready", Document: []byte(`{ "batch_id":"b1" }`)}
	p.AddBatch("b1", given)
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
