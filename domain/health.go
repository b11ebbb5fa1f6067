package domain

// Condition is the health of a component.
type Condition string

// A degraded component still serves; an unhealthy one does not.
const (
	// Healthy is the condition of a dependency that works.
	Healthy Condition = "healthy"
	// Degraded is the condition of a dependency that works in part, or with a delay.
	Degraded Condition = "degraded"
	// Unhealthy is the condition of a dependency that does not work.
	Unhealthy Condition = "unhealthy"
)

// Health is the state of a dependency as this process last observed it.
type Health struct {
	// Name is the dependency's role: "redis", "subscription", "kafka".
	Name string
	// Condition is the state.
	Condition Condition
	// Note is a public explanation.
	Note string
	// Err is the private cause.
	Err error
}
