package arch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample is source code for a rule.
type sample struct{ path, text string }

const imported = "package x\n\nimport _ \"%s\"\n"

const ginFile = "package httpserver\n\nimport (\n\t\"net/http\"\n\n\t\"github.com/gin-gonic/gin\"\n)\n\n"

// violations returns code that violates each rule.
func violations() map[string][]sample {
	return map[string][]sample{
		"layers": {
			{"domain/a.go", fmt.Sprintf(imported, "github.com/google/uuid")},
			{"domain/a.go", fmt.Sprintf(imported, module+"/ports")},
			{"ports/a.go", fmt.Sprintf(imported, module+"/app")},
			{"app/a.go", fmt.Sprintf(imported, module+"/adapters/redis")},
			{"app/delivery/a.go", fmt.Sprintf(imported, module+"/adapters/redis")},
			{"app/delivery/a.go", fmt.Sprintf(imported, module+"/app")},
			{"app/delivery/a.go", fmt.Sprintf(imported, "github.com/gorilla/websocket")},
			{"ports/a.go", fmt.Sprintf(imported, module+"/app/delivery")},
			{"app/a.go", fmt.Sprintf(imported, "github.com/gin-gonic/gin")},
			{"adapters/redis/a.go", fmt.Sprintf(imported, module+"/adapters/kafka")},
			{"adapters/redis/a.go", fmt.Sprintf(imported, module+"/adapters/kafka/part")},
			{"adapters/redis/part/a.go", fmt.Sprintf(imported, module+"/adapters/redis")},
			{"adapters/redis/part/a.go", fmt.Sprintf(imported, module+"/adapters/kafka")},
			{"adapters/redis/a.go", fmt.Sprintf(imported, module+"/wire")},
			{"adapters/redis/a.go", fmt.Sprintf(imported, module+"/test/contract")},
			{"adapters/redis/a.go", fmt.Sprintf(imported, module+"/api")},
			{"adapters/redis/a_test.go", fmt.Sprintf(imported, wireModule)},
			{"test/e2e/a.go", fmt.Sprintf(imported, module+"/cmd/edge")},
			{"wire/inject.go", "//go:build wireinject\n\n" + fmt.Sprintf(imported, module+"/cmd/gateway")},
			{"cmd/gateway/a.go", fmt.Sprintf(imported, module+"/test/world")},
			{"cmd/gateway/a.go", fmt.Sprintf(imported, module+"/app")},
			{"elsewhere/a.go", fmt.Sprintf(imported, module+"/domain")},
		},
		"function length": {{"app/a.go", "package app\n\nfunc f() {\n" + strings.Repeat("\tf()\n", maxFunctionLines) + "}\n"}},
		"port size":       {{"ports/a.go", "package ports\n\ntype P interface {\n\tA()\n\tB()\n\tC()\n\tD()\n\tE()\n\tF()\n}\n"}},
		"comments": {
			{"ports/a.go", "package ports\n\n// P is one.\ntype P interface{ M() }\n"},
			{"adapters/x/a.go", "package x\n\n// Config is one.\ntype Config struct {\n\tA int `env:\"A\"`\n}\n"},
		},
		"handler values": {
			{"adapters/httpserver/a.go", ginFile + "func f(c *gin.Context) { go func() { _ = c.Writer }() }\n"},
			{"adapters/httpserver/a.go", ginFile + "func f(c *gin.Context) { go g(c) }\n"},
			{"adapters/httpserver/a.go", ginFile + "func f(c *gin.Context) { context.AfterFunc(x, func() { c.Abort() }) }\n"},
			{"adapters/httpserver/a.go", ginFile + "func f(c *gin.Context) { w.Go(func() { c.Abort() }) }\n"},
			{"adapters/httpserver/a.go", ginFile + "func f() { g(func(c *gin.Context) { go c.Abort() }) }\n"},
			{"adapters/httpserver/a.go", ginFile + "func f(w http.ResponseWriter) { go w.Write(nil) }\n"},
			{"adapters/httpserver/a.go", ginFile + "func f() { r := http.NewResponseController(w); time.AfterFunc(1, func() { r.Flush() }) }\n"},
			{"adapters/httpserver/a.go", ginFile + "type t struct{ c *gin.Context }\n"},
			{"adapters/httpserver/a.go", ginFile + "type t struct{ http.ResponseWriter }\n"},
			{"adapters/httpserver/proxy/a.go", ginFile + "type t struct{ w http.ResponseWriter }\n"},
			{"adapters/httpserver/a.go", ginFile + "type exchange struct{ w http.ResponseWriter }\n"},
		},
		"file names": {{"app/token-check.go", "package app\n"}, {"app/token__check.go", "package app\n"}, {"app/Token.go", "package app\n"}},
		"type names": {
			{"app/a.go", "package app\n\ntype ReaderImpl struct{}\n"},
			{"app/a.go", "package app\n\ntype IReader interface{}\n"},
			{"app/a.go", "package app\n\nfunc GetThing() {}\n"},
		},
		"no package state": {
			{"app/a.go", "package app\n\nvar cache = map[string]int{}\n"},
			{"app/a.go", "package app\n\nvar ErrLate error\n"},
			{"app/a.go", "package app\n\nimport \"errors\"\n\nvar cause = errors.New(\"x\")\n"},
			{"app/a_test.go", "package app\n\nvar update bool\n"},
			{"app/a.go", "package app\n\nimport \"sync\"\n\nvar key = sync.OnceValue(f)\n"},
		},
		"environment": {{"adapters/env/a.go", "package env\n\nimport \"os\"\n\nfunc f() { os.Getenv(\"A\") }\n"}},
		"no sleeping": {
			{"app/a_test.go", "package app\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n"},
			{"app/a_test.go", "package app\n\nimport (\n\"testing/synctest\"\n\"time\"\n)\n\nfunc f() { synctest.Test(nil, nil)\ntime.Sleep(1) }\n"},
			{"app/a_test.go", "package app\n\nimport \"time\"\n\nfunc f() { <-time.After(1) }\n"},
			{"app/a_test.go", "package app\n\nimport \"time\"\n\nfunc f() { for ; true; <-time.After(1) {\n} }\n"},
			{"app/a_test.go", "package app\n\nimport \"time\"\n\nfunc f() { select { case <-c:\n<-time.After(1) } }\n"},
		},
		"bound calls": {{"adapters/x/a.go", "package x\n\nimport \"net/http\"\n\nfunc f() { http.NewRequest(\"GET\", \"\", nil) }\n"}},
		"one error writer": {
			{"adapters/websocket/a.go", "package x\n\nimport \"net/http\"\n\nfunc f() { http.Error(nil, \"\", 1) }\n"},
			{"adapters/httpserver/route.go", "package x\n\nfunc f(c *C) { c.AbortWithStatusJSON(1, nil) }\n"},
			{"adapters/httpserver/route.go", "package x\n\nfunc f(c *C) { c.String(500, \"no\") }\n"},
		},
		"own types": {
			{"adapters/x/a.go", "package x\n\nimport \"github.com/gin-gonic/gin\"\n\nfunc F(c *gin.Context) {}\n"},
			{"adapters/x/a.go", "package x\n\nimport \"github.com/redis/go-redis/v9\"\n\ntype T struct{ C *redis.Client }\n"},
			{"adapters/x/a.go", "package x\n\nimport \"github.com/redis/go-redis/v9\"\n\ntype T struct{ *redis.Client }\n"},
			{"adapters/x/a.go", "package x\n\nimport kgo \"github.com/segmentio/kafka-go\"\n\ntype T = kgo.Writer\n"},
			{"adapters/x/a.go", "package x\n\nimport \"github.com/segmentio/kafka-go\"\n\nfunc (t *T[K]) M() []kafka.Message { return nil }\n"},
			{"adapters/x/a.go", "package x\n\nimport \"example.org/go-odd.go\"\n\nfunc F(w odd.W) {}\n"},
		},
		"nothing silenced": {
			{"app/a.go", "package app\n\nfunc f() {} //" + "nolint:all\n"},
			{"app/a.go", "package app\n\n// #" + "nosec G101\nfunc f() {}\n"},
		},
	}
}

// validSamples returns code that resembles a violation and is valid.
func validSamples() map[string][]sample {
	table := strings.Repeat("\t\t{1, 2},\n", maxFunctionLines)
	return map[string][]sample{
		"layers": {
			{"domain/a.go", fmt.Sprintf(imported, "encoding/json")},
			{"adapters/redis/a.go", fmt.Sprintf(imported, "github.com/redis/go-redis/v9")},
			{"adapters/redis/a.go", fmt.Sprintf(imported, module+"/adapters/redis/part")},
			{"adapters/redis/part/a.go", fmt.Sprintf(imported, module+"/adapters/redis/other")},
			{"adapters/redis/a_test.go", fmt.Sprintf(imported, module+"/adapters/telemetry")},
			{"adapters/httpserver/a.go", fmt.Sprintf(imported, module+"/api")},
			{"cmd/edge/a.go", fmt.Sprintf(imported, module+"/test/world")},
			{"wire/inject.go", "//go:build wireinject\n\n" + fmt.Sprintf(imported, wireModule)},
		},
		"file names":      {{"app/token_check.go", "package app\n"}, {"app/token_check_test.go", "package app\n"}},
		"function length": {{"app/a.go", "package app\n\nfunc f() [][]int {\n\treturn [][]int{\n" + table + "\t}\n}\n"}},
		"comments": {
			{"wire/a.go", "package wire\n\n// Config is the sum.\ntype Config struct{ Inner inner }\n"},
		},
		"no package state": {
			{"app/a.go", "package app\n\nimport \"errors\"\n\nvar ErrLate, errOther = errors.New(\"a\"), errors.New(\"b\")\n\nvar _ error = (*E)(nil)\n"},
			{"api/a.go", "package api\n\n//go:embed openapi.yaml\nvar openAPI []byte\n"},
			{"app/a_test.go", "package app\n\nimport \"sync\"\n\nvar key = sync.OnceValue(f)\n"},
			{"wire/sets.go", "package wire\n\nimport \"" + wireModule + "\"\n\nvar set = wire.NewSet()\n"},
		},
		"environment": {{"cmd/gateway/main.go", "package main\n\nimport \"os\"\n\nfunc f() { os.Getenv(\"A\") }\n"}},
		"no sleeping": {
			{"app/a_test.go", "package app\n\nimport (\n\"testing/synctest\"\n\"time\"\n)\n\nfunc f() { synctest.Test(nil, func() { time.Sleep(1) }) }\n"},
			{"app/a_test.go", "package app\n\nimport (\n\"testing/synctest\"\n\"time\"\n)\n\nfunc f() { synctest.Test(nil, func() { <-time.After(1) }) }\n"},
			{"app/a_test.go", "package app\n\nimport \"time\"\n\nfunc f() { select { case <-time.After(1): case <-c: } }\n"},
			{pausePackage + "/pause.go", "package pause\n\nimport \"time\"\n\nfunc F() { time.Sleep(1) }\n"},
		},
		"bound calls": {
			{"adapters/x/a_test.go", "package x\n\nimport \"net/http\"\n\nfunc f() { http.Get(\"\") }\n"},
			{"adapters/x/a.go", "package x\n\nimport \"net/http\"\n\nfunc f() { http.NewRequestWithContext(nil, \"GET\", \"\", nil) }\n"},
		},
		"one error writer": {
			{errorWriter, "package x\n\nfunc f(c *C) { c.AbortWithStatusJSON(1, nil) }\n"},
			{"adapters/x/a.go", "package x\n\nimport \"log/slog\"\n\nfunc f(v V) { slog.String(\"a\", v.String()) }\n"},
		},
		"own types": {
			{"adapters/x/a.go", "package x\n\nimport \"go.opentelemetry.io/otel/trace\"\n\nfunc F(p trace.TracerProvider) {}\n"},
			{"adapters/x/a.go", "package x\n\nimport \"github.com/redis/go-redis/v9\"\n\ntype T struct{ c *redis.Client }\n\nfunc (t *T) client() *redis.Client { return t.c }\n"},
		},
		"handler values": {
			{"adapters/httpserver/proxy/a.go", ginFile + "type exchange struct{ w http.ResponseWriter }\n"},
			{"adapters/httpserver/requestbody/a.go", ginFile + "type Body struct{ conn *http.ResponseController }\n"},
		},
		"nothing silenced": {{"app/a.go", "package app\n\n// Rules about nolint are elsewhere.\nfunc f() {}\n"}},
	}
}

func TestRulesCanFail(t *testing.T) {
	samples := violations()
	for _, r := range rules() {
		require.NotEmpty(t, samples[r.name], "rule without a violating sample: %s", r.name)
		require.NotEmpty(t, r.why)
		for _, s := range samples[r.name] {
			require.NotEmpty(t, check(t, r, s), "%s does not find the violation in\n%s:\n%s", r.name, s.path, s.text)
		}
	}
}

func TestRulesLetGoodCodePass(t *testing.T) {
	samples := validSamples()
	for _, r := range rules() {
		for _, s := range samples[r.name] {
			require.Empty(t, check(t, r, s), "%s reports valid code:\n%s:\n%s", r.name, s.path, s.text)
		}
	}
}

func TestPackageRulesCanFail(t *testing.T) {
	files := func(samples ...sample) []source {
		out := make([]source, 0, len(samples))
		for _, s := range samples {
			out = append(out, mustParse(t, s))
		}
		return out
	}
	plain := sample{"app/a.go", "package app\n"}
	watched := sample{"app/main_test.go", "package app\n\nfunc TestMain(m *testing.M) { goleak.VerifyTestMain(m) }\n"}
	require.NotEmpty(t, withoutLeakCheck(files(plain)), "no tests at all")
	require.NotEmpty(t, withoutLeakCheck(files(plain, sample{"app/a_test.go", plain.text})))
	require.NotEmpty(t, withoutLeakCheck(files(plain, sample{"app/a_test.go", watched.text})), "not in main_test.go")
	require.Empty(t, withoutLeakCheck(files(plain, watched)))
	require.Empty(t, withoutLeakCheck(files(sample{"ports/a.go", "package ports\n"})))
}

func TestFileCyclesAreFound(t *testing.T) {
	g := fileGraph{
		"a.go": {"b.go": true, "d.go": true},
		"b.go": {"c.go": true},
		"c.go": {"a.go": true},
		"d.go": {},
	}
	inCycles, all := g.backward()
	require.Equal(t, []string{"a.go -> b.go", "b.go -> c.go", "c.go -> a.go"}, inCycles)
	require.Equal(t, 4, all)
	graphs := map[string]fileGraph{module + "/app": g}
	require.Len(t, fileCycles(graphs, func(string) int { return 2 }), 1)
	require.Empty(t, fileCycles(graphs, func(string) int { return 3 }))
}

func TestLargePackagesAreFound(t *testing.T) {
	file := func(name, text string) source { return mustParse(t, sample{name, text}) }
	lines := strings.Repeat("\n", maxPackageLines)
	require.Len(t, largePackages([]source{file("app/a.go", "package app\n"+lines)}), 1)
	require.Len(t, largePackages([]source{file("app/a.go", "package app\n"), file("app/b.go", "package app\n"+lines)}), 1)
	require.Empty(t, largePackages([]source{
		file("app/a.go", "package app\n"), file("app/a_test.go", "package app\n"+lines), file("test/x/a.go", "package x\n"+lines),
		file("app/b.go", "// Code generated by a tool. DO NOT EDIT.\n\npackage app\n"+lines),
	}))
}

func TestTestOnlyDependenciesAreFound(t *testing.T) {
	bad := []string{
		"testing", "testing/synctest", module + "/test/world", "github.com/alicebob/miniredis/v2/server",
		"github.com/twmb/franz-go/pkg/kfake", "github.com/stretchr/testify/require", "go.uber.org/goleak",
	}
	require.Equal(t, bad, testOnly(append([]string{"fmt", module + "/wire", "github.com/redis/go-redis/v9"}, bad...)))

	root, err := findRoot()
	require.NoError(t, err)
	require.Contains(t, testOnly(dependencies(t, root, "test/servers")), "testing", "the list of dependencies is not read")
}

func check(t *testing.T, r rule, s sample) []finding {
	t.Helper()
	return r.check(mustParse(t, s))
}

func mustParse(t *testing.T, s sample) source {
	t.Helper()
	out, err := parse(s.path, s.text)
	require.NoError(t, err)
	return out
}
