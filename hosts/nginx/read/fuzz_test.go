package read

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"midwatch/hosts/nginx"
)

// FuzzParse feeds arbitrary text through everything that reads it: no panic, no endless loop, every
// directive with a line inside the file.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"http { server { listen 80; location / { proxy_pass http://a; } } }",
		"server { location ~ ^/(a|b { return 200; } }", "a;;", "}{", "include x;", "map $a $b { default 1; ~x $b; }",
		"content_by_lua_block { -- it's }\n}", "\"", "if ( $a ) { }", "if", "listen [::;", "location {", "${", "upstream u { server; }",
		"server { rewrite; return; try_files; error_page; if (a) { set $x; } location /a/ { alias; try_files $uri =404; } }",
		"# configuration file /etc/nginx/nginx.conf:\nhttp { include /etc/nginx/*; }\n# configuration file /etc/nginx/a:\ninclude /etc/nginx/a;\n",
	} {
		f.Add(s, "/a/b?c=d", "h.test")
	}
	f.Fuzz(func(t *testing.T, text, uri, host string) {
		if len(text) > 64<<10 {
			t.Skip()
		}
		c := Parse([]nginx.File{{Name: "f", Text: []byte(text)}})
		checkLines(t, c.Root, strings.Count(text, "\n")+1)
		h := nginx.NewHTTP(c)
		r := nginx.Request{At: nginx.Socket{Addr: netip.MustParseAddr("127.0.0.1"), Port: 80}, Host: host, URI: uri}
		o := h.Handle(r)
		if o.Kind == nginx.Proxied {
			h.Passed(r, o)
		}
		ParseDump([]byte(text))
		nginx.Duration(host)
	})
}

func checkLines(t *testing.T, ds []*nginx.Directive, last int) {
	t.Helper()
	for _, d := range ds {
		if d.Line < 1 || d.Line > last {
			t.Fatalf("%q on line %d of %d", d.Name, d.Line, last)
		}
		checkLines(t, d.Block, last)
	}
}

// Every real file is read to directives with lines, or says clearly what is wrong with it.
func TestCorpusParses(t *testing.T) {
	t.Parallel()
	for name, c := range corpus(t) {
		if len(c.Root) == 0 && len(c.Faults) == 0 {
			t.Errorf("%s: neither directives nor a fault", name)
		}
		for _, f := range c.Faults {
			if f.File == "" || f.Text == "" {
				t.Errorf("%s: fault without a place: %+v", name, f)
			}
		}
		nginx.NewHTTP(c)
	}
}

func corpus(t *testing.T) map[string]*nginx.Config {
	t.Helper()
	dir := corpusDir(t) + "/nginx/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*nginx.Config{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := os.ReadFile(dir + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if c := ParseDump(text); len(c.Files) > 0 {
			out[e.Name()] = c
			continue
		}
		out[e.Name()] = Parse([]nginx.File{{Name: e.Name(), Text: text}})
	}
	return out
}

func TestIncludes(t *testing.T) {
	t.Parallel()
	c := Parse([]nginx.File{
		{Name: "/etc/nginx/nginx.conf", Text: []byte("http {\n include conf.d/*.conf;\n include missing.conf;\n}\n")},
		{Name: "/etc/nginx/conf.d/b.conf", Text: []byte("server { listen 81; include /etc/nginx/snip; }\n")},
		{Name: "/etc/nginx/conf.d/a.conf", Text: []byte("server { listen 80; include snip; }\n")},
		{Name: "/etc/nginx/snip", Text: []byte("\nlocation / { return 200; }\ninclude snip;\n")},
	})
	h := nginx.NewHTTP(c)
	if len(h.Servers) != 2 || h.Servers[0].Listens[0].Port != 80 || len(h.Servers[1].Locs) != 1 {
		t.Fatalf("servers: %+v", h.Servers)
	}
	if d := h.Servers[1].Locs[0].D; d.At() != "/etc/nginx/snip:2" {
		t.Errorf("location at %s", d.At())
	}
	if len(c.Faults) != 2 || !strings.Contains(c.Faults[0].Text, "circle") || c.Faults[1].Error() != "/etc/nginx/nginx.conf:3: included file missing.conf is not at hand" {
		t.Errorf("faults: %v", c.Faults)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, k := range []struct{ name, text, want string }{
		{"open block", "server {\n listen 80;\n", "f:3: unexpected end of file, expecting }"},
		{"stray brace", "listen 80;\n}\n", "f:2: unexpected }"},
		{"no semicolon", "proxy_set_header Host $host\nproxy_pass http://a;\n", "f:1: directive proxy_set_header swallows proxy_pass: is a ';' missing?"},
		{"quote", "a \"b;\n", "f:1: quote is not closed"},
		{"lua apostrophe", "location / {\n content_by_lua_block {\n -- it's\n ngx.say('}')\n }\n}\nlisten 80;\n", ""},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			c := Parse([]nginx.File{{Name: "f", Text: []byte(k.text)}})
			switch {
			case k.want == "" && len(c.Faults) > 0:
				t.Errorf("faults: %v", c.Faults)
			case k.want == "" && c.Root[len(c.Root)-1].Line != 7:
				t.Errorf("root: %+v", c.Root)
			case k.want != "" && (len(c.Faults) == 0 || c.Faults[0].Error() != k.want):
				t.Errorf("got %v, want %s", c.Faults, k.want)
			}
		})
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"60": time.Minute, "60s": time.Minute, "1h30m": 90 * time.Minute,
		"500ms": 500 * time.Millisecond, "1d": 24 * time.Hour, "x": 0, "": 0,
	} {
		if got := nginx.Duration(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
