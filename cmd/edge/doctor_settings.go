package main

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/huleedu/edge/adapters/env"
	"github.com/huleedu/edge/adapters/jwt"
	"github.com/huleedu/edge/adapters/kafka"
	"github.com/huleedu/edge/adapters/redis"
	"github.com/huleedu/edge/adapters/websocket"
	"github.com/huleedu/edge/domain"
	"github.com/huleedu/edge/wire"
)

// patient is a service with the settings that the doctor examines.
type patient struct {
	name        string
	service     domain.Service
	report      wire.Report
	environment domain.Environment
	redis       redis.Config
	kafka       kafka.ConsumerConfig
	tokens      jwt.Config
	origins     []string
	// originSetting is the variable of origins.
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

func gatewayPatient(s wire.ConfigSource) patient {
	c, report := wire.GatewayCommand().Read(s)
	return patient{
		name: "gateway", service: domain.GatewayService, report: report, environment: c.Environment,
		redis: c.Redis, kafka: kafka.ConsumerConfig{Brokers: c.Kafka.Brokers, Security: c.Kafka.Security}, tokens: c.Tokens,
		origins: c.HTTP.Origins, originSetting: "API_GATEWAY_CORS_ORIGINS",
		host: c.HTTP.Host, port: c.HTTP.Port, admin: c.HTTP.AdminAddr, certFile: c.HTTP.TLSCertFile,
		downstream: map[string]string{
			"result_aggregator": c.Platform.ResultAggregatorURL, "batch_orchestrator": c.Platform.OrchestratorURL,
			"class_management": c.Platform.ClassesURL, "bff_teacher": c.Platform.TeacherURL, "file_service": c.Platform.FilesURL,
		},
	}
}

func webSocketPatient(s wire.ConfigSource) patient {
	c, report := wire.WebSocketCommand().Read(s)
	return patient{
		name: "websocket", service: domain.WebSocketService, report: report, environment: c.Environment,
		redis: c.Redis, kafka: c.Kafka, tokens: c.Tokens, origins: c.HTTP.Origins, originSetting: "CORS_ORIGINS",
		host: c.HTTP.Host, port: c.HTTP.Port, admin: c.HTTP.AdminAddr, certFile: c.HTTP.TLSCertFile,
		maxConnections: c.Sockets.MaxConnections,
	}
}

// redisAddress returns the URL of Redis with masked credentials.
func (p patient) redisAddress() string {
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
func (d *doctor) checkSettings(p patient) {
	for _, problem := range p.report.Problems {
		d.add(fault, checkOf(problem), p.name+": "+problem, "Correct it: the service does not start. docs/configuration.md describes the setting.")
	}
	for _, text := range p.report.Warnings {
		d.add(warning, "settings", p.name+": "+strings.TrimPrefix(text, "warning: "), "")
	}
	if len(p.report.Problems) == 0 {
		changed := slices.DeleteFunc(slices.Clone(p.report.Settings), func(s wire.ReportedSetting) bool { return s.Source == "default" })
		d.add(good, "settings", fmt.Sprintf("%s: valid (%s, %d of %d set)", p.name, p.environment, len(changed), len(p.report.Settings)), "")
	}
}

// checkOrigins reports the origins whose pages may connect, and whether the origin of the flag
// is one.
func (d *doctor) checkOrigins(p patient) {
	if len(p.origins) == 0 {
		d.add(warning, "origins", p.name+": no page of another origin may connect", "Set "+p.originSetting+" to a JSON array with the origins of the frontends.")
		return
	}
	if d.flags.origin != "" && !p.allowsOrigin(d.flags.origin) {
		d.add(fault, "origins", fmt.Sprintf("%s: pages of %s may not connect: the browser reports close code 1006", p.name, d.flags.origin),
			"Add it to "+p.originSetting+`, exactly as the browser sends it: scheme, host and port, no slash at the end.`)
		return
	}
	d.add(good, "origins", p.name+": "+strings.Join(p.origins, " "), "")
}

// allowsOrigin reports whether the service accepts the origin.
func (p patient) allowsOrigin(origin string) bool {
	return slices.Contains(p.origins, origin) || slices.Contains(p.origins, "*") || p.environment == domain.Development && isLoopback(origin)
}

// isLoopback reports whether the origin is a page of this machine.
func isLoopback(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" {
		return false
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

const (
	fewConnections = 1000 // fewConnections is a capacity that a real deployment exceeds.
)

// checkOpenFiles compares the limit of open files with the configured connections.
func (d *doctor) checkOpenFiles() {
	capacity := websocket.Config{}.Capacity()
	for _, p := range d.patients {
		if p.maxConnections > capacity {
			d.add(fault, "open files", fmt.Sprintf("WEBSOCKET_MAX_CONNECTIONS is %d, but the limit of open files leaves room for %d", p.maxConnections, capacity),
				"Raise the limit (ulimit -n, LimitNOFILE in systemd, the container's ulimits), or lower the setting.")
			return
		}
	}
	if capacity < fewConnections {
		d.add(warning, "open files", fmt.Sprintf("room for %d connections", capacity), "Raise the limit of open files (ulimit -n) before a load test or production.")
		return
	}
	d.add(good, "open files", fmt.Sprintf("room for %d connections", capacity), "")
}

// readEnvFile returns the variables of a file.
func readEnvFile(path string) (map[string]string, error) {
	vars, err := env.File(path)
	if err != nil {
		return nil, usageError{settingsError(err)}
	}
	return maps.Clone(vars), nil
}
