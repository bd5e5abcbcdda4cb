package compose

import (
	"bytes"
	"slices"
	"strings"
)

// Options say how files are loaded.
type Options struct {
	Name string
	Env  map[string]string // the variables that files may use; nil when nothing is known of them
}

// Project is the files of a project, merged.
type Project struct {
	Name     string
	Files    []File
	Root     *Value
	Services []*Service // in the order of the files
	Volumes  []*Volume
	Networks []*Network
	Vars     []Var // every use of a variable in what was merged
	EnvKnown bool  // Options.Env was given: a variable that is not set there is not set
	Faults   []Fault
	// Open are things the files refer to that are not at hand: include, extends from other files.
	Open []Pos
}

// Service is one service. Root gives what has no field of its own.
type Service struct {
	Name  string
	Pos   Pos // where its key stands, in the first file that has it
	Root  *Value
	Image *Value // nil without one
	Build *Build
	Ports []Port
	// Mounts are the entries of volumes.
	Mounts    []Mount
	DependsOn []Dependency
	Env       []Env
	Profiles  []string
	// NetworkMode is network_mode: "host", "service:x", "none" …; "" for networks of the project.
	NetworkMode string
}

// Build is a build section.
type Build struct {
	Pos                 Pos
	Context, Dockerfile string
	Root                *Value
}

// Dependency is one entry of depends_on.
type Dependency struct {
	Pos       Pos
	Service   string
	Condition string // service_started by default
	Short     bool   // written as a plain name
	Required  bool
}

// Env is one variable of a service's environment.
type Env struct {
	Pos   Pos
	Key   string
	Value string // after interpolation
	Raw   string
	Bare  bool // only the name: passed on from the environment of compose
}

// Volume is a volume of the project.
type Volume struct {
	Name   string
	Pos    Pos
	Root   *Value
	Driver string
	Opts   map[string]*Value // driver_opts
}

// Network is a network of the project.
type Network struct {
	Name     string
	Pos      Pos
	External bool
	Root     *Value
}

// Load merges files in order, the later over the earlier.
func Load(files []File, o Options) *Project {
	p := &Project{Name: o.Name, Files: files, EnvKnown: o.Env != nil}
	e := &expander{env: o.Env}
	var root *Value
	for _, f := range files {
		v, fault := parse(f)
		if fault != nil {
			p.Faults = append(p.Faults, *fault)
			continue
		}
		e.walk(v)
		if v.Get("services") == nil {
			v = oldForm(v)
		}
		p.extend(v)
		root = merge(root, v, nil)
	}
	p.Vars = e.vars
	if root == nil {
		root = &Value{Kind: Map}
	}
	p.Root = root
	if n := root.Get("name").Str(); p.Name == "" {
		p.Name = n
	}
	p.read()
	return p
}

// oldForm lifts a file of the first version, whose services stand at the top.
func oldForm(v *Value) *Value {
	services := &Value{Kind: Map, Pos: v.Pos, KeyPos: v.Pos}
	out := &Value{Kind: Map, Pos: v.Pos}
	for i, k := range v.Keys {
		x := v.Items[i]
		if x.Kind == Map && !slices.Contains([]string{"volumes", "networks", "configs", "secrets"}, k) && (x.Has("image") || x.Has("build")) {
			services.set(k, x)
			continue
		}
		out.set(k, x)
	}
	if len(services.Keys) > 0 {
		out.set("services", services)
	}
	return out
}

// extend follows extends within one file; from others it is noted.
func (p *Project) extend(root *Value) {
	services := root.Get("services")
	if inc := root.Get("include"); inc != nil {
		p.Open = append(p.Open, inc.KeyPos)
	}
	if services == nil {
		return
	}
	for i := range services.Items {
		services.Items[i] = p.extended(services, services.Items[i], 0)
	}
}

func (p *Project) extended(services, s *Value, depth int) *Value {
	ext := s.Get("extends")
	if ext == nil || depth > 20 {
		return s
	}
	name := ext.Get("service").Str()
	if ext.Kind == Scalar {
		name = ext.Text
	}
	base := services.Get(name)
	if ext.Has("file") || base == nil || base == s {
		p.Open = append(p.Open, ext.Pos)
		return s
	}
	out := merge(p.extended(services, base, depth+1), s, []string{"services", name})
	out.Pos, out.KeyPos = s.Pos, s.KeyPos
	return out
}

func (p *Project) read() {
	each(p.Root.Get("services"), func(name string, v *Value) { p.Services = append(p.Services, newService(name, v)) })
	each(p.Root.Get("volumes"), func(name string, v *Value) {
		vol := &Volume{Name: name, Pos: v.KeyPos, Root: v, Driver: v.Get("driver").Str(), Opts: map[string]*Value{}}
		each(v.Get("driver_opts"), func(k string, x *Value) { vol.Opts[k] = x })
		p.Volumes = append(p.Volumes, vol)
	})
	each(p.Root.Get("networks"), func(name string, v *Value) {
		ext := v.Get("external")
		p.Networks = append(p.Networks, &Network{Name: name, Pos: v.KeyPos, Root: v, External: ext.Bool() || ext != nil && ext.Kind == Map})
	})
}

func each(v *Value, do func(key string, x *Value)) {
	if v == nil || v.Kind != Map {
		return
	}
	for i, k := range v.Keys {
		do(k, v.Items[i])
	}
}

func newService(name string, v *Value) *Service {
	s := &Service{Name: name, Pos: v.KeyPos, Root: v, Image: v.Get("image"), Profiles: v.Get("profiles").Strs(), NetworkMode: v.Get("network_mode").Str()}
	if b := v.Get("build"); b != nil && b.Kind != Null {
		s.Build = &Build{Pos: b.KeyPos, Context: b.Get("context").Str(), Dockerfile: b.Get("dockerfile").Str(), Root: b}
		if b.Kind == Scalar {
			s.Build.Context = b.Text
		}
	}
	for _, x := range v.Get("ports").List() {
		s.Ports = append(s.Ports, portsOf(x)...)
	}
	for _, x := range v.Get("volumes").List() {
		s.Mounts = append(s.Mounts, mountOf(x))
	}
	if d := v.Get("depends_on"); d != nil {
		s.DependsOn = dependencies(d)
	}
	if env := v.Get("environment"); env != nil {
		each(keyedMap(env), func(k string, x *Value) {
			s.Env = append(s.Env, Env{Pos: x.KeyPos, Key: k, Value: x.Str(), Raw: x.Raw, Bare: x.Kind == Null})
		})
	}
	return s
}

func dependencies(d *Value) []Dependency {
	var out []Dependency
	if d.Kind == List {
		for _, x := range d.Items {
			out = append(out, Dependency{Pos: x.Pos, Service: x.Str(), Condition: "service_started", Short: true, Required: true})
		}
		return out
	}
	each(d, func(name string, x *Value) {
		dep := Dependency{Pos: x.KeyPos, Service: name, Condition: "service_started", Required: true}
		if c := x.Get("condition"); c != nil {
			dep.Condition, dep.Pos = c.Str(), c.Pos
		}
		dep.Short = x.Kind == Null || !x.Has("condition")
		if r := x.Get("required"); r != nil {
			dep.Required = r.Bool()
		}
		out = append(out, dep)
	})
	return out
}

// Service returns the named service, or nil.
func (p *Project) Service(name string) *Service {
	for _, s := range p.Services {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Volume returns the named volume, or nil.
func (p *Project) Volume(name string) *Volume {
	for _, v := range p.Volumes {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// Line returns the text of a line, for evidence.
func (p *Project) Line(at Pos) string {
	for _, f := range p.Files {
		if f.Name != at.File {
			continue
		}
		text := f.Text
		for i := 1; i < at.Line; i++ {
			_, rest, ok := bytes.Cut(text, []byte("\n"))
			if !ok {
				return ""
			}
			text = rest
		}
		line, _, _ := bytes.Cut(text, []byte("\n"))
		return strings.TrimRight(string(line), "\r")
	}
	return ""
}

// Env returns a variable of the environment of a service.
func (s *Service) EnvVar(key string) (Env, bool) {
	for _, e := range s.Env {
		if e.Key == key {
			return e, true
		}
	}
	return Env{}, false
}

// Words gives a command or an entrypoint as words; a plain text is cut at blanks, quotes kept together,
// and ends where a shell would begin another command, because compose has no shell.
func (s *Service) Words(key string) []string {
	v := s.Root.Get(key)
	if v == nil {
		return nil
	}
	if v.Kind == List {
		return v.Strs()
	}
	return split(v.Str())
}

func split(s string) []string {
	var out []string
	var b strings.Builder
	quote, in := byte(0), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			b.WriteByte(c)
		case c == '\'' || c == '"':
			quote, in = c, true
		case strings.IndexByte(";&|<>", c) >= 0:
			i = len(s)
		case c == ' ' || c == '\t' || c == '\n':
			if in {
				out = append(out, b.String())
				b.Reset()
				in = false
			}
		default:
			in = true
			b.WriteByte(c)
		}
	}
	if in {
		out = append(out, b.String())
	}
	return out
}
