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
	Root   Root
	// Plain sections run in the batch's own shell without a time limit, which saves two processes;
	// for scripts that read /proc and cannot hang.
	Plain bool
	Limit time.Duration // how long the script may run on the host; 0 means DefaultLimit
	Max   int           // how many bytes of the answer are read; 0 means DefaultMax
	Every time.Duration // how often it is worth asking when nobody is looking closely
	// Fill puts good evidence into f, or says why it cannot be understood. It never changes what
	// f's slices and maps already hold.
	Fill func(f *hosts.HostFacts, ev hosts.Evidence) error
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
		identitySection(),
		unitStatesSection(),
		unitsSection(),
		disksSection(),
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
