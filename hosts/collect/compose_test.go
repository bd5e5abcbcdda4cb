package collect

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"midwatch/hosts"
	"midwatch/hosts/redact"
)

const composeText = `x-env: &env
  DB_PASSWORD: s3ntinel
  PLAIN: "s3ntinel # not a comment"
services:
  web:
    image: ghcr.io/acme/web:1.4
    environment:
      <<: *env
      A: s3ntinel # why
      B: ${B}
      C: ${C:-s3ntinel}
      LONG: |
        s3ntinel
          s3ntinel

        s3ntinel
      TWO: 's3ntinel
        s3ntinel'
      EMPTY:
    ports: ["80:80"]
    labels:
      traefik.http.middlewares.auth.basicauth.users: "admin:s3ntinel"
    command: ["redis-server", "--requirepass", "s3ntinel"]
  worker:
    build:
      context: .
      args: {TOKEN: s3ntinel, OTHER: "s3ntinel"}
    environment:
      - A=s3ntinel
      - B=$B
      - C
      - URL=postgres://u:s3ntinel@db/x
    healthcheck:
      test: 'curl -H "Authorization: Bearer s3ntinels3ntinel" http://u:s3ntinel@x/'
    configs:
      k:
        content: |
          -----BEGIN RSA PRIVATE KEY-----
          s3ntinel
          -----END RSA PRIVATE KEY-----
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: s3ntinel, PGDATA: /d}
    scale: 0
volumes: {}
`

func TestMaskCompose(t *testing.T) {
	t.Parallel()
	got := MaskCompose(composeText)
	if strings.Contains(got, "s3ntinel") {
		t.Errorf("a secret is left:\n%s", got)
	}
	before, after := strings.Split(composeText, "\n"), strings.Split(got, "\n")
	if len(before) != len(after) {
		t.Fatalf("%d lines became %d", len(before), len(after))
	}
	for i, l := range before {
		if !strings.Contains(l, "s3ntinel") && !strings.HasSuffix(l, "|") && !strings.Contains(l, "-----") && l != "" && l != after[i] {
			t.Errorf("line %d: %q became %q", i+1, l, after[i])
		}
	}
	for _, want := range []string{"B: ${B}", "- B=$B", "- C\n", "image: ghcr.io/acme/web:1.4", `# why`, `"--requirepass"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is gone", want)
		}
	}
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(got), &doc); err != nil {
		t.Errorf("the masked file is no YAML: %v\n%s", err, got)
	}
	if again := MaskCompose(got); again != got {
		t.Errorf("masking twice changes more: %s", cmp.Diff(got, again))
	}
	if broken := MaskCompose("services:\n  web:\n   environment:\n  - A=s3ntinel\n\t- x\n PASSWORD: s3ntinel\n"); strings.Contains(broken, "s3ntinel") {
		t.Errorf("a secret is left in a broken file:\n%s", broken)
	}
}

// Every compose file of the corpus keeps its lines and stays what it was otherwise.
func TestMaskComposeCorpus(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("MIDWATCH_CORPUS")
	if dir == "" {
		dir = "../../../shared/corpus"
	}
	var files []string
	_ = filepath.WalkDir(filepath.Join(dir, "compose"), func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, p)
		}
		return nil
	})
	if len(files) == 0 {
		t.Skip("no corpus of compose files here")
	}
	bad := 0
	for _, p := range files {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		got := MaskCompose(text)
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%s: lines changed", p)
		}
		var a, b yaml.Node
		if yaml.Unmarshal(data, &a) == nil && yaml.Unmarshal([]byte(got), &b) != nil {
			if bad++; bad < 20 {
				t.Errorf("%s: no YAML any more: %v", p, yaml.Unmarshal([]byte(got), &b))
			}
		}
	}
	t.Logf("%d files", len(files))
}

func composeContainer(name, service, image string, created time.Time) hosts.Container {
	return hosts.Container{ID: name, Name: name, Image: image, State: "running", Created: created, Labels: map[string]string{
		labelProject: "shop", labelService: service, labelDir: "/srv/shop", labelHash: "h",
		labelFiles: "/srv/shop/compose.yml,override.yml",
	}}
}

func TestComposeProject(t *testing.T) {
	t.Parallel()
	created := time.Unix(2000, 0)
	var f hosts.HostFacts
	if s := composeScript(&f); s != "" {
		t.Errorf("a script before the containers are known: %s", s)
	}
	f.Containers = hosts.Read([]hosts.Container{
		composeContainer("shop-web-1", "web", "ghcr.io/acme/web:1.3", created),
		composeContainer("shop-old-1", "old", "x", created),
		composeContainer("shop-worker-1", "worker", "shop-worker", created),
		{ID: "alone", Name: "alone"},
	}, "", created)
	if s := composeScript(&f); !strings.Contains(s, "'/srv/shop/compose.yml'") || !strings.Contains(s, "'/srv/shop/override.yml'") {
		t.Errorf("script %s", s)
	}
	override := "services:\n  web:\n    image: ghcr.io/acme/web:1.5\n  cron:\n    image: acme/cron\n"
	data := fmt.Sprintf("mw-file 1000 %d /srv/shop/compose.yml\n%s\nmw-file 3000 %d /srv/shop/override.yml\n%s\n",
		strings.Count(composeText, "\n"), composeText, strings.Count(override, "\n"), override)
	Apply(&f, hosts.Evidence{Collector: "compose", At: created, Data: redactCompose([]byte(data))})
	p := f.Compose.Value[0]
	var kinds []string
	for _, d := range p.Drift {
		kinds = append(kinds, d.Service+" "+d.Kind+" "+filepath.Base(d.File)+fmt.Sprint(":", d.Line))
	}
	want := []string{
		"cron no-container override.yml:5", "old not-in-files .:0", "web file-newer override.yml:0",
		"web image override.yml:3", "worker file-newer override.yml:0",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	if len(p.Files) != 2 || p.Files[0].MTime.Unix() != 1000 || p.Files[1].Text != override || len(p.Services) != 5 {
		t.Errorf("%+v", p)
	}
	// A file that is gone is drift, and then nothing is said of what it may have defined.
	again := RejoinCompose(f.Compose.Value, f.Containers.Value[:1])
	if len(again) != 1 || len(again[0].Services) != 4 {
		t.Errorf("%+v", again)
	}
	Apply(&f, hosts.Evidence{Collector: "compose", At: created, Data: []byte("mw-none 0 missing /srv/shop/compose.yml\nmw-none 0 not-readable /srv/shop/override.yml\n")})
	p = f.Compose.Value[0]
	if len(p.Drift) != 1 || p.Drift[0].Kind != "file-missing" || p.Files[1].Error != "not readable" {
		t.Errorf("%+v", p)
	}
}

func TestSameImage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"nginx", "nginx:latest", true},
		{"docker.io/library/nginx:1", "nginx:1", true},
		{"nginx:1", "nginx:2", false},
		{"reg:5000/a", "reg:5000/a:latest", true},
		{"a@sha256:1", "a@sha256:1", true},
		{"a@sha256:1", "a@sha256:2", false},
	} {
		if sameImage(c.a, c.b) != c.same {
			t.Errorf("%s and %s", c.a, c.b)
		}
	}
}

func FuzzMaskCompose(f *testing.F) {
	f.Add(composeText)
	f.Add("a: &a [*a]\nenvironment: *a")
	f.Add("environment:\n  x: >-\n\n  y")
	f.Add("environment: {a: \"x\ny\", b: 'c''d'}\n---\nenvironment: [a=b]")
	f.Fuzz(func(t *testing.T, text string) {
		got := MaskCompose(text)
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("lines changed: %q became %q", text, got)
		}
		data := fmt.Sprintf("mw-file 1 %d /a\n%s\nmw-none 0 missing /b\n", strings.Count(text, "\n"), text)
		files := ParseComposeFiles(redactCompose([]byte(data)))
		if len(files) != 2 || files["/b"].Error != "missing" {
			t.Errorf("%q gave %d files", text, len(files))
		}
		// A capture masks once more; the files must still be found in it.
		if files = ParseComposeFiles([]byte(redact.Lines(string(redactCompose([]byte(data))), false))); len(files) != 2 {
			t.Errorf("%q in a capture gave %d files", text, len(files))
		}
		JoinCompose(files, []hosts.Container{{ID: "x", Name: "x", Labels: map[string]string{labelProject: "p", labelService: "s", labelFiles: "/a,/b"}}})
	})
}

func FuzzPicture(f *testing.F) {
	for _, host := range []string{"debian12", "busybox", "dockerhost"} {
		for _, id := range []string{"sockets", "databases", "mounts", "addresses", "unitenv"} {
			if data, err := os.ReadFile(filepath.Join("testdata", host, id+".txt")); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range ParseSockets(data) {
			shown(t, s.Proto, s.Address, s.Process, s.Unit, s.Container)
		}
		for _, d := range ParseDatabases(data) {
			shown(t, d.Path, d.InnerPath, d.Process, d.Unit, d.Container, d.Mount.Source)
		}
		for _, m := range ParseMounts(data) {
			shown(t, m.Root, m.Point, m.FSType, m.Source, m.Options, m.Device)
		}
		shown(t, ParseAddresses(data)...)
		for p, e := range ParseUnitEnv(data) {
			shown(t, p, e.Error)
			shown(t, e.Names...)
		}
		_, _ = ParseNginx(data)
		_, _ = ParseAgent(data)
	})
}

// Of a variable's value is told where it points to and what it chooses among few, and never a secret.
func TestTold(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"DATABASE_URL", "sqlite:////data/hub.db", "sqlite:////data/hub.db"},
		{"DATABASE_URL", "sqlite+aiosqlite:///./hub.sqlite3", "•••"},
		{"DATABASE_URL", "postgres://app:hunter2@db:5432/shop?sslmode=off", "postgres://•••@db:5432/•••"},
		{"API", "http://localhost:8000", "http://localhost:8000"},
		{"HOOK", "https://hooks.example.com/services/T0/B0/x", "https://hooks.example.com/•••"},
		{"TEMPORAL_ADDRESS", "127.0.0.1:7233", "127.0.0.1:7233"},
		{"REDIS_HOST", "redis", "redis"},
		{"GREETING", "redis:6379", "•••"},
		{"DB_TYPE", "postgresql", "postgresql"},
		{"DB_PASSWORD", "postgresql", "•••"},
		{"API_TOKEN", "true", "•••"},
		{"PORT", "8000", "8000"},
		{"PIN", "8000", "•••"},
		{"OUTBOX_DIR", "/var/lib/app/outbox", "/var/lib/app/outbox"},
		{"NOTE", "/var/lib/app/outbox", "•••"},
		{"SERVER", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "•••"},
		{"FEATURE", "Sx9compose=Qz7", "•••"},
		{"URL", "javascript:alert(1)", "•••"},
		{"URL", "http://a b/", "•••"},
	} {
		got := told(c[0], c[1])
		if got != c[2] || told(c[0], got) != got {
			t.Errorf("%s=%s is told as %q, then %q, want %q", c[0], c[1], got, told(c[0], got), c[2])
		}
	}
}
