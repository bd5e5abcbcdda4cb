package lint

import (
	"time"

	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

// File is one file to look at.
type File struct {
	Path  string
	Text  []byte
	Error string // why it could not be read; Text is nothing then
}

// Looked says what became of a file.
type Looked struct {
	Path  string `json:"path"`
	Kind  Kind   `json:"kind"`
	Error string `json:"error"`
}

// Options say how files belong together.
type Options struct {
	Now   time.Time
	Merge bool   // the compose files are one project, in order
	Live  []File // compose files that are taken as running already
	// Env is the environment of compose files by their path, as .env beside them says; nil for none.
	Env func(path string) map[string]string
	// Context looks into the folder that an image is built from, beside the compose file; nil where there
	// is none.
	Context func(file string, b *compose.Build) *compose.Context
	// Include finds the files that an include of nginx in the file at from means, or nothing.
	Include func(from, include string) []File
}

// Load makes a world of files. A file that cannot be judged is named with its error and is in no
// answer.
func Load(files []File, o Options) (*checks.World, []Looked) {
	w := &checks.World{Now: o.Now}
	l := &loader{w: w, o: o, all: files}
	var looked []Looked
	var project []compose.File
	for _, f := range files {
		k := Looked{Path: f.Path, Kind: KindUnknown, Error: f.Error}
		if f.Error == "" {
			k.Kind = Detect(f.Text)
			switch k.Kind {
			case KindNginx:
				k.Error = l.nginx(f)
			case KindEnvoy:
				k.Error = l.envoy(f)
			case KindCompose:
				if k.Error = composeFault(f); k.Error == "" {
					if o.Merge {
						project = append(project, compose.File{Name: f.Path, Text: f.Text})
					} else {
						w.Compose = append(w.Compose, l.project([]compose.File{{Name: f.Path, Text: f.Text}}))
					}
				}
			default:
				k.Error = "neither nginx, compose nor Envoy: nothing here to judge it by"
			}
		}
		looked = append(looked, k)
	}
	if len(project) > 0 {
		w.Compose = append(w.Compose, l.project(project))
	}
	for _, f := range o.Live {
		if f.Error == "" && composeFault(f) == "" {
			w.Live = append(w.Live, l.project([]compose.File{{Name: f.Path, Text: f.Text}}))
		}
	}
	return w, looked
}

type loader struct {
	w   *checks.World
	o   Options
	all []File
}

// composeFault is the reason a compose file cannot be read.
func composeFault(f File) string {
	p := compose.Load([]compose.File{{Name: f.Path, Text: f.Text}}, compose.Options{})
	if len(p.Faults) > 0 {
		return p.Faults[0].Error()
	}
	return ""
}

func (l *loader) project(files []compose.File) *checks.Compose {
	var env map[string]string
	if l.o.Env != nil {
		env = l.o.Env(files[0].Name)
	}
	c := &checks.Compose{World: l.w, Project: compose.Load(files, compose.Options{Env: env}), Source: files[len(files)-1].Name}
	for _, s := range c.Project.Services {
		if s.Build == nil || s.Build.Remote() || l.o.Context == nil {
			continue
		}
		if x := l.o.Context(s.Build.Pos.File, s.Build); x != nil {
			if c.Contexts == nil {
				c.Contexts = map[string]*compose.Context{}
			}
			c.Contexts[s.Build.ContextKey()] = x
		}
	}
	return c
}

// envoy reads a /config_dump, or what /clusters or /listeners answered.
func (l *loader) envoy(f File) string {
	c, err := envoy.ParseConfigDump(f.Text)
	if err != nil {
		var other error
		if c, other = envoyPage(f.Text); other != nil || c == nil {
			return err.Error()
		}
	}
	lines := jsonLines(f.Text)
	l.w.Envoy = append(l.w.Envoy, &checks.Envoy{World: l.w, Config: c, Source: f.Path, LineOf: func(path string) int { return lines[path] }})
	return ""
}

// envoyPage makes a configuration of another admin page, as far as it tells; nil for none.
func envoyPage(text []byte) (*envoy.Config, error) {
	live, err := envoy.ParseClusters(text)
	if err != nil {
		return nil, err
	}
	c := &envoy.Config{}
	for _, s := range live {
		c.Clusters = append(c.Clusters, &envoy.Cluster{Name: s.Name, State: envoy.StateActive, Live: s, Path: s.Path})
	}
	listeners, err := envoy.ParseListeners(text)
	if err != nil || len(live)+len(listeners) == 0 {
		return nil, err
	}
	return c, nil
}

func (l *loader) nginx(f File) string {
	files, ok := read.SplitDump(f.Text)
	if !ok {
		files = []nginx.File{{Name: f.Path, Text: f.Text}}
	}
	c := l.included(files)
	if len(c.Root) == 0 {
		if len(c.Faults) > 0 {
			return c.Faults[0].Error()
		}
		return f.Path + ": no directive in it"
	}
	l.w.Nginx = append(l.w.Nginx, &checks.Nginx{World: l.w, Config: c, HTTP: nginx.NewHTTP(c), Source: f.Path})
	return ""
}

// maxIncluded bounds how many files includes may pull in.
const maxIncluded = 500

// included parses a configuration again as long as its includes bring files that were not there yet.
func (l *loader) included(files []nginx.File) *nginx.Config {
	means := map[string][]string{}
	resolve := func(include string) []string { return means[include] }
	c := read.ParseWith(files, resolve)
	if l.o.Include == nil {
		return c
	}
	for range 32 {
		grew := false
		for _, d := range includes(c) {
			key := d.Arg(0)
			if _, asked := means[key]; asked {
				continue
			}
			means[key] = nil
			for _, x := range l.o.Include(files[0].Name, key) {
				means[key] = append(means[key], x.Path)
				if !has(files, x.Path) && len(files) < maxIncluded {
					files, grew = append(files, nginx.File{Name: x.Path, Text: x.Text}), true
				}
			}
		}
		if !grew {
			return c
		}
		c = read.ParseWith(files, resolve)
	}
	return c
}

func has(files []nginx.File, name string) bool {
	for _, f := range files {
		if f.Name == name {
			return true
		}
	}
	return false
}

// includes lists the include directives of all files of a configuration.
func includes(c *nginx.Config) []*nginx.Directive {
	var out []*nginx.Directive
	var walk func(ds []*nginx.Directive)
	walk = func(ds []*nginx.Directive) {
		for _, d := range ds {
			if d.Name == "include" && len(d.Args) == 1 {
				out = append(out, d)
			}
			walk(d.Block)
		}
	}
	for _, f := range c.Files {
		walk(c.PerFile[f.Name])
	}
	return out
}
