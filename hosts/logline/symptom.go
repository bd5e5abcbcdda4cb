package logline

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"midwatch/hosts"
)

// symptom is a trouble and how programs write of it. The expressions keep to what PCRE2, POSIX and Go
// read in the same way, because journalctl --grep looks for them on the host. need are texts of which
// every line has one: looking for them first is what makes it cheap to look at every line of a log.
type symptom struct {
	id   string
	need []string
	expr string
}

var symptoms = []symptom{
	{"oidc-empty-client-id", []string{"client_id", "Client ID: "}, `Invalid client_id \(\\?"\\?"\)|client_id=(&|"| |$)|Client ID: ('')|client_id is (empty|missing|required)`},
	{"oidc-unknown-client", []string{"client"}, `Invalid client_id \(\\?"[^"\\]+\\?"\)|unknown client|invalid_client`},
	{"oidc-redirect-uri", []string{"redirect_uri"}, `Unregistered redirect_uri|redirect_uri_mismatch|redirect_uri did not match`},
	{"upgrade-refused", []string{"upgrade request", "Invalid HTTP request"}, `Unsupported upgrade request|Invalid HTTP request received`},
	{"upstream-timed-out", []string{"upstream timed out"}, `upstream timed out \(110`},
	{"upstream-refused", []string{"connect() "}, `connect\(\) (to unix:[^ ]+ )?failed \((111|2|13)`},
	{"no-live-upstreams", []string{"no live upstreams"}, `no live upstreams while connecting`},
	{"host-not-found-in-upstream", []string{"host not found"}, `host not found in upstream`},
	{"no-resolver", []string{"no resolver"}, `no resolver defined to resolve`},
	{"body-too-large", []string{"too large"}, `client intended to send too large`},
	{"worker-connections", []string{"worker_connections"}, `worker_connections are not enough`},
	{"too-many-files", []string{"oo many open files"}, `[Tt]oo many open files`},
	{"loopback-refused", []string{"127.0.0.1", "localhost", "::1"}, `(ECONNREFUSED|onnection refused|connect error).*(127\.0\.0\.1|localhost|::1)|(127\.0\.0\.1|localhost|::1).*onnection refused`},
	{"sqlite-locked", []string{"database is locked", "SQLITE_BUSY", "disk I/O error"}, `database is locked|SQLITE_BUSY|disk I/O error`},
	{"no-space", []string{"o space left", "ENOSPC"}, `[Nn]o space left on device|ENOSPC`},
	{"oom-killed", []string{"out of memory", "Out of memory", "oom-kill"}, `Out of memory: Killed process|oom-kill:constraint|Memory cgroup out of memory`},
	{"journal-suppressed", []string{"Suppressed "}, `Suppressed [0-9]+ messages from`},
	{"conntrack-full", []string{"nf_conntrack"}, `nf_conntrack: table full`},
	{"file-system-error", []string{"EXT4-fs", "read-only", "XFS "}, `EXT4-fs error|Remounting filesystem read-only|XFS .*Corruption`},
	{"nfs-not-responding", []string{"not responding"}, `nfs: server .* not responding`},
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
	for i := range symptoms {
		if mentions(line, symptoms[i].need) && symptomExprs[i].MatchString(line) {
			return symptoms[i].id
		}
	}
	return ""
}

func mentions(line string, texts []string) bool {
	for _, t := range texts {
		if strings.Contains(line, t) {
			return true
		}
	}
	return false
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
