package logline

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// symptom is a trouble and how programs write of it. The expressions keep to what PCRE2, POSIX and Go
// read in the same way, because journalctl --grep looks for them on the host.
type symptom struct {
	id   string
	expr string
}

var symptoms = []symptom{
	{"oidc-empty-client-id", `Invalid client_id \(\\?"\\?"\)|client_id=(&|"| |$)|Client ID: ('')|client_id is (empty|missing|required)`},
	{"oidc-unknown-client", `Invalid client_id \(\\?"[^"\\]+\\?"\)|unknown client|invalid_client`},
	{"oidc-redirect-uri", `Unregistered redirect_uri|redirect_uri_mismatch|redirect_uri did not match`},
	{"upgrade-refused", `Unsupported upgrade request|Invalid HTTP request received`},
	{"upstream-timed-out", `upstream timed out \(110`},
	{"upstream-refused", `connect\(\) (to unix:[^ ]+ )?failed \((111|2|13)`},
	{"no-live-upstreams", `no live upstreams while connecting`},
	{"host-not-found-in-upstream", `host not found in upstream`},
	{"no-resolver", `no resolver defined to resolve`},
	{"body-too-large", `client intended to send too large`},
	{"worker-connections", `worker_connections are not enough`},
	{"too-many-files", `[Tt]oo many open files`},
	{"loopback-refused", `(ECONNREFUSED|onnection refused|connect error).{0,80}(127\.0\.0\.1|localhost|::1)|(127\.0\.0\.1|localhost|::1)[^ ]{0,8}.{0,40}onnection refused`},
	{"sqlite-locked", `database is locked|SQLITE_BUSY|disk I/O error`},
	{"no-space", `[Nn]o space left on device|ENOSPC`},
	{"oom-killed", `Out of memory: Killed process|oom-kill:constraint|Memory cgroup out of memory`},
	{"journal-suppressed", `Suppressed [0-9]+ messages from`},
	{"conntrack-full", `nf_conntrack: table full`},
	{"file-system-error", `EXT4-fs error|Remounting filesystem read-only|XFS .{0,40}Corruption`},
	{"nfs-not-responding", `nfs: server .{1,80} not responding`},
}

var symptomExprs = compiled(symptoms)

func compiled(list []symptom) []*regexp.Regexp {
	out := make([]*regexp.Regexp, len(list))
	for i, s := range list {
		out[i] = regexp.MustCompile(s.expr)
	}
	return out
}

// SymptomPattern is one expression that every symptom's lines match, for journalctl --grep.
func SymptomPattern() string {
	parts := make([]string, len(symptoms))
	for i, s := range symptoms {
		parts[i] = s.expr
	}
	return strings.Join(parts, "|")
}

// Symptom names the trouble that a line speaks of, "" for none.
func Symptom(line string) string {
	for i, re := range symptomExprs {
		if re.MatchString(line) {
			return symptoms[i].id
		}
	}
	return ""
}

// Tally counts symptoms by their source.
type Tally struct {
	at   map[tallied]int
	list []hosts.Symptom
}

type tallied struct {
	id  string
	src hosts.LogSource
}

// maxTally bounds how many kinds of symptoms are told of one host.
const maxTally = 500

// Add counts a line if it is a symptom.
func (t *Tally) Add(src hosts.LogSource, at time.Time, line string) {
	id := Symptom(line)
	if id == "" {
		return
	}
	if t.at == nil {
		t.at = map[tallied]int{}
	}
	key := tallied{id, src}
	i, ok := t.at[key]
	if !ok {
		if len(t.list) >= maxTally {
			return
		}
		i = len(t.list)
		t.at[key] = i
		t.list = append(t.list, hosts.Symptom{ID: id, Source: src, First: at, Last: at, Line: line})
	}
	s := &t.list[i]
	s.Count++
	if at.Before(s.First) {
		s.First = at
	}
	if !at.Before(s.Last) {
		s.Last, s.Line = at, line
	}
}

// List returns what was counted, the latest first.
func (t *Tally) List() []hosts.Symptom {
	out := slices.Clone(t.list)
	slices.SortStableFunc(out, func(a, b hosts.Symptom) int { return b.Last.Compare(a.Last) })
	return out
}
