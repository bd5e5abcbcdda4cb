package fleet

import (
	"context"
	"log/slog"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/collect"
)

// Member is one host of a fleet and the ways to ask it.
type Member struct {
	Host hosts.Host
	// Conn runs the shell batches; nil where there is an engine and no shell.
	Conn hosts.Conn
	// Link tells the state of the connection; nil when nobody keeps it: then the state is what the
	// reads come to. Bell is rung when the state may have changed; it comes with Link.
	Link Linker
	Bell Bell
	// Docker is the engine of the host; nil when it has none to be asked.
	Docker Docker
	// DockerAbsent says that it is no fault when no engine answers at all: the inventory did not
	// name one, it was only tried.
	DockerAbsent bool
	// Sections are read from the shell of this host beside those of collect.All; one with the ID of one of
	// those stands in its place.
	Sections []collect.Section
	// Collectors are asked for what neither a shell nor the basic lists of an engine tell.
	Collectors []Collector
	// Pace is how often this host is asked.
	Pace Pace
}

// Pace says how often a host is asked; what is zero is as usual.
type Pace struct {
	// Every is the time between two looks at the load, 5 s; everything else that is read more often than
	// once a minute keeps its proportion to it.
	Every time.Duration
	// Slow is the same for the rest, images and files of configuration: what is read once a minute.
	Slow time.Duration
	// Stats is the time between two samples of the containers while somebody looks, 2 s.
	Stats time.Duration
}

func (p Pace) withDefaults() Pace {
	if p.Every <= 0 {
		p.Every = basePeriod
	}
	if p.Slow <= 0 {
		p.Slow = slowPeriod
	}
	if p.Stats <= 0 {
		p.Stats = statsPeriod
	}
	return p
}

// scale is a usual period at this pace.
func (p Pace) scale(d time.Duration) time.Duration {
	if d >= slowPeriod {
		return time.Duration(float64(d) * float64(p.Slow) / float64(slowPeriod))
	}
	return time.Duration(float64(d) * float64(p.Every) / float64(basePeriod))
}

// Collector is a source of facts of its own: an admin interface, a probe, an API. One of a host is
// asked at a time, in a goroutine of its own; different ones may be asked at the same time.
type Collector struct {
	ID    string // "envoy.edge"; unique for the host
	Title string // "admin interface of envoy", for people
	Every time.Duration
	Fixed bool // Every is meant as it stands, whatever the pace of the host
	// While Watch is looked at, it is asked Faster times as often; 0 means no difference.
	Watch  hosts.Topic
	Faster int
	Limit  time.Duration // how long one call of Collect may take; 0 means 15 s
	// Collect reads. f is what was known when it was called and must not be changed. Failures are
	// evidence, too.
	Collect func(ctx context.Context, f *hosts.HostFacts) []hosts.Evidence
	// Apply puts one piece of its evidence into f, as collect.Apply does: f is a copy, what its
	// slices and maps hold is shared and must not be changed.
	Apply func(f *hosts.HostFacts, ev hosts.Evidence) error
	// Ready reports whether what the collector goes by is known; until then it is not asked. nil: always.
	Ready func(f *hosts.HostFacts) bool
	// Offline collectors do not need the host to be reached: a probe from this machine.
	Offline bool
	engine  bool // asks the Docker engine: not while there is none
}

// Linker is what keeps the connection to a host (a transport.Link).
type Linker interface {
	// State returns the state of the link at once.
	State() hosts.Link
	// SetMaintenance takes the host out of service with a reason: the link is closed and not tried
	// again. "" puts it back.
	SetMaintenance(reason string)
	// Kick has the next attempt to connect made now.
	Kick()
}

// Bell carries word of a changed link to the fleet; its Ring is made to be a transport's OnChange.
type Bell chan struct{}

// NewBell returns a Bell for one member.
func NewBell() Bell { return make(Bell, 1) }

// Ring never waits: what is heard is that something changed, the state itself is asked for.
func (b Bell) Ring(hosts.Link) {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Docker reads a Docker engine. Calls may come from several goroutines at once.
type Docker interface {
	// Containers lists all containers, inspected.
	Containers(ctx context.Context) ([]hosts.Container, error)
	Engine(ctx context.Context) (hosts.Engine, error)
	Images(ctx context.Context) ([]hosts.Image, error)
	// Stats samples the running containers with these IDs.
	Stats(ctx context.Context, ids []string) (map[string]hosts.Stats, error)
	// Events calls opened once the stream stands and emit for each event until the stream breaks.
	Events(ctx context.Context, opened func(), emit func(hosts.Event)) error
	// Evidence reads engine, containers and images once more, in the raw form of a capture, and with
	// samples, which take a while, those too. What else an engine tells comes from Collectors, a
	// method of Dockers that have them.
	Evidence(ctx context.Context, samples bool) []hosts.Evidence
}

// Params is what a Fleet is built with. Members, Now and Logger must be set.
type Params struct {
	Members []Member
	Now     func() time.Time
	Logger  *slog.Logger
	// Jitter returns numbers in [0,1) that spread the periods; nil spreads none.
	Jitter func() float64
	// Last is what was known when midwatch ended the last time: shown at once, marked as stale,
	// until a host answers. It may be nil.
	Last *hosts.Snapshot
}

// Periods that are not those of a collect.Section, at the usual pace.
const (
	basePeriod    = 5 * time.Second
	slowPeriod    = time.Minute
	listPeriod    = 30 * time.Second // containers, while events tell what happens in between
	blindPeriod   = 10 * time.Second // containers, without events
	watchedPeriod = 3 * time.Second  // containers, without events, when looked at
	enginePeriod  = 5 * time.Minute
	imagesPeriod  = time.Minute
	statsPeriod   = 2 * time.Second // only while looked at
	absentPeriod  = time.Minute     // an engine that is not there
)

// Bounds.
const (
	eventsKept  = 4000                   // events of the fleet in a snapshot
	burstKept   = 256                    // events of one engine that wait for their supervisor
	frame       = 50 * time.Millisecond  // how often Next wakes at most
	lazyPause   = 250 * time.Millisecond // routine news wait so long for the rest of their batch
	listPause   = 200 * time.Millisecond // between two lists that events asked for
	listSettles = 3 * time.Second        // after an event, until a list surely knows of it
	shellLate   = 30 * time.Second       // a shell batch is given up
	dockerLate  = 15 * time.Second       // a list of the engine is given up
	statsLate   = 10 * time.Second
	lateGrace   = 2 * time.Second // and after this it is not believed to come back
	firstRetry  = time.Second
	lastRetry   = time.Minute
	rideAlong   = 15 // base periods by which what wants root may come early
	loadShare   = 20 // a read may take at most 1/20 of its period
	trendWindow = 2 * hosts.SeriesLen
)
