package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/wire"
)

// target is a service with the settings that is checked.
type target struct {
	name        string
	service     domain.Service
	report      wire.Report
	environment domain.Environment
	redis       redis.Config
	kafka       kafka.ConsumerConfig
	tokens      jwt.Config
	origins     []string
	// allows reports whether the service accepts an origin; originSetting is the variable of origins.
	allows        func(environment domain.Environment, origin string) bool
	originSetting string
	host          string
	port          int
	admin         string
	certFile      string
	// maxConnections is 0 for the gateway, and if the limit of open files decides.
	maxConnections int
	// downstream are the URLs of the services behind the gateway, by name.
	downstream map[string]string
}

func gatewayTarget(s wire.ConfigSource) target {
	c, report := wire.GatewayCommand().Read(s)
	return target{
		name: "gateway", service: domain.GatewayService, report: report, environment: c.Environment,
		redis: c.Redis, kafka: kafka.ConsumerConfig{Brokers: c.Kafka.Brokers, Security: c.Kafka.Security}, tokens: c.Tokens,
		origins: c.HTTP.Origins, allows: c.HTTP.AllowsOrigin, originSetting: "API_GATEWAY_CORS_ORIGINS",
		host: c.HTTP.Host, port: c.HTTP.Port, admin: c.HTTP.AdminAddr, certFile: c.HTTP.TLSCertFile,
		downstream: map[string]string{
			"result_aggregator": c.Platform.ResultAggregatorURL, "batch_orchestrator": c.Platform.OrchestratorURL,
			"class_management": c.Platform.ClassesURL, "bff_teacher": c.Platform.TeacherURL, "file_service": c.Platform.FilesURL,
		},
	}
}

func webSocketTarget(s wire.ConfigSource) target {
	c, report := wire.WebSocketCommand().Read(s)
	return target{
		name: "websocket", service: domain.WebSocketService, report: report, environment: c.Environment,
		redis: c.Redis, kafka: c.Kafka, tokens: c.Tokens, origins: c.HTTP.Origins, allows: c.HTTP.AllowsOrigin, originSetting: "CORS_ORIGINS",
		host: c.HTTP.Host, port: c.HTTP.Port, admin: c.HTTP.AdminAddr, certFile: c.HTTP.TLSCertFile,
		maxConnections: c.Sockets.MaxConnections,
	}
}

// redisAddress returns the URL of Redis with masked credentials.
func (p target) redisAddress() string {
	for _, s := range p.report.Settings {
		if s.Name == "REDIS_URL" || s.Name == "API_GATEWAY_REDIS_URL" {
			return s.Value
		}
	}
	return "redis"
}

// checkOf returns the check to which a problem of a setting belongs.
func checkOf(problem string) string {
	switch {
	case strings.HasPrefix(problem, "JWT_"):
		return "keys"
	case strings.Contains(problem, "ORIGINS"):
		return "origins"
	default:
		return "settings"
	}
}

// checkSettings reports what the service would refuse or warn about at its start.
func (d *checks) checkSettings(p target) {
	for _, problem := range p.report.Problems {
		d.add(Fault, checkOf(problem), p.name+": "+problem, "Correct it: the service does not start. docs/configuration.md describes the setting.")
	}
	for _, text := range p.report.Warnings {
		d.add(Warning, "settings", p.name+": "+strings.TrimPrefix(text, "warning: "), "")
	}
	if len(p.report.Problems) == 0 {
		changed := slices.DeleteFunc(slices.Clone(p.report.Settings), func(s wire.ReportedSetting) bool { return s.Source == "default" })
		d.add(Good, "settings", fmt.Sprintf("%s: valid (%s, %d of %d set)", p.name, p.environment, len(changed), len(p.report.Settings)), "")
	}
}

// checkOrigins reports the origins whose pages may connect, and whether the origin of the flag
// is one.
func (d *checks) checkOrigins(p target) {
	if slices.ContainsFunc(p.report.Problems, func(line string) bool { return checkOf(line) == "origins" }) {
		return // reported with the settings
	}
	if len(p.origins) == 0 {
		d.add(Warning, "origins", p.name+": no page of another origin may connect", "Set "+p.originSetting+" to a JSON array with the origins of the frontends.")
		return
	}
	if d.origin != "" && !p.allows(p.environment, d.origin) {
		d.add(Fault, "origins", fmt.Sprintf("%s: pages of %s may not connect: the browser reports close code 1006", p.name, d.origin),
			"Add it to "+p.originSetting+`, exactly as the browser sends it: scheme, host and port, no slash at the end.`)
		return
	}
	d.add(Good, "origins", p.name+": "+strings.Join(p.origins, " "), "")
}

const (
	fewConnections = 1000 // fewConnections is a capacity that a real deployment exceeds.
)

// checkOpenFiles compares the limit of open files with the configured connections.
func (d *checks) checkOpenFiles() {
	capacity := websocket.Config{}.Capacity()
	for _, p := range d.targets {
		if p.maxConnections > capacity {
			d.add(Fault, "open files", fmt.Sprintf("WEBSOCKET_MAX_CONNECTIONS is %d, but the limit of open files leaves room for %d", p.maxConnections, capacity),
				"Raise the limit (ulimit -n, LimitNOFILE in systemd, the container's ulimits), or lower the setting.")
			return
		}
	}
	if capacity < fewConnections {
		d.add(Warning, "open files", fmt.Sprintf("room for %d connections", capacity), "Raise the limit of open files (ulimit -n) before a load test or production.")
		return
	}
	d.add(Good, "open files", fmt.Sprintf("room for %d connections", capacity), "")
}
