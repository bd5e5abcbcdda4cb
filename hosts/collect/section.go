package collect

import (
	"time"

	"midwatch/hosts"
)

// Root says what a section wants of root.
type Root int

// How much root matters to a section.
const (
	RootNever  Root = iota // any user may read it
	RootHelps              // read as root where that can be had, otherwise with gaps
	RootNeeded             // unknown without root
)

// Section is one thing a shell can tell about a host.
type Section struct {
	ID     string // "system"; the Collector of its evidence; stable, captures depend on it
	Title  string // "load, memory and uptime", for people
	Source string // what is run, as a person would type it
	Needs  string // what a host must have for it, "" for any Linux; shown when it could not be read
	// Script is POSIX shell that busybox runs too. It reads nothing from standard input, writes its
	// answer to standard output and complaints to standard error.
	Script string
	// Make returns the script for a host of which this much is known, "" when there is nothing to
	// ask; nil where Script says it all.
	Make func(f *hosts.HostFacts) string
	Root Root
	// Plain sections run in the batch's own shell without a time limit, which saves two processes;
	// for scripts that read /proc and cannot hang.
	Plain bool
	Limit time.Duration // how long the script may run on the host; 0 means DefaultLimit
	Max   int           // how many bytes of the answer are read; 0 means DefaultMax
	Every time.Duration // how often it is worth asking when nobody is looking closely
	// While Watch is looked at, the section is read Faster times as often; 0 means no difference.
	Watch  hosts.Topic
	Faster int
	// Redact masks secrets in an answer before anyone else sees it; nil where there are none.
	Redact func(data []byte) []byte
	// Fill puts good evidence into f, or says why it cannot be understood. It never changes what
	// f's slices and maps already hold.
	Fill func(f *hosts.HostFacts, ev hosts.Evidence) error
	// Touch, where it is given, makes f as young as at without parsing the same answer again; false
	// when f is not in a state that allows it.
	Touch func(f *hosts.HostFacts, at time.Time) bool
	// Fail records in f that the section could not be read.
	Fail func(f *hosts.HostFacts, ev hosts.Evidence)
}

// Bounds of a section that names none.
const (
	DefaultLimit = 5 * time.Second
	DefaultMax   = 1 << 20
)

func (s Section) limit() time.Duration {
	if s.Limit > 0 {
		return s.Limit
	}
	return DefaultLimit
}

func (s Section) bytes() int {
	if s.Max > 0 {
		return s.Max
	}
	return DefaultMax
}

// All returns every section there is, in the order in which a batch runs them: cheap ones first,
// so that one which hangs delays nothing that was ready.
func All() []Section {
	return []Section{
		systemSection(),
		mountsSection(),
		identitySection(),
		disksSection(),
		unitStatesSection(),
		addressesSection(),
		composeSection(),
		unitsSection(),
		unitEnvSection(),
		socketsSection(),
		nginxSection(),
		certsSection(),
		databasesSection(),
		codeSection(),
		symptomsSection(),
		netDisksSection(),
	}
}

// ByID returns the section with that ID.
func ByID(id string) (Section, bool) {
	for _, s := range All() {
		if s.ID == id {
			return s, true
		}
	}
	return Section{}, false
}

// touch makes a Touch for a part. It works only on what the same source has filled: another section
// may have put something else there since.
func touch[T any](source string, of func(*hosts.HostFacts) *hosts.Part[T]) func(*hosts.HostFacts, time.Time) bool {
	return func(f *hosts.HostFacts, at time.Time) bool {
		p := of(f)
		if p.Standing() != hosts.Fresh || p.Source != source {
			return false
		}
		p.At, p.Tried = at, at
		return true
	}
}

// part makes the Fill and Fail of a section that tells one part.
func part[T any](of func(*hosts.HostFacts) *hosts.Part[T], parse func([]byte) (T, error)) (
	fill func(*hosts.HostFacts, hosts.Evidence) error, fail func(*hosts.HostFacts, hosts.Evidence),
) {
	fill = func(f *hosts.HostFacts, ev hosts.Evidence) error {
		v, err := parse(ev.Data)
		if err != nil {
			return err
		}
		p := of(f)
		*p = hosts.Read(v, ev.Source, ev.At)
		p.Needs = ev.Needs
		return nil
	}
	fail = func(f *hosts.HostFacts, ev hosts.Evidence) {
		p := of(f)
		*p = p.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
	}
	return fill, fail
}
