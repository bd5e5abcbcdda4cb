package checks

import (
	"strconv"
	"sync"
	"time"

	"midwatch/checks/compose"
	"midwatch/hosts"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
)

// World is all that checks are asked about. It is made by FromSnapshot, or by checks/lint from files,
// and not changed after that.
type World struct {
	Now      time.Time
	Snapshot *hosts.Snapshot // nil for files
	Hosts    []*Host
	Nginx    []*Nginx
	Compose  []*Compose
	Envoy    []*Envoy
	// Live are compose projects that somebody says are running already (lint --live).
	Live []*Compose

	byName map[string]*Host
	once   sync.Map
}

// Once gives what make gives, made one time for this world: for joins over the whole fleet that
// several checks or subjects need. The key is a type of the caller's own.
func (w *World) Once(key any, make func() any) any {
	f, ok := w.once.Load(key)
	if !ok {
		f, _ = w.once.LoadOrStore(key, sync.OnceValue(make))
	}
	return f.(func() any)()
}

// Host is one host of the snapshot.
type Host struct {
	*hosts.HostFacts
	Name  string
	World *World
}

// Host returns the named host, or nil.
func (w *World) Host(name string) *Host { return w.byName[name] }

// Container returns the container of that name or ID, or nil. It may be asked of no host.
func (h *Host) Container(name string) *hosts.Container {
	if h == nil || name == "" {
		return nil
	}
	for i := range h.Containers.Value {
		if c := &h.Containers.Value[i]; c.Name == name || c.ID == name {
			return c
		}
	}
	return nil
}

// LogSymptoms are what the logs of the host and of its containers say of a known trouble, by its id in
// hosts/logline. Nothing is said where no log was read: list NeedSymptoms or NeedLogs.
func (h *Host) LogSymptoms(id string) []hosts.Symptom {
	if h == nil {
		return nil
	}
	var out []hosts.Symptom
	for _, list := range [...][]hosts.Symptom{h.ContainerSymptoms.Value, h.Symptoms.Value} {
		for _, s := range list {
			if s.ID == id {
				out = append(out, s)
			}
		}
	}
	return out
}

// Spoken gives a finding about what a log says, with its latest line as evidence.
func (h *Host) Spoken(s hosts.Symptom) Finding {
	object := "unit " + s.Source.Name
	switch s.Source.Kind {
	case hosts.LogContainer:
		object = "container " + s.Source.Name
	case hosts.LogJournal:
		object = "journal"
		if s.Source.Name != "" {
			object = "journal of " + s.Source.Name
		}
	}
	return Finding{Object: object, Key: s.ID, Evidence: []Evidence{{Source: "log of " + object + ", " + times(s.Count) + " in 30 minutes", Text: s.Line, Host: h.Name, At: s.Last}}}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return strconv.Itoa(n) + " times"
}

// Find gives a finding about an object of the host, with what was read as evidence: the part it came
// from and a text.
func (h *Host) Find(object string, from Need, text string) Finding {
	p := h.Part(from)
	return Finding{Host: h.Name, Object: object, Evidence: []Evidence{{Source: p.Source, Text: text, Host: h.Name, At: p.At}}}
}

// Nginx is one nginx configuration: of a host, of a container, or of files.
type Nginx struct {
	World     *World
	Host      *Host  // nil for files
	Container string // name; "" for the host's own
	Config    *nginx.Config
	HTTP      *nginx.HTTP
	Notes     []string // what nginx printed beside the configuration
	Source    string   // "nginx -T", or the file
	ReadAt    time.Time
	Unread    string // why it cannot be judged; Config and HTTP are nil then
	Needs     string
}

// Name is what the nginx is called in answers.
func (n *Nginx) Name() string {
	switch {
	case n.Host == nil:
		return n.Source
	case n.Container != "":
		return "nginx[" + n.Container + "]"
	}
	return "nginx"
}

// At gives a finding at a directive, with its line as evidence; object says whose it is.
func (n *Nginx) At(d *nginx.Directive, object string) Finding {
	return Finding{Object: object, File: d.File, Line: d.Line, Evidence: []Evidence{n.Line(d)}}
}

// Line is the line of a directive as evidence.
func (n *Nginx) Line(d *nginx.Directive) Evidence {
	text := n.Config.Line(d.File, d.Line)
	if text == "" {
		text = d.String()
	}
	return Evidence{Source: d.At(), Text: text}
}

// Compose is one compose project: of a host, or of files.
type Compose struct {
	World    *World
	Host     *Host // nil for files
	Project  *compose.Project
	Deployed *hosts.ComposeProject // what runs of it; nil for files
	// Contexts are the folders that images are built from, by Build.ContextKey; nil when nobody looked.
	Contexts map[string]*compose.Context
	Source   string
	ReadAt   time.Time
	Unread   string
	Needs    string
}

// Name is what the project is called in answers.
func (c *Compose) Name() string {
	if c.Host == nil {
		return c.Source
	}
	return "project " + c.Deployed.Name
}

// At gives a finding at a place in a file, with its line as evidence; object says whose it is
// ("service web").
func (c *Compose) At(p compose.Pos, object string) Finding {
	return Finding{Object: object, File: p.File, Line: p.Line, Evidence: []Evidence{c.Line(p)}}
}

// Line is a line of a file as evidence.
func (c *Compose) Line(p compose.Pos) Evidence {
	return Evidence{Source: p.String(), Text: c.Project.Line(p)}
}

// Envoy is one Envoy: of a host, or a dump in a file.
type Envoy struct {
	World  *World
	Host   *Host // nil for files
	Facts  *hosts.Envoy
	Config *envoy.Config
	Source string // the admin page, or the file
	ReadAt time.Time
	Unread string
	Needs  string
	// LineOf gives the line of a JSON path in the file; nil for what an admin interface said.
	LineOf func(path string) int
}

// Name is what the Envoy is called in answers.
func (e *Envoy) Name() string {
	switch {
	case e.Host == nil:
		return e.Source
	case e.Facts.Container != "":
		return "envoy[" + e.Facts.Container + "]"
	}
	return "envoy " + e.Facts.Admin
}

// At gives a finding at a place of the dump, in the notation of jq; text is what stands there.
func (e *Envoy) At(path, object, text string) Finding {
	f := Finding{Object: object, Path: path, Evidence: []Evidence{{Source: e.Source + " " + path, Text: text}}}
	if e.Host == nil {
		f.File = e.Source
		if e.LineOf != nil {
			f.Line = e.LineOf(path)
		}
	}
	return f
}
