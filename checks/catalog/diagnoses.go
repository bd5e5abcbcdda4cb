package catalog

import (
	"slices"

	"midwatch/checks"
)

// Diagnosis is a question in the words of the person who has the trouble, answered by several checks.
type Diagnosis struct {
	ID      string
	Title   string
	Symptom string // as it is reported
}

// Diagnoses lists the diagnoses. Which checks belong to one, the checks say themselves.
func Diagnoses() []Diagnosis {
	return []Diagnosis{
		{"redirect-scheme", "redirects and links lose https", "login sends me back to http"},
		{"upgrade-header", "Connection: upgrade on every request", "POST answers 400 while WebSockets work, or the other way round"},
		{"port-collision", "two want the same port", "docker compose up says the port is already allocated"},
		{"envoy-route", "Envoy answers 404 or 503", "the site answers 404 or 503, and the application is up"},
		{"oidc-client-id", "login without a client id", "the login page says invalid client"},
		{"sqlite-on-nfs", "a database on a network file system", "the application freezes for a minute and comes back"},
		{"max-conns", "one call per worker does not hold", "two calls end up on one worker"},
		{"worker-count", "workers, upstream and environment disagree", "the fleet says it has room and refuses calls"},
		{"sse-buffering", "streams arrive in one lump", "the answer appears all at once at the end"},
		{"stale-upstream-dns", "nginx talks to where a container was", "502 after a container was made again, until nginx is restarted"},
		{"loopback-in-container", "a container looks for a service in itself", "connection refused to 127.0.0.1 inside a container"},
		{"exposed-internal-port", "a data store is open to everybody", "the database answers from outside"},
		{"unpinned-image", "images without a version", "the same deploy runs other code today"},
		{"env-in-build-context", "secrets in a build context", "an .env file is inside an image"},
		{"unhealthy-gate", "services start before what they need", "the backend fails at start and works after a restart"},
		{"swarm-policy", "Swarm does not do what the stack file seems to say", "a service stays down or loses its data after it moved"},
		{"boot-migration-replicas", "several replicas migrate at once", "migrations fail or run twice when a service is scaled"},
		{"outbox-persistence", "a queue that does not survive a restart", "messages are lost when a container is made again"},
		{"recordings-storage", "recordings where they will be lost", "recordings are missing after a deploy"},
		{"drain-restart", "restarts cut off running work", "calls drop when a worker is restarted"},
		{"tls-expiry", "certificates", "the browser warns about the certificate"},
		{"reachability", "something cannot be reached", "connection refused or timed out"},
		{"circular-deploy", "a thing that is needed to deploy itself", "nothing can be deployed after an outage"},
		{"disk-inodes", "disk and inodes", "no space left on device"},
		{"clock-skew", "clocks differ", "tokens are not valid yet, or expired at once"},
		{"oom-restart-loop", "containers that die and come back", "a container restarts again and again"},
		{"log-rotation", "logs that fill the disk", "the disk fills up with json-file logs"},
		{"journald-loss", "log lines that were never written", "the log has no error, and yet it failed"},
	}
}

// Select returns the checks that names mean: ids of checks and of diagnoses, in the order of All.
// unknown are the names that are neither. No names mean all checks.
func Select(all []checks.Check, names ...string) (list []checks.Check, unknown []string) {
	if len(names) == 0 {
		return all, nil
	}
	hit := map[string]bool{}
	for _, c := range all {
		meant := false
		for _, n := range names {
			if n == c.ID || slices.Contains(c.Diagnoses, n) {
				hit[n], meant = true, true
			}
		}
		if meant {
			list = append(list, c)
		}
	}
	for _, n := range names {
		if !hit[n] && !slices.ContainsFunc(Diagnoses(), func(d Diagnosis) bool { return d.ID == n }) {
			unknown = append(unknown, n)
		}
	}
	return list, unknown
}
