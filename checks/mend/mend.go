package mend

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"midwatch/checks"
)

// Kind says what a mend changes.
type Kind string

// The kinds of mends.
const (
	Nginx   Kind = "nginx"   // files, then a test and a confirmed reload
	Reload  Kind = "reload"  // nginx reads what it has again
	Compose Kind = "compose" // a file, then the services are brought up
	Unit    Kind = "unit"    // a unit is started or restarted
	Cluster Kind = "cluster" // a cluster is sent to Envoy's control plane
)

// Mend is a change that takes a finding away.
type Mend struct {
	Finding string // Finding.ID
	Check   string
	Title   string // one line: what is changed
	Host    string
	Kind    Kind
	// Container is the name of the container that nginx runs in; "" for the host's own.
	Container string
	Files     []File
	// Project and its files, in order, and the services to bring up again; of Compose.
	Project, Dir string
	ProjectFiles []string
	Services     []string
	// Unit and Op ("start", "restart"), of Unit.
	Unit, Op string
	// Control is the URL of the control plane and Body the cluster's JSON; of Cluster.
	Control string
	Body    json.RawMessage
	// Expect is the endpoint that Envoy must show afterwards, "10.0.0.1:8002"; of Cluster.
	Expect string
	// Also are things that have to be changed by hand as well, one a line.
	Also []string
}

// File is what changes in a file on the host.
type File struct {
	Path string // on the host, not in a container
	// InPlace is set where a container sees this very file: a new inode would not be seen by it.
	InPlace bool
	Edits   []Edit
}

// Edit replaces a line, whose text is Old now, by the lines of New. Facts may have secrets masked, so that a
// whole file must never be written back from them.
type Edit struct {
	Line int
	Old  string
	New  []string
}

// ErrNone is a finding that cannot be mended from here; the error tells why, and Fix what to do.
var ErrNone = errors.New("cannot be mended from here")

func none(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNone, fmt.Sprintf(format, args...))
}

// menders has a function for each check whose findings can be mended.
func menders() map[string]func(*checks.World, *checks.Finding) (*Mend, error) {
	return map[string]func(*checks.World, *checks.Finding) (*Mend, error){
		"xfp-overwritten-behind-tls-proxy":   inNginx(forwardProto),
		"xfp-missing-at-tls-edge":            inNginx(addProto),
		"nginx-hardcoded-connection-upgrade": inNginx(mapUpgrade),
		"nginx-max-conns-per-worker":         inNginx(limitConns),
		"nginx-sse-buffered":                 inNginx(unbuffer),
		"nginx-conf-not-live":                reload,
		"port-collision-deploy":              movePort,
		"envoy-endpoint-port-mismatch":       sendCluster,
		"systemd-start-limit-hit":            startUnit,
		"systemd-failed-template-instance":   startUnit,
		"service-4567-refused":               restartUnit,
	}
}

// Checks are the ids of the checks whose findings can be mended, sorted.
func Checks() []string {
	var out []string
	for id := range menders() {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// For forms the mend of a finding. An error that is ErrNone tells why there is none.
func For(w *checks.World, f *checks.Finding) (*Mend, error) {
	if f == nil || f.Status != checks.Found {
		return nil, none("nothing was found")
	}
	make, ok := menders()[f.Check]
	if !ok {
		return nil, none("it takes a person: see the fix")
	}
	if f.Host == "" {
		return nil, none("a file says nothing of where it runs")
	}
	m, err := make(w, f)
	if err != nil {
		return nil, err
	}
	m.Finding, m.Check, m.Host = f.ID(), f.Check, f.Host
	return m, nil
}
