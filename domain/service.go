package domain

// Service is the name of one of the two services in errors and health responses.
type Service string

// The two services.
const (
	GatewayService   Service = "api_gateway_service"
	WebSocketService Service = "websocket_service"
)

// The downstream services that requests are forwarded to, as named in errors and
// metrics.
const (
	FileService     = "file_service"
	ClassManagement = "class_management"
	TeacherBFF      = "bff_teacher"
)

// Version is the version of the wire contract. The services report it in /healthz and in spans;
// --version prints the release.
const Version = "1.0.0"

// Environment is where a process runs. Production refuses weak settings.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
	Testing     Environment = "testing"
)

// Known reports whether the environment is one of the four.
func (e Environment) Known() bool {
	switch e {
	case Development, Staging, Production, Testing:
		return true
	default:
		return false
	}
}
