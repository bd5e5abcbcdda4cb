package nginxrules

import (
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// logged are the troubles of an id that the log of this nginx speaks of.
func logged(n *checks.Nginx, id string) []hosts.Symptom {
	var out []hosts.Symptom
	for _, s := range n.Host.LogSymptoms(id) {
		inContainer := s.Source.Kind == hosts.LogContainer
		if inContainer && s.Source.Name == n.Container || !inContainer && n.Container == "" && strings.Contains(s.Source.Name, "nginx") {
			out = append(out, s)
		}
	}
	return out
}

// logPart is the part of the host that holds the log of this nginx.
func logPart(n *checks.Nginx) checks.Need {
	if n.Container != "" {
		return checks.NeedLogs
	}
	return checks.NeedSymptoms
}

// said is the evidence of a symptom.
func said(n *checks.Nginx, s hosts.Symptom) []checks.Evidence { return n.Host.Spoken(s).Evidence }

var (
	logRequest  = regexp.MustCompile(`request: "\S+ (\S+)`)
	logServer   = regexp.MustCompile(`server: ([^,]*)`)
	logUpstream = regexp.MustCompile(`upstream: "[a-z]+://([^/"]+)`)
	logSocket   = regexp.MustCompile(`connect\(\) to unix:(\S+) failed \((\d+)`)
)

func firstMatch(re *regexp.Regexp, line string) string {
	if m := re.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// place finds where a line of error.log comes from: it names the server and the request.
func place(n *checks.Nginx, line string) (level, bool) {
	name := firstMatch(logServer, line)
	uri, _, _ := strings.Cut(firstMatch(logRequest, line), "?")
	for _, s := range n.HTTP.Servers {
		if s.Name() != name && !(name == "" && len(s.Names) == 0) || uri == "" {
			continue
		}
		l := level{n: n, server: s, scope: s.Scope}
		if c := s.ChooseLocation(uri); c.Location != nil {
			l.loc, l.scope = c.Location, c.Location.Scope
		}
		return l, true
	}
	return level{}, false
}

// at gives a finding about a line of the log at the directive it is about, or at the server's own
// block.
func (l level) at(d *nginx.Directive, s hosts.Symptom) checks.Finding {
	if d == nil {
		d = l.scope.Inner().Open
	}
	f := l.n.At(d, l.object())
	f.Key = s.ID
	f.Evidence = append(f.Evidence, said(l.n, s)...)
	return f
}
