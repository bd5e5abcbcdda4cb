package logline

import (
	"regexp"
	"testing"
	"time"

	"midwatch/hosts"
)

func TestSymptom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, want string }{
		{`time="2026-11-29T04:31:27Z" level=error msg="Failed to parse authorization request: Invalid client_id (\"\")."`, "oidc-empty-client-id"},
		{`Failed to parse authorization request: Invalid client_id ("").`, "oidc-empty-client-id"},
		{`Initiating OIDC login. Client ID: ''`, "oidc-empty-client-id"},
		{`Initiating OIDC login. Client ID: 'cortex-hub'`, ""},
		{`Invalid client_id ("portal").`, "oidc-unknown-client"},
		{`GET /dex/auth?client_id=&redirect_uri=http`, "oidc-empty-client-id"},
		{`GET /dex/auth?client_id=hub&redirect_uri=http`, ""},
		{`2026/11/29 04:31:27 [error] 29#29: *1 upstream timed out (110: Connection timed out) while reading response header from upstream`, "upstream-timed-out"},
		{`connect() failed (111: Connection refused) while connecting to upstream`, "upstream-refused"},
		{`connect() to unix:/run/cxb/core-3.sock failed (2: No such file or directory) while connecting`, "upstream-refused"},
		{`no live upstreams while connecting to upstream`, "no-live-upstreams"},
		{`[emerg] 1#1: host not found in upstream "backend" in /etc/nginx/conf.d/default.conf:3`, "host-not-found-in-upstream"},
		{`client intended to send too large body: 2097153 bytes`, "body-too-large"},
		{`Error: connect ECONNREFUSED 127.0.0.1:7233`, "loopback-refused"},
		{`dial tcp 127.0.0.1:6379: connect: connection refused`, "loopback-refused"},
		{`dial tcp 10.0.0.5:6379: connect: connection refused`, ""},
		{`sqlite3.OperationalError: database is locked`, "sqlite-locked"},
		{`write /data/x: no space left on device`, "no-space"},
		{`Suppressed 1033 messages from app.service`, "journal-suppressed"},
		{`Memory cgroup out of memory: Killed process 12 (node)`, "oom-killed"},
		{`nf_conntrack: nf_conntrack: table full, dropping packet`, "conntrack-full"},
		{`listening on :8080`, ""},
	} {
		if got := Symptom(c.line); got != c.want {
			// Escaped quotes are what JSON and logfmt make of the line; both forms are looked for.
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
		slow := ""
		for i, re := range symptomExprs {
			if re.MatchString(c.line) {
				slow = symptoms[i].id
				break
			}
		}
		if slow != c.want {
			t.Errorf("%s: the texts that are looked for first hide %q", c.line, slow)
		}
	}
	all := regexp.MustCompile(SymptomPattern())
	for _, line := range []string{"database is locked", "no live upstreams while connecting", `Client ID: ''`} {
		if !all.MatchString(line) {
			t.Errorf("the one pattern does not find %q", line)
		}
	}
}

func TestTally(t *testing.T) {
	t.Parallel()
	var y Tally
	at := time.Date(2026, 11, 29, 4, 0, 0, 0, time.UTC)
	a := hosts.LogSource{Host: "h", Kind: hosts.LogContainer, Name: "a"}
	b := hosts.LogSource{Host: "h", Kind: hosts.LogContainer, Name: "b"}
	y.Add(a, at.Add(time.Minute), "database is locked 2")
	y.Add(a, at, "database is locked 1")
	y.Add(b, at.Add(2*time.Minute), "database is locked")
	y.Add(b, at, "fine")
	list := y.List()
	if len(list) != 2 || list[0].Source != b || list[1].Count != 2 || list[1].Line != "database is locked 2" || !list[1].First.Equal(at) {
		t.Errorf("%+v", list)
	}
	var none Tally
	if len(none.List()) != 0 {
		t.Error("something of nothing")
	}
}

func BenchmarkSymptom(b *testing.B) {
	const line = `10.1.2.3 - - [29/Nov/2026:04:31:27 +0000] "GET /orders/7 HTTP/1.1" 200 157 "https://a.example/" "Mozilla/5.0 (X11; Linux x86_64)" rt=0.120`
	for b.Loop() {
		if Symptom(line) != "" {
			b.Fatal("a symptom")
		}
	}
}
