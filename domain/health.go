package domain

// Condition is how well a part of the system does.
type Condition string

// The conditions. A degraded service still serves; an unhealthy part does not.
const (
	Healthy   Condition = "healthy"
	Degraded  Condition = "degraded"
	Unhealthy Condition = "unhealthy"
)

// Health is one dependency's state, as last seen by this process.
type Health struct {
	// Name is the dependency's role: "redis", "subscription", "kafka".
	Name string
	// Condition is how it does.
	Condition Condition
	// Note says more in words that are fit for the public.
	Note string
	// Err is the private cause of a bad condition.
	Err error
}
