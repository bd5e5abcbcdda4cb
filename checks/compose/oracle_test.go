package compose

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/sirupsen/logrus"
)

// TestMain keeps compose-go's warnings out of the output.
func TestMain(m *testing.M) {
	logrus.SetOutput(io.Discard)
	m.Run()
}

// oracle is what docker compose itself makes of the files.
func oracle(files []File, env map[string]string) (*types.Project, error) {
	d := types.ConfigDetails{WorkingDir: "/", Environment: env}
	for _, f := range files {
		d.ConfigFiles = append(d.ConfigFiles, types.ConfigFile{Filename: f.Name, Content: f.Text})
	}
	return loader.LoadWithContext(context.Background(), d, func(o *loader.Options) {
		o.SkipInclude, o.SkipResolveEnvironment, o.SkipConsistencyCheck = true, true, true
		o.SkipExtends, o.ResolvePaths = true, false
		o.Profiles = []string{"*"}
		o.SetProjectName("p", true)
	})
}

// ours and theirs write a project the same way, so that a difference shows as a line.
func ours(p *Project) string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, s := range p.Services {
		say("%s image %s", s.Name, s.Image.Str())
		for _, x := range s.Ports {
			pub := strconv.Itoa(x.Published)
			switch {
			case x.Published == 0:
				pub = ""
			case x.PublishedTo != 0:
				pub += "-" + strconv.Itoa(x.PublishedTo)
			}
			say("%s port %s:%s:%d/%s", s.Name, x.HostIP, pub, x.Target, x.Proto)
		}
		for _, m := range s.Mounts {
			source := m.Source
			if m.Type == "bind" && !strings.HasPrefix(source, "/") {
				source = "(path)"
			}
			say("%s mount %s %s %s ro=%v", s.Name, m.Type, source, m.Target, m.ReadOnly)
		}
		for _, d := range s.DependsOn {
			say("%s needs %s %s", s.Name, d.Service, d.Condition)
		}
		for _, e := range s.Env {
			v := e.Value
			if e.Bare {
				v = "(bare)"
			}
			say("%s env %s=%s", s.Name, e.Key, v)
		}
		say("%s command %q", s.Name, s.Words("command"))
		say("%s test %q", s.Name, plainTest(s.Root.Get("healthcheck", "test").Strs()))
		say("%s restart %s", s.Name, s.Root.Get("restart").Str())
		say("%s network_mode %s", s.Name, s.NetworkMode)
	}
	for _, v := range p.Volumes {
		say("volume %s type=%s", v.Name, v.Opts["type"].Str())
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "\n")
}

// plainTest writes the shell form of a health check as a plain text.
func plainTest(test []string) []string {
	if len(test) == 2 && test[0] == "CMD-SHELL" {
		return test[1:]
	}
	return test
}

func theirs(p *types.Project) string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, s := range p.Services {
		say("%s image %s", s.Name, s.Image)
		for _, x := range s.Ports {
			say("%s port %s:%s:%d/%s", s.Name, x.HostIP, x.Published, x.Target, x.Protocol)
		}
		for _, m := range s.Volumes {
			source := m.Source
			if m.Type == "bind" && !strings.HasPrefix(source, "/") {
				source = "(path)"
			}
			say("%s mount %s %s %s ro=%v", s.Name, m.Type, source, m.Target, m.ReadOnly)
		}
		for name, d := range s.DependsOn {
			say("%s needs %s %s", s.Name, name, d.Condition)
		}
		for k, v := range s.Environment {
			text := "(bare)"
			if v != nil {
				text = *v
			}
			say("%s env %s=%s", s.Name, k, text)
		}
		say("%s command %q", s.Name, []string(s.Command))
		var test []string
		if s.HealthCheck != nil {
			test = plainTest(s.HealthCheck.Test)
		}
		say("%s test %q", s.Name, test)
		say("%s restart %s", s.Name, s.Restart)
		say("%s network_mode %s", s.Name, s.NetworkMode)
	}
	for name, v := range p.Volumes {
		say("volume %s type=%s", name, v.DriverOpts["type"])
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), "\n")
}

func compareWithOracle(t *testing.T, files []File, env map[string]string) bool {
	t.Helper()
	want, err := oracle(files, env)
	if err != nil {
		return false // too strict for what people write; ours reads on
	}
	got := Load(files, Options{Env: env})
	if len(got.Faults) > 0 {
		t.Errorf("compose-go reads it and we do not: %v", got.Faults)
		return true
	}
	a, b := strings.Split(ours(got), "\n"), strings.Split(theirs(want), "\n")
	for _, l := range a {
		if !slices.Contains(b, l) {
			t.Errorf("only ours:   %s", l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			t.Errorf("only theirs: %s", l)
		}
	}
	return true
}

// Files written for the rules of merging, each archive one project in the order of its files.
func TestMergeAsComposeDoes(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/merge/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no archives", err)
	}
	for _, n := range names {
		t.Run(filepath.Base(n), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(n)
			if err != nil {
				t.Fatal(err)
			}
			env := map[string]string{}
			for line := range strings.Lines(string(a.Comment)) {
				if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
					env[k] = v
				}
			}
			var files []File
			for _, f := range a.Files {
				files = append(files, File{Name: f.Name, Text: f.Data})
			}
			if !compareWithOracle(t, files, env) {
				t.Error("compose-go refuses it: it proves nothing")
			}
		})
	}
}

// Real files, alone and in pairs as overrides of each other.
func TestCorpusAsComposeDoes(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("MIDWATCH_CORPUS")
	names, _ := filepath.Glob(filepath.Join(dir, "compose", "*.yml"))
	if dir == "" || len(names) == 0 {
		t.Skip("no corpus here: MIDWATCH_CORPUS names its folder")
	}
	var files []File
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{Name: filepath.Base(n), Text: text})
	}
	held := 0
	for i, f := range files {
		for _, set := range [][]File{{f}, {f, files[(i+1)%len(files)]}} {
			t.Run(f.Name, func(t *testing.T) {
				if compareWithOracle(t, set, map[string]string{}) {
					held++
				}
			})
		}
	}
	t.Logf("%d of %d sets are read by compose-go as well", held, 2*len(files))
}
