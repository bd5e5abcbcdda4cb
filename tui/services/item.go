package services

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/themes"
	"midwatch/tui/ui"
)

// item is one row: a unit, a service or a node of a Swarm, or a host whose units are not known. At
// most one of u, v and n is set.
type item struct {
	h     *hosts.HostFacts
	u     *hosts.Unit
	v     *hosts.SwarmService
	n     *hosts.SwarmNode
	tasks []hosts.SwarmTask // of the service, or on the node
	why   string            // of a row that stands for what is unknown

	judged
	key     string // the row's identity in the table
	group   string // without its host
	place   string // with it
	now     time.Time
	stale   bool
	quiet   bool   // left out unless all is asked for
	headed  bool   // stands under a heading that names its host
	version uint64 // changes when the row looks different under the same heading
}

// name is what the row is called; an instance of a template loses only its type.
func (it *item) name() string {
	switch {
	case it.u != nil:
		return ui.Clean(strings.TrimSuffix(it.u.Name, ".service"))
	case it.v != nil:
		return ui.Clean(it.v.Name)
	case it.n != nil:
		return ui.Clean(it.n.Hostname)
	}
	return "units"
}

// id is the row's identity in the table.
func (it *item) id() string {
	h := it.h.Host.Name
	switch {
	case it.u != nil:
		return h + "/unit/" + it.u.Name
	case it.v != nil:
		return h + "/service/" + it.v.ID
	case it.n != nil:
		return h + "/node/" + it.n.ID
	}
	return h + "/"
}

// is reports whether the item is what OpenMsg.Object names.
func (it *item) is(object string) bool {
	switch {
	case it.u != nil:
		return it.u.Name == object || it.u.Name == object+".service"
	case it.v != nil:
		return it.v.ID == object || it.v.Name == object
	case it.n != nil:
		return it.n.ID == object || it.n.Hostname == object
	}
	return false
}

// asOf is the moment the item's facts are true for.
func (it *item) asOf() time.Time {
	if it.v != nil || it.n != nil {
		return ui.AsOf(it.h, it.h.Swarm, it.now)
	}
	return ui.AsOf(it.h, it.h.Units, it.now)
}

// since is when the state began; zero when that is not known.
func (it *item) since() time.Time {
	switch {
	case it.u != nil:
		return it.u.Since
	case it.v != nil:
		return it.v.Updated
	}
	return time.Time{}
}

// hasher makes the versions of rows. Facts are never changed, so where a fact lies and when it was
// read stand for all it says.
type hasher struct{ h maphash.Hash }

func (x *hasher) version(it *item) uint64 {
	x.h.Reset()
	maphash.WriteComparable(&x.h, [...]any{it.h, it.u, it.v, it.n, it.h.Units.At, it.h.Swarm.At, it.bad, it.stale})
	_, _ = x.h.WriteString(it.text) // never fails
	_, _ = x.h.WriteString(it.note)
	_, _ = x.h.WriteString(ui.AgeOf(it.since(), it.now))
	return x.h.Sum64()
}

// build makes the items of one host.
type build struct {
	st    *themes.Styles
	now   time.Time
	items []item
}

// units adds the units of a host, or the row that says why they are not known.
func (b *build) units(h *hosts.HostFacts) {
	if h.Host.Kind == hosts.KindDocker {
		return // an engine without a host: there are no units to know
	}
	if !h.Units.Known() {
		it := item{h: h, now: b.now, stale: true, group: "units", why: ui.WhyUnknown(h, h.Units)}
		it.judged = judged{word{"unknown", b.st.Glyphs.Unknown, themes.Unknown}, uncertain, it.why}
		if h.Units.Standing() == hosts.Unasked && h.Link.State <= hosts.StateConnected {
			it.judged = judged{word{"reading", b.st.Glyphs.Pending, themes.Info}, fine, it.why}
		}
		b.put(it)
		return
	}
	from, stale := len(b.items), ui.Old(h, h.Units)
	groups := targetsOf(h.Units.Value)
	for i := range h.Units.Value {
		u := &h.Units.Value[i]
		it := item{h: h, u: u, now: b.now, stale: stale, group: groups.of(u)}
		it.judged = judgeUnit(b.st, u, it.asOf())
		it.quiet = quiet(u, groups) && it.bad == fine
		b.add(it)
	}
	slices.SortStableFunc(b.items[from:], func(x, y item) int {
		return cmp.Or(cmp.Compare(groups.rank(x.group), groups.rank(y.group)), cmp.Compare(x.group, y.group), compareNames(x.name(), y.name()))
	})
}

// add adds an item whose facts tell what it is; what is stale is marked.
func (b *build) add(it item) {
	it.note = ui.Clean(it.note)
	if it.stale {
		if it.u != nil && it.u.Draining() {
			it.text, it.note = "draining", "" // how long still is not known now
		}
		it.word = it.aged(b.st)
		it.bad = max(it.bad, uncertain)
	}
	b.put(it)
}

func (b *build) put(it item) {
	it.key, it.place = it.id(), ui.Clean(it.h.Host.Name)+" / "+ui.Clean(it.group)
	b.items = append(b.items, it)
}

// managersOf picks, for each Swarm, the one manager whose word is taken: one that is connected and
// was read last.
func managersOf(snap *hosts.Snapshot, open ui.OpenMsg) map[string]bool {
	best := map[string]*hosts.HostFacts{}
	for _, h := range snap.Hosts {
		if !h.Swarm.Value.Manager || open.Narrows(h.Host.Name) {
			continue
		}
		id := cmp.Or(h.Swarm.Value.ClusterID, h.Host.Name)
		old := best[id]
		if old == nil || ui.Old(old, old.Swarm) && (!ui.Old(h, h.Swarm) || h.Swarm.At.After(old.Swarm.At)) {
			best[id] = h
		}
	}
	out := map[string]bool{}
	for _, h := range best {
		out[h.Host.Name] = true
	}
	return out
}

// swarm adds the services and nodes a manager tells of.
func (b *build) swarm(h *hosts.HostFacts) {
	s, stale := &h.Swarm.Value, ui.Old(h, h.Swarm)
	of, on := map[string][]hosts.SwarmTask{}, map[string][]hosts.SwarmTask{}
	for _, t := range s.Tasks {
		of[t.Service] = append(of[t.Service], t)
		on[t.Node] = append(on[t.Node], t)
	}
	from := len(b.items)
	for i := range s.Services {
		v := &s.Services[i]
		it := item{h: h, v: v, now: b.now, stale: stale, group: "swarm " + cmp.Or(v.Stack, "services"), tasks: of[v.Name]}
		it.judged = judgeService(b.st, v, it.tasks)
		b.add(it)
	}
	slices.SortStableFunc(b.items[from:], func(x, y item) int {
		return cmp.Or(cmp.Compare(x.group, y.group), compareNames(x.name(), y.name()))
	})
	for i := range s.Nodes {
		n := &s.Nodes[i]
		it := item{h: h, n: n, now: b.now, stale: stale, group: "swarm nodes", tasks: on[n.Hostname]}
		it.judged = judgeNode(b.st, n)
		b.add(it)
	}
}

// compareNames orders names with numbers the way people do: worker@2 before worker@10.
func compareNames(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			x, y := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
