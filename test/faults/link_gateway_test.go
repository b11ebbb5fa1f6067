package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/test/harness"
	"github.com/huleedu/edge/test/pause"
	"github.com/huleedu/edge/test/servers"
	"github.com/huleedu/edge/test/world"
)

// answerLimit limits the wait for an answer while a link fails: the limits of linkGatewaySettings
// for the steps of a request together, and as much again for a busy machine.
const answerLimit = 20 * time.Second

// gatewayRecovery is how long after a fault all requests succeed again, at most.
const gatewayRecovery = 10 * time.Second

// linkGatewaySettings shorten the limits of a gateway, so that a fault outlasts them.
func linkGatewaySettings() map[string]string {
	vars := map[string]string{
		"API_GATEWAY_HTTP_CLIENT_TIMEOUT_SECONDS": "2", "API_GATEWAY_HTTP_CLIENT_CONNECT_TIMEOUT_SECONDS": "1",
		"API_GATEWAY_STREAM_IDLE_TIMEOUT": "2", "API_GATEWAY_UPLOAD_STALL_TIMEOUT": "3", "API_GATEWAY_UPLOAD_TIMEOUT": "15",
		"API_GATEWAY_HTTP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "1", "KAFKA_PUBLISH_TIMEOUT": "2",
		"REDIS_CONNECT_TIMEOUT": "1", "REDIS_SOCKET_TIMEOUT": "1",
	}
	for _, class := range []string{"COMMANDS", "UPLOADS", "QUERIES", "DEFAULT", "REFUSED"} {
		vars["API_GATEWAY_RATE_LIMIT_"+class] = "1000000"
	}
	return vars
}

// gatewayCell is one run: a fault on one link of a gateway.
type gatewayCell struct {
	gatewayExpectation

	line     lineFault
	link     *link
	vars     map[string]string
	platform *world.Platform
	// token returns the token of a user; nil is harness.Token.
	token func(user string) string
}

// gatewayRows returns the rows of a link that this run includes.
func gatewayRows(name string) []gatewayExpectation {
	return slices.DeleteFunc(gatewayExpectations(), func(e gatewayExpectation) bool { return e.link != name || !e.fast && !harness.Full() })
}

// runGatewayFaults runs the rows of one link. connect puts the link into the cell.
func runGatewayFaults(t *testing.T, name string, connect func(*testing.T, *gatewayCell)) {
	t.Helper()
	for _, e := range gatewayRows(name) {
		t.Run(testName(e.fault), func(t *testing.T) {
			c := &gatewayCell{gatewayExpectation: e, line: lineFaultNamed(t, e.fault)}
			c.prepare(t)
			connect(t, c)
			c.run(t)
		})
	}
}

// prepare starts a platform and sets the addresses of its services.
func (c *gatewayCell) prepare(t *testing.T) {
	t.Helper()
	const key = "faults-internal-key"
	platform, err := world.StartPlatform(world.PlatformConfig{InternalKey: key})
	require.NoError(t, err)
	t.Cleanup(platform.Close)
	c.platform, c.vars = platform, linkGatewaySettings()
	maps.Copy(c.vars, map[string]string{
		"ENVIRONMENT": "testing", "JWT_SECRET_KEY": harness.Secret, "REDIS_URL": servers.Redis(t), "KAFKA_BOOTSTRAP_SERVERS": servers.Kafka(t),
		"API_GATEWAY_HTTP_HOST": "127.0.0.1", "API_GATEWAY_HTTP_PORT": "0", "API_GATEWAY_DRAIN_NOTICE": "0", "HULEEDU_INTERNAL_API_KEY": key,
		"API_GATEWAY_RESULT_AGGREGATOR_URL": platform.AggregatorURL(), "API_GATEWAY_BOS_URL": platform.OrchestratorURL(),
		"API_GATEWAY_FILE_SERVICE_URL": platform.FilesURL(), "API_GATEWAY_CMS_API_URL": platform.ClassesURL(), "API_GATEWAY_BFF_TEACHER_URL": platform.TeacherURL(),
	})
}

// addBatch adds a batch of a new user to the platform.
func (c *gatewayCell) addBatch() (user, batch string) {
	id := uuid.NewString()
	user, batch = "teacher-"+id, "batch-"+id
	c.platform.AddBatch(world.Batch{ID: domain.BatchID(batch), Owner: domain.UserID(user), Essays: 1})
	return user, batch
}

// TestGatewayLinkToClient runs the faults between clients and a gateway.
func TestGatewayLinkToClient(t *testing.T) {
	t.Parallel()
	runGatewayFaults(t, gatewayClientLink, func(*testing.T, *gatewayCell) {})
}

// TestGatewayLinkToRedis runs the faults between a gateway and Redis.
func TestGatewayLinkToRedis(t *testing.T) {
	t.Parallel()
	runGatewayFaults(t, gatewayRedisLink, func(t *testing.T, c *gatewayCell) { c.linkURL(t, "REDIS_URL") })
}

// TestGatewayLinkToServices runs the faults between a gateway and each service behind it.
func TestGatewayLinkToServices(t *testing.T) {
	t.Parallel()
	for name, setting := range serviceLinks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runGatewayFaults(t, "gateway - "+name, func(t *testing.T, c *gatewayCell) { c.linkURL(t, setting) })
		})
	}
}

// TestGatewayLinkToKafka runs the faults between a gateway and Kafka.
func TestGatewayLinkToKafka(t *testing.T) {
	t.Parallel()
	if len(gatewayRows(gatewayKafkaLink)) == 0 {
		t.Skip("only with EDGE_TEST_FULL=1: it needs a broker of its own")
	}
	front := servers.FreeAddr(t)
	broker := servers.OwnKafka(t, "KAFKA_ADVERTISE="+front)
	runGatewayFaults(t, gatewayKafkaLink, func(t *testing.T, c *gatewayCell) {
		c.link, c.vars["KAFKA_BOOTSTRAP_SERVERS"] = startLink(t, front, broker.Addr(), c.line.resets), front
	})
}

// linkURL puts the link in front of the server of a setting.
func (c *gatewayCell) linkURL(t *testing.T, setting string) {
	t.Helper()
	c.link, c.vars[setting] = linkToURL(t, c.vars[setting], c.line)
}

// run starts a gateway and measures a fault of its link.
func (c *gatewayCell) run(t *testing.T) {
	t.Helper()
	user, batch := c.addBatch()
	front := harness.StartGateway(t, c.vars).Addr
	if c.link == nil {
		c.link = linkTo(t, front, c.line)
		front = c.link.addr()
	}
	c.measure(t, front, user, batch, period{func() { c.link.begin(t, c.line) }, func() { c.link.end(t, c.line) }})
}

// period is how a fault begins and ends.
type period struct{ begin, end func() }

// measure sends requests before, during and after a fault and checks each answer.
func (c *gatewayCell) measure(t *testing.T, front, user, batch string, fault period) {
	t.Helper()
	kinds := c.requests(t, batch)
	c.awaitSuccess(t, "http://"+front, user, kinds, waitLimit)
	fault.begin()
	seen := c.load(t, "http://"+front, user, kinds)
	fault.end()
	endedAt := time.Now()
	c.awaitSuccess(t, "http://"+front, user, kinds, gatewayRecovery)
	t.Logf("\n%s %s, again after %s |", c.declared(), seen.describe(), seconds(time.Since(endedAt)))
	seen.check(t, c.allowed)
}

// requests returns one request of each kind of the cell.
func (c *gatewayCell) requests(t *testing.T, batch string) []requestKind {
	t.Helper()
	kinds := slices.DeleteFunc(linkRequests(batch), func(k requestKind) bool { return !slices.Contains(c.kinds, k.name) })
	require.Len(t, kinds, len(c.kinds))
	return kinds
}

// linkRequests returns one request for each route that uses a link.
func linkRequests(batch string) []requestKind {
	const plain = "application/json"
	return append(requestKinds(batch),
		requestKind{name: "prompt", method: "PATCH", path: "/v1/batches/" + batch + "/prompt", body: `{"student_prompt_ref":{"references":{"student_prompt_text":{"content_id":"c1","content_type":"student_prompt_text","path_hint":""}}}}`, kind: plain, want: 200},
		requestKind{name: "classes", method: "GET", path: "/v1/classes/", want: 200},
		requestKind{name: "new class", method: "POST", path: "/v1/classes/", body: `{"name":"9A","course_code":"ENG5"}`, kind: plain, want: 201},
		requestKind{name: "dashboard", method: "GET", path: "/bff/v1/teacher/dashboard", want: 200},
	)
}

// awaitSuccess waits until each request succeeds.
func (c *gatewayCell) awaitSuccess(t *testing.T, base, user string, kinds []requestKind, limit time.Duration) {
	t.Helper()
	client := c.client(base, user)
	defer client.transport.CloseIdleConnections()
	for _, k := range kinds {
		var last error
		require.Eventually(t, func() bool {
			_, last = client.run(t.Context(), k)
			return last == nil
		}, limit, 50*time.Millisecond, "%s does not succeed", k.name)
		require.NoError(t, last)
	}
}

func (c *gatewayCell) client(base, user string) *gatewayClient {
	out := newGatewayClient(base, user)
	if c.token != nil {
		out.token = c.token
	}
	return out
}

// load sends each kind of request again and again while the fault lasts.
func (c *gatewayCell) load(t *testing.T, base, user string, kinds []requestKind) *outcomes {
	t.Helper()
	seen := &outcomes{counts: map[string]int{}}
	end := time.Now().Add(outageLength(8*time.Second, 3*time.Second))
	var callers sync.WaitGroup
	for _, k := range kinds {
		callers.Go(func() {
			client := c.client(base, user)
			defer client.transport.CloseIdleConnections()
			for time.Now().Before(end) {
				ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
				res, _, err := client.exchange(ctx, k)
				seen.add(k, res, err, ctx.Err() != nil)
				cancel()
				pause.For(50*time.Millisecond, "the interval of the load")
			}
		})
	}
	callers.Wait()
	return seen
}

// outcomes counts the answers by what they are.
type outcomes struct {
	mu     sync.Mutex
	counts map[string]int
	bad    []string
}

// Outcomes beside the codes of errors.
const (
	answered = "the answer"
	cut      = "a cut answer"
	noAnswer = "a broken connection"
	tooLate  = "no answer in time"
)

func (o *outcomes) add(k requestKind, res gatewayResponse, err error, late bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kind := outcomeOf(k, res, err, late)
	o.counts[kind]++
	if kind == "" {
		o.bad = append(o.bad, fmt.Sprintf("%s: %d %s", k.name, res.status, res.body))
	}
}

// outcomeOf returns the code of an error in the standard form, or one of the outcomes above. It is
// empty for an answer in any other form.
func outcomeOf(k requestKind, res gatewayResponse, err error, late bool) string {
	switch {
	case late:
		return tooLate
	case err != nil && res.status != 0:
		return cut
	case err != nil:
		return noAnswer
	case res.status == k.want:
		return answered
	}
	var in struct {
		Error struct {
			Code          string
			CorrelationID string `json:"correlation_id"`
			Service       string
			Details       map[string]any
		}
	}
	if json.Unmarshal(res.body, &in) != nil || in.Error.CorrelationID == "" || in.Error.Service != "api_gateway_service" || in.Error.Details == nil {
		return ""
	}
	return fmt.Sprintf("%d %s", res.status, in.Error.Code)
}

func (o *outcomes) describe() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(o.counts)) {
		parts = append(parts, fmt.Sprintf("%d × %s", o.counts[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// check requires that all answers were in the standard form and allowed.
func (o *outcomes) check(t *testing.T, allowed []string) {
	t.Helper()
	require.Empty(t, o.bad, "answers that are not in the standard form")
	var problems error
	for kind := range o.counts {
		if !slices.Contains(allowed, kind) {
			problems = errors.Join(problems, fmt.Errorf("%d × %s", o.counts[kind], kind))
		}
	}
	require.NoError(t, problems)
}
