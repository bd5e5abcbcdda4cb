package hosts

import "time"

// Lease is the operator's permission to change things. The zero Lease is read-only.
type Lease struct {
	Reason string
	From   time.Time
	Until  time.Time
}

// Active reports whether changes are allowed at now.
func (l Lease) Active(now time.Time) bool {
	return l.Reason != "" && !now.Before(l.From) && now.Before(l.Until)
}

// Topic is a kind of data that costs something to keep fresh, so it is kept fresh only while
// somebody looks.
type Topic int

// The topics.
const (
	TopicContainers Topic = iota // faster polling of lists where events cannot be had
	TopicStats                   // CPU and memory samples of containers
	TopicUnits
	TopicPorts     // listening sockets
	TopicRoutes    // configuration and state of proxies
	TopicServices  // Swarm, compose projects and their files
	TopicProbes    // health endpoints
	TopicDatabases // SQLite files in use
	TopicSymptoms  // lines of logs that speak of known troubles
	Topics         // how many there are
)
