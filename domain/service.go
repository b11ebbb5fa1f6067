package domain

// Service is the name of one of the two services in errors and health responses.
type Service string

const (
	// GatewayService is the name of the API gateway.
	GatewayService Service = "api_gateway_service"
	// WebSocketService is the name of the notification service.
	WebSocketService Service = "websocket_service"
)

// Errors and metrics name the services that requests are forwarded to by these names.
const (
	// FileService is the name of the service that receives uploads.
	FileService = "file_service"
	// ClassManagement is the name of the service of classes and students.
	ClassManagement = "class_management"
	// TeacherBFF is the name of the backend for teachers' pages.
	TeacherBFF = "bff_teacher"
)

// Version is the version of the wire contract. The services report it in /healthz and in spans;
// --version prints the release.
const Version = "1.0.0"

// Environment is where a process runs. Production refuses weak settings.
type Environment string

const (
	// Development is a developer's machine. Web pages from the same machine may use the services.
	Development Environment = "development"
	// Staging is the rehearsal of a release. No rule applies only to it.
	Staging Environment = "staging"
	// Production is the environment of real users. It refuses weak settings.
	Production Environment = "production"
	// Testing is the environment of automated tests. No rule applies only to it.
	Testing Environment = "testing"
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
