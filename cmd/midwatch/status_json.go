package main

import (
	"slices"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/fleet"
)

const jsonText = `Documents of --json are stable: keys are added, never renamed or given another meaning. Times are
RFC 3339, sizes bytes, durations seconds. What is not known is null, never zero.

midwatch status --json

  at           when the document was made
  complete     every host was reached and said everything (hosts in maintenance aside)
  verdict      the fleet in one line
  hosts[]
    name, address, kind, groups[], labels{}, environment, production
    state      pending, connected, disconnected, error, maintenance
    reason     why it is not connected; "" while it is
    since      when it entered the state
    via        how it is reached; warning: what is wrong with the way (a host key that is not verified)
    age        of the newest fact
    load[3], cpus, uptime, memory{total,available,used_percent}
    disks[]    mount, device, type, size, used, available, used_percent, inodes_percent, problem
    containers[] name, id, image, state, health, status, restarts, exit, project, service
    containers_up, containers_total
    failed_units[]
    failing[]  kind (host, unit, unhealthy, restarting, dead, disk, stale), severity (warning, error,
               critical), object, text
    unknown[]  part, reason, needs: what could not be read

With --watch one such document follows another.

midwatch check --json

  at
  findings[]   check, severity (critical, error, warning, info), title, host, object, file, line,
               evidence[]{source, text}, why, fix, verify, status (finding, or unknown with the reason
               as its title)
  checks[]     how often each check answered findings, ok, unknown, skipped, muted
  muted[]      findings with reason and until
  new[], gone[]  findings that came and went since the capture of --since; null without it

midwatch check --list --json  [{id, title, severity, area, on, diagnoses[]}]

midwatch lint --json

  files[]      path, kind (nginx, compose, envoy, or "" when it is neither), error
  findings[]   as above

midwatch logs --json

  One object a line: time, host, kind (container, unit, journal, file), name, source, level, stderr, text.

midwatch logs --list --json   [{source, host, kind, name}]
midwatch hosts test --json

  A list of name, kind, skipped (the reason of its maintenance), reached, reason, via, seconds,
  login{method, host_key, host_key_state, server}, user{name, uid, groups[]}, systemd, notes[], and
  sudo, docker, journal: {works, promised (by the inventory), detail, needs}, null where not asked.

midwatch trace URL --json

  url          as it was asked for
  verdict      one sentence: "reaches …", "broken at …" or "unknown at …", with the reason
  hops[]       in the order of the way; every hop has
    kind       dns, address, port, container, listener, filter chain, virtual host, route, cluster,
               endpoint, server, location, upstream, router, service, socket, unit, process, static,
               redirect, response
    host       of the inventory; "" before the request has reached one
    object     what takes the request there: a name, an address, a path
    file, line where the configuration says so; "" and 0 where it stands in no file
    match      why this one
    target     what it goes on to; "" at the end
    status     ok, broken, unknown
    detail     what is wrong, or what there is to know
    and, only where there is something:
    container  the one whose proxy decided
    path       JSON path in the answer of an API, in place of file and line
    passes[]   name, value: what is passed on (headers, timeouts, buffering)
    live       what the hop answered, with --live

midwatch capture FILE --json   {file, at, hosts[] (their names), evidence (how many pieces)}
midwatch diff --json

  changes[]    host, kind (host, container, image, unit, port, route, mount, volume, file, service),
               object, op (added, removed, changed, unknown), and where it applies field, before, after

midwatch hosts trust --json      [{host, trusted, error, keys[]{algorithm, fingerprint, state, against}}]
midwatch audit --json            one record a line
midwatch audit --verify --json   {whole, records, head, torn, open[], faults[], runs[]{run, records, head, torn, fault}}
midwatch version --json       {version, commit, time, modified, go, os, arch}`

// statusJSON is the document of "midwatch status --json"; jsonText describes it.
type statusJSON struct {
	At       time.Time        `json:"at"`
	Complete bool             `json:"complete"`
	Verdict  string           `json:"verdict"`
	Hosts    []hostStatusJSON `json:"hosts"`
}

type hostStatusJSON struct {
	Name        string            `json:"name"`
	Address     string            `json:"address,omitempty"`
	Kind        string            `json:"kind"`
	Groups      []string          `json:"groups"`
	Labels      map[string]string `json:"labels"`
	Environment string            `json:"environment,omitempty"`
	Production  bool              `json:"production"`

	State   string     `json:"state"`
	Reason  string     `json:"reason"`
	Since   *time.Time `json:"since"`
	Via     string     `json:"via,omitempty"`
	Warning string     `json:"warning,omitempty"`
	Age     *float64   `json:"age"`

	Load   *[3]float64 `json:"load"`
	CPUs   *int        `json:"cpus"`
	Uptime *float64    `json:"uptime"`
	Memory *memoryJSON `json:"memory"`

	Disks           []diskJSON      `json:"disks"`
	Containers      []containerJSON `json:"containers"`
	ContainersUp    *int            `json:"containers_up"`
	ContainersTotal *int            `json:"containers_total"`
	FailedUnits     []string        `json:"failed_units"`

	Failing []problemJSON `json:"failing"`
	Unknown []gapJSON     `json:"unknown"`
}

type memoryJSON struct {
	Total       uint64 `json:"total"`
	Available   uint64 `json:"available"`
	UsedPercent int    `json:"used_percent"`
}

type diskJSON struct {
	Mount         string `json:"mount"`
	Device        string `json:"device"`
	Type          string `json:"type"`
	Size          uint64 `json:"size"`
	Used          uint64 `json:"used"`
	Available     uint64 `json:"available"`
	UsedPercent   int    `json:"used_percent"`
	InodesPercent int    `json:"inodes_percent"`
	Problem       string `json:"problem,omitempty"`
}

type containerJSON struct {
	Name     string `json:"name"`
	ID       string `json:"id"`
	Image    string `json:"image"`
	State    string `json:"state"`
	Health   string `json:"health"`
	Status   string `json:"status"`
	Restarts int    `json:"restarts"`
	Exit     int    `json:"exit"`
	Project  string `json:"project,omitempty"`
	Service  string `json:"service,omitempty"`
}

type problemJSON struct {
	Kind     string `json:"kind"`
	Severity string `json:"severity"`
	Object   string `json:"object,omitempty"`
	Text     string `json:"text"`
}

type gapJSON struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
	Needs  string `json:"needs,omitempty"`
}

// statusOf makes the document of a snapshot.
func statusOf(snap *hosts.Snapshot, names []string, now time.Time) statusJSON {
	some := only(snap, names)
	v := fleet.Judge(some, now)
	doc := statusJSON{
		At: now, Verdict: v.String(), Hosts: []hostStatusJSON{},
		Complete: v.Complete() && v.Connected+v.Maintenance == v.Hosts,
	}
	for _, h := range some.Hosts {
		doc.Hosts = append(doc.Hosts, hostStatusOf(h, now))
	}
	return doc
}

func hostStatusOf(h *hosts.HostFacts, now time.Time) hostStatusJSON {
	r := fleet.Summary(h, now)
	out := hostStatusJSON{
		Name: h.Host.Name, Address: h.Host.Address, Kind: h.Host.Kind.String(), Groups: orEmpty(h.Host.Groups), Labels: h.Host.Labels,
		Environment: h.Host.Environment, Production: h.Host.Production,
		State: h.Link.State.String(), Reason: h.Link.Reason, Via: h.Link.Via, Warning: h.Link.Warning,
		Failing: []problemJSON{}, Unknown: []gapJSON{},
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if !h.Link.Since.IsZero() {
		out.Since = &h.Link.Since
	}
	if r.Known {
		out.Age = seconds(r.Age)
	}
	if h.System.Known() {
		s := h.System.Value
		out.Load, out.CPUs, out.Uptime = &s.Load, &s.CPUs, seconds(s.Uptime)
		out.Memory = &memoryJSON{s.MemTotal, s.MemAvailable, max(r.Memory, 0)}
	}
	if h.Disks.Known() {
		out.Disks = []diskJSON{}
		for _, d := range h.Disks.Value {
			out.Disks = append(out.Disks, diskJSON{d.Mount, d.Device, d.FSType, d.Size, d.Used, d.Avail, d.UsedPercent(), d.InodePercent(), d.Problem})
		}
	}
	if h.Containers.Known() {
		out.Containers = containersOf(h.Containers.Value)
		out.ContainersUp, out.ContainersTotal = &r.Up, &r.Total
	}
	if h.Units.Known() {
		out.FailedUnits = []string{}
		for i := range h.Units.Value {
			if h.Units.Value[i].Active == "failed" {
				out.FailedUnits = append(out.FailedUnits, h.Units.Value[i].Name)
			}
		}
	}
	for _, p := range r.Failing {
		out.Failing = append(out.Failing, problemJSON{p.Kind, p.Severity.String(), p.Object, p.Text})
	}
	for _, g := range r.Unknown {
		out.Unknown = append(out.Unknown, gapJSON{g.Part, g.Reason, g.Needs})
	}
	return out
}

func containersOf(list []hosts.Container) []containerJSON {
	out := make([]containerJSON, 0, len(list))
	for i := range list {
		c := &list[i]
		out = append(out, containerJSON{c.Name, c.ID, c.Image, c.State, c.Health.String(), c.Status, c.Restarts, c.Exit, c.Project, c.Service})
	}
	return out
}

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return slices.Clone(s)
}
