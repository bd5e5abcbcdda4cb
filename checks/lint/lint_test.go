package lint

import (
	"strings"
	"testing"
	"time"

	"midwatch/checks"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]struct {
		text string
		want Kind
	}{
		"a server":                 {"server {\n    listen 80;\n}\n", KindNginx},
		"a snippet":                {"proxy_set_header Host $host;\nproxy_pass http://x;\n", KindNginx},
		"a dump":                   {"# configuration file /etc/nginx/nginx.conf:\n", KindNginx},
		"an upstream":              {"upstream a {\n server b;\n}\n", KindNginx},
		"compose":                  {"services:\n  a:\n    image: a\n", KindCompose},
		"an override":              {"volumes:\n  a: {}\n", KindCompose},
		"compose that is broken":   {"services:\n  a: [\n", KindCompose},
		"the first version":        {"web:\n  image: a\n", KindCompose},
		"compose as JSON":          {`{"services": {"a": {"image": "a"}}}`, KindCompose},
		"compose with an nginx in": {"services:\n  a:\n    image: a\nconfigs:\n  c:\n    content: |\n      server {\n        listen 80;\n      }\n", KindCompose},
		"Envoy":                    {`{"configs": []}`, KindEnvoy},
		"clusters of Envoy":        {`{"cluster_statuses": []}`, KindEnvoy},
		"other JSON":               {`{"a": 1}`, KindUnknown},
		"prose":                    {"Dear reader,\nnothing here.\n", KindUnknown},
		"nothing":                  {"", KindUnknown},
	} {
		if got := Detect([]byte(k.text)); got != k.want {
			t.Errorf("%s: %q, want %q", name, got, k.want)
		}
	}
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	lines := jsonLines([]byte("{\n \"a\": [\n  1,\n  {\"b\":\n   2}\n ],\n \"c\": \"}\"\n}\n"))
	for path, want := range map[string]int{"": 1, ".a": 2, ".a[0]": 3, ".a[1]": 4, ".a[1].b": 5, ".c": 7} {
		if lines[path] != want {
			t.Errorf("%s at line %d, want %d", path, lines[path], want)
		}
	}
	jsonLines([]byte(`{"a": [1, {`)) // cut off: no panic
}

// Includes are followed into files that are not given, and those of included files too.
func TestIncludes(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"/conf/proxy.conf": "include deep.conf;\nproxy_set_header A b;\n",
		"/conf/deep.conf":  "proxy_set_header C d;\n",
	}
	o := Options{Now: time.Unix(0, 0), Include: func(_, include string) []File {
		p := "/conf/" + include
		if text, ok := files[p]; ok {
			return []File{{Path: p, Text: []byte(text)}}
		}
		return nil
	}}
	w, looked := Load([]File{{Path: "site.conf", Text: []byte("server { location / { include proxy.conf; include missing.conf; proxy_pass http://x; } }")}}, o)
	if looked[0].Error != "" || len(w.Nginx) != 1 {
		t.Fatalf("looked %+v", looked)
	}
	var got []string
	for _, d := range w.Nginx[0].HTTP.Servers[0].Locs[0].D.Block {
		got = append(got, d.At()+" "+d.String())
	}
	want := "/conf/deep.conf:1 proxy_set_header C d;|/conf/proxy.conf:2 proxy_set_header A b;|site.conf:1 proxy_pass http://x;"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	w, looked := Load([]File{
		{Path: "a.yml", Text: []byte("services: {a: {image: a, ports: ['80:80']}}")},
		{Path: "b.yml", Text: []byte("services: {a: {ports: ['81:80']}}")},
		{Path: "bad.json", Text: []byte(`{"configs": 3`)},
		{Path: "gone", Error: "open: no such file"},
	}, Options{Merge: true})
	if len(w.Compose) != 1 || len(w.Compose[0].Project.Services[0].Ports) != 2 {
		t.Errorf("not one project: %+v", w.Compose)
	}
	if looked[2].Error == "" || looked[3].Error != "open: no such file" || looked[3].Kind != KindUnknown {
		t.Errorf("looked %+v", looked)
	}
}

func TestParseEnv(t *testing.T) {
	t.Parallel()
	got := ParseEnv("# c\nA=1\nexport B='two # x' # y\nC=\"q\"\nD= e # f\nEMPTY=\nnonsense\n")
	for k, want := range map[string]string{"A": "1", "B": "two # x", "C": "q", "D": "e", "EMPTY": ""} {
		if v, ok := got[k]; !ok || v != want {
			t.Errorf("%s = %q, want %q", k, v, want)
		}
	}
	if len(got) != 5 {
		t.Errorf("got %v", got)
	}
}

// Whatever a file holds, it is told or judged, and nothing breaks.
func FuzzLoad(f *testing.F) {
	for _, s := range []string{
		"server { location / { proxy_pass http://$x; } }", "services:\n  a: &x\n    image: a:${B:-c}\n    ports: ['1-2:3-4/udp']\n  b: *x\n  <<: *x\n",
		`{"configs":[{"@type":"x.ListenersConfigDump","dynamic_listeners":[{}]}]}`, "a: &a [*a]", "services: {a: {extends: b}, b: {extends: a}}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		w, looked := Load([]File{{Path: "f", Text: text}}, Options{Merge: true, Live: []File{{Path: "f", Text: text}}})
		if len(looked) != 1 {
			t.Fatal("not one file")
		}
		checks.Run(w, nil, checks.Options{})
	})
}
