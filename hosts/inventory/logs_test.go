package inventory

import (
	"strings"
	"testing"

	"midwatch/hosts"
)

func TestLogFields(t *testing.T) {
	t.Parallel()
	inv, faults := Parse("hosts.toml", []byte(`
[hosts.web1]
address = "10.0.0.1"
[hosts.web2]
address = "10.0.0.2"
[logs.fields]
level = "sev"
request = ["cid", "ctx.cid"]
[logs.shop]
sources = [{ host = "web1", container = "shop-*" }, { container = "cart" }]
fields = { message = "body", level = ["prio"] }
[logs.rest]
sources = [{ container = "*" }]
[logs.late]
sources = [{ container = "cart" }]
fields = { message = "text" }
[logs.file]
sources = [{ host = "web1", file = "/var/log/a*" }]
fields = { message = "m" }
`))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, c := range []struct{ host, kind, name, want string }{
		{"web1", "container", "shop-api", "level=prio message=body request=cid,ctx.cid"},
		{"web2", "container", "shop-api", "level=sev request=cid,ctx.cid"},
		{"web2", "container", "cart", "level=prio message=body request=cid,ctx.cid"},
		{"web1", "unit", "cart", "level=sev request=cid,ctx.cid"},
		{"web1", "file", "/var/log/a*", "level=sev message=m request=cid,ctx.cid"},
		{"web1", "file", "/var/log/ab", "level=sev request=cid,ctx.cid"},
	} {
		src := hosts.LogSource{Host: c.host, Name: c.name}
		for k := hosts.LogContainer; k <= hosts.LogFile; k++ {
			if k.String() == c.kind {
				src.Kind = k
			}
		}
		if got := spellFields(inv.FieldsOf(src)); got != c.want {
			t.Errorf("%s: %s, want %s", src.Key(), got, c.want)
		}
	}
	bare, _ := Parse("hosts.toml", []byte("[hosts.a]\naddress = \"a\"\n[logs.fields]\n"))
	if bare.FieldsOf(hosts.LogSource{Host: "a"}) != nil {
		t.Error("no names, and yet some")
	}
}

func spellFields(f *hosts.LogFields) string {
	var out []string
	for _, x := range []struct {
		key   string
		names []string
	}{{"time", f.Time}, {"level", f.Level}, {"message", f.Message}, {"request", f.Request}} {
		if len(x.names) > 0 {
			out = append(out, x.key+"="+strings.Join(x.names, ","))
		}
	}
	return strings.Join(out, " ")
}
