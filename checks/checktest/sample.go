package checktest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"

	"midwatch/checks"
	"midwatch/checks/compose"
	"midwatch/checks/lint"
	"midwatch/hosts"
	"midwatch/hosts/collect"
	"midwatch/hosts/envoy"
	"midwatch/hosts/nginx"
	"midwatch/hosts/nginx/read"
)

// sample is one file of samples: the world it makes and what is expected of it.
type sample struct {
	world *checks.World
	// lines are the lines marked "# want", with the severity where one is said.
	lines map[int]string
	marks bool // lines say what is expected; else want does
	want  []string
}

func load(file string, text []byte) (*sample, error) {
	if filepath.Ext(file) == ".txtar" {
		return loadArchive(txtar.Parse(text))
	}
	s := &sample{lines: map[int]string{}, marks: true}
	for i, line := range strings.Split(string(text), "\n") {
		if _, mark, ok := strings.Cut(line, "# want"); ok {
			s.lines[i+1] = strings.TrimSpace(mark)
		}
	}
	var err error
	s.world, err = lintWorld([]lint.File{{Path: filepath.Base(file), Text: text}}, lint.Options{Now: now})
	return s, err
}

func lintWorld(files []lint.File, o lint.Options) (*checks.World, error) {
	w, looked := lint.Load(files, o)
	for _, k := range looked {
		if k.Error != "" {
			return nil, fmt.Errorf("%s: %s", k.Path, k.Error)
		}
	}
	return w, nil
}

func loadArchive(a *txtar.Archive) (*sample, error) {
	s := &sample{}
	files := map[string][]byte{}
	for _, f := range a.Files {
		if f.Name == "want" {
			for line := range strings.Lines(string(f.Data)) {
				if line = strings.TrimSpace(line); line != "" {
					s.want = append(s.want, line)
				}
			}
			continue
		}
		files[f.Name] = f.Data
	}
	for line := range strings.Lines(string(a.Comment)) {
		if args := strings.Fields(line); len(args) > 1 && args[0] == "lint" {
			var err error
			s.world, err = lintArchive(args[1:], files)
			return s, err
		}
	}
	snap, err := Snapshot(a)
	if err != nil {
		return nil, err
	}
	s.world = checks.FromSnapshot(snap)
	return s, nil
}

func lintArchive(args []string, files map[string][]byte) (*checks.World, error) {
	o := lint.Options{Now: now}
	var list []lint.File
	live := false
	for _, a := range args {
		switch {
		case a == "--merge":
			o.Merge = true
		case a == "--live":
			live = true
		default:
			text, ok := files[a]
			if !ok {
				return nil, fmt.Errorf("the archive has no %s", a)
			}
			if live {
				o.Live = append(o.Live, lint.File{Path: a, Text: text})
			} else {
				list = append(list, lint.File{Path: a, Text: text})
			}
			live = false
		}
	}
	o.Include = func(_, include string) []lint.File {
		if text, ok := files[path.Base(include)]; ok {
			return []lint.File{{Path: path.Base(include), Text: text}}
		}
		return nil
	}
	o.Context = func(_ string, b *compose.Build) *compose.Context { return buildContext(b, files) }
	o.Env = func(string) map[string]string {
		text, ok := files[".env"]
		if !ok {
			return nil
		}
		return lint.ParseEnv(string(text))
	}
	return lintWorld(list, o)
}

// buildContext is the folder of a build in the archive.
func buildContext(b *compose.Build, files map[string][]byte) *compose.Context {
	dir := path.Clean(b.Context)
	x := &compose.Context{Dir: dir, Dockerfile: string(files[path.Join(dir, cmp.Or(b.Dockerfile, "Dockerfile"))])}
	if x.Dockerfile == "" {
		return nil
	}
	if text, ok := files[path.Join(dir, ".dockerignore")]; ok {
		x.Ignore, x.IgnoreFile = string(text), ".dockerignore"
	}
	for name := range files {
		if rest, ok := strings.CutPrefix(path.Clean(name), strings.TrimPrefix(dir+"/", "./")); ok && strings.HasPrefix(path.Base(rest), ".env") {
			x.EnvFiles = append(x.EnvFiles, rest)
		}
	}
	slices.Sort(x.EnvFiles)
	return x
}

// Snapshot makes the snapshot that an archive without "lint" describes; see the package comment.
func Snapshot(a *txtar.Archive) (*hosts.Snapshot, error) {
	snap := &hosts.Snapshot{At: now, Gen: 1}
	byName := map[string]*hosts.HostFacts{}
	composed := map[string]map[string]hosts.ComposeFile{}
	host := func(name string) *hosts.HostFacts {
		if byName[name] == nil {
			f, _ := Facts(name, "")
			byName[name] = f
			snap.Hosts = append(snap.Hosts, f)
			composed[name] = map[string]hosts.ComposeFile{}
		}
		return byName[name]
	}
	for _, f := range a.Files {
		name, rest, ok := strings.Cut(f.Name, "/")
		if f.Name == "asked.yml" {
			if err := askedFacts(snap, f.Data); err != nil {
				return nil, err
			}
		}
		if !ok {
			continue
		}
		h := host(name)
		base, container, _ := strings.Cut(strings.TrimSuffix(rest, path.Ext(rest)), "@")
		switch {
		case rest == "facts.yml":
			facts, err := Facts(name, string(f.Data))
			if err != nil {
				return nil, err
			}
			*h = *facts
		case base == "nginx":
			h.Nginx.Value = append(h.Nginx.Value, nginxFacts(container, rest, f.Data))
		case base == "envoy":
			c, err := envoy.ParseConfigDump(f.Data)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			h.Envoy.Value = append(h.Envoy.Value, hosts.Envoy{Admin: "127.0.0.1:9901", Container: container, Config: c})
		case base == "envoy-clusters" || base == "envoy-stats":
			if err := envoyPage(h, base, container, f.Data); err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
		case strings.HasPrefix(rest, "compose/"):
			p := "/srv/" + strings.TrimPrefix(rest, "compose/")
			composed[name][p] = hosts.ComposeFile{Path: p, Text: string(f.Data), MTime: now.AddDate(0, -1, 0)}
		}
	}
	for name, files := range composed {
		addProjects(byName[name], files)
	}
	return snap, nil
}

// envoyPage adds what another admin page said to the Envoy before it.
func envoyPage(h *hosts.HostFacts, page, container string, data []byte) error {
	for i := range h.Envoy.Value {
		e := &h.Envoy.Value[i]
		if e.Container != container {
			continue
		}
		if page == "envoy-stats" {
			return json.Unmarshal(data, &e.Stats)
		}
		live, err := envoy.ParseClusters(data)
		e.Config.Join(live)
		return err
	}
	return errors.New("its config dump must stand before it")
}

func nginxFacts(container, file string, text []byte) hosts.Nginx {
	n := hosts.Nginx{Container: container, Config: read.Parse([]nginx.File{{Name: file, Text: text}})}
	n.HTTP = nginx.NewHTTP(n.Config)
	n.Version = read.Version(strings.Replace(strings.TrimPrefix(strings.SplitN(string(text), "\n", 2)[0], "# "), "nginx ", "nginx/", 1))
	n.HTTP.Version = n.Version
	return n
}

// addProjects joins compose files with the containers that name them, as the collector does; files no
// container names make a project of their folder.
func addProjects(h *hosts.HostFacts, files map[string]hosts.ComposeFile) {
	if len(files) == 0 {
		return
	}
	list := append([]hosts.Container(nil), h.Containers.Value...)
	have := map[string]bool{}
	for _, c := range list {
		have[c.Labels["com.docker.compose.project"]] = true
	}
	labels := map[string]string{}
	for p := range files {
		dir := path.Base(path.Dir(p))
		if !have[dir] {
			labels[dir] = strings.TrimPrefix(labels[dir]+","+p, ",")
		}
	}
	for dir, names := range labels {
		list = append(list, hosts.Container{Name: dir, Labels: map[string]string{
			"com.docker.compose.project": dir, "com.docker.compose.project.config_files": names, "com.docker.compose.project.working_dir": "/srv/" + dir,
		}})
	}
	h.Compose.Value = append(h.Compose.Value, collect.JoinCompose(files, list)...)
}
