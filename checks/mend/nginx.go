package mend

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
	"midwatch/hosts/nginx"
)

// edit is the text of an nginx's files while a mend is being formed. Lines are numbered as in the facts
// until they are written: inserted ones hang on the line they follow.
type edit struct {
	n     *checks.Nginx
	lines map[string][]string // by the name nginx gives the file
	after map[string]map[int][]string
	also  []string
}

// inNginx wraps a mender that changes lines of one nginx's files.
func inNginx(change func(e *edit, f *checks.Finding) (string, error)) func(*checks.World, *checks.Finding) (*Mend, error) {
	return func(w *checks.World, f *checks.Finding) (*Mend, error) {
		n := nginxOf(w, f)
		if n == nil || n.Config == nil {
			return nil, none("the configuration is not among the facts")
		}
		e := &edit{n: n, lines: map[string][]string{}, after: map[string]map[int][]string{}}
		title, err := change(e, f)
		if err != nil {
			return nil, err
		}
		m := &Mend{Kind: Nginx, Title: title, Container: n.Container, Also: e.also}
		if m.Files, err = e.files(); err != nil {
			return nil, err
		}
		return m, nil
	}
}

func nginxOf(w *checks.World, f *checks.Finding) *checks.Nginx {
	for _, n := range w.Nginx {
		if n.Host != nil && n.Host.Name == f.Host && n.Name() == f.Subject {
			return n
		}
	}
	return nil
}

// text returns the lines of a file, to be changed in place; nil when it is not among the facts.
func (e *edit) text(file string) []string {
	if l, ok := e.lines[file]; ok {
		return l
	}
	for _, x := range e.n.Config.Files {
		if x.Name == file {
			e.lines[file] = strings.Split(string(x.Text), "\n")
			return e.lines[file]
		}
	}
	return nil
}

// replace changes what pattern finds on a line; with is as for regexp.ReplaceAllString.
func (e *edit) replace(file string, line int, pattern *regexp.Regexp, with string) bool {
	l := e.text(file)
	if line < 1 || line > len(l) || !pattern.MatchString(l[line-1]) {
		return false
	}
	l[line-1] = pattern.ReplaceAllString(l[line-1], with)
	return true
}

// insert puts lines behind a line; 0 is the top of the file.
func (e *edit) insert(file string, line int, text ...string) {
	if e.after[file] == nil {
		e.after[file] = map[int][]string{}
	}
	e.text(file)
	e.after[file][line] = append(e.after[file][line], text...)
}

// files are the changed files as the host has them.
func (e *edit) files() ([]File, error) {
	var out []File
	for _, x := range e.n.Config.Files {
		now, touched := e.lines[x.Name]
		if !touched {
			continue
		}
		edits, err := diff(strings.Split(string(x.Text), "\n"), now, e.after[x.Name])
		if err != nil || len(edits) == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		path, inPlace, err := onHost(e.n, x.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, File{Path: path, InPlace: inPlace, Edits: edits})
	}
	if len(out) == 0 {
		return nil, none("the lines are already as they should be")
	}
	return out, nil
}

// diff lists the lines that changed, and those that something was inserted behind (0: before the first).
func diff(before, now []string, after map[int][]string) ([]Edit, error) {
	var out []Edit
	for i, old := range before {
		text := append([]string{now[i]}, after[i+1]...)
		if i == 0 {
			text = append(append([]string{}, after[0]...), text...)
		}
		if len(text) == 1 && text[0] == old {
			continue
		}
		if strings.Contains(old, hosts.Dots) {
			return nil, none("line %d has a secret in it, which the facts do not hold", i+1)
		}
		out = append(out, Edit{Line: i + 1, Old: old, New: text})
	}
	return out, nil
}

// onHost is where the host has a file of nginx: itself, or what is mounted into the container there.
func onHost(n *checks.Nginx, file string) (path string, inPlace bool, err error) {
	if n.Container == "" {
		return file, false, nil
	}
	c := n.Host.Container(n.Container)
	if c == nil {
		return "", false, none("container %s is not among the facts", n.Container)
	}
	var best hosts.ContainerMount
	for _, m := range c.Mounts {
		if (file == m.Destination || strings.HasPrefix(file, strings.TrimSuffix(m.Destination, "/")+"/")) && len(m.Destination) > len(best.Destination) {
			best = m
		}
	}
	switch {
	case best.Destination == "":
		return "", false, none("%s is inside the image of %s: change it there and build again", file, n.Container)
	case best.Type != "bind":
		return "", false, none("%s lies in volume %s", file, best.Name)
	}
	return best.Source + strings.TrimPrefix(file, strings.TrimSuffix(best.Destination, "/")), file == best.Destination, nil
}

// variable returns the name of a map from source whose entries satisfy good, or puts such a map into the
// configuration; entries are its lines.
func (e *edit) variable(source, name string, good func(*nginx.Map) bool, entries ...string) (string, error) {
	for v, m := range e.n.HTTP.Maps {
		if m.Source == source && good(m) {
			return v, nil
		}
	}
	taken := func(v string) bool { _, ok := e.n.HTTP.Maps[v]; return ok }
	for i := 2; taken(name); i++ {
		name = strings.TrimRight(name, "_0123456789") + "_" + strconv.Itoa(i)
	}
	file, line, indent, err := e.httpLevel()
	if err != nil {
		return "", err
	}
	text := []string{indent + "map " + source + " " + name + " {"}
	for _, x := range entries {
		text = append(text, indent+"    "+x)
	}
	e.insert(file, line, append(text, indent+"}", "")...)
	return name, nil
}

// httpLevel is a place where a map may stand: just inside http, or on top of a file that holds servers or
// upstreams for it. A file that is included is changed rather than the main one.
func (e *edit) httpLevel() (file string, line int, indent string, err error) {
	err = none("no place at the http level is among the facts for a map")
	for _, x := range e.n.Config.Files {
		top := e.n.Config.PerFile[x.Name]
		if !slices.ContainsFunc(top, func(d *nginx.Directive) bool { return d.Name == "server" || d.Name == "upstream" || d.Name == "map" }) {
			continue
		}
		_, _, where := onHost(e.n, x.Name)
		if where == nil {
			return x.Name, 0, "", nil
		}
		err = where
	}
	for _, x := range e.n.Config.Files {
		for _, d := range e.n.Config.PerFile[x.Name] {
			if d.Name != "http" || !openBrace.MatchString(e.n.Config.Line(x.Name, d.Line)) {
				continue
			}
			_, _, where := onHost(e.n, x.Name)
			if where == nil {
				return x.Name, d.Line, "    ", nil
			}
			err = where
		}
	}
	return "", 0, "", err
}

var openBrace = regexp.MustCompile(`\{\s*(#.*)?$`)

var (
	protoLine      = regexp.MustCompile(`(?i)(proxy_set_header\s+X-Forwarded-Proto\s+)[^;]+;`)
	connectionLine = regexp.MustCompile(`(?i)(proxy_set_header\s+Connection\s+)[^;]+;`)
	upgradeLine    = regexp.MustCompile(`(?i)(proxy_set_header\s+Upgrade\s+)[^;$]+;`)
)

// forwardProto passes on what the proxy in front says, and our own scheme where nobody said anything.
func forwardProto(e *edit, f *checks.Finding) (string, error) {
	v, err := e.variable("$http_x_forwarded_proto", "$forwarded_proto", func(m *nginx.Map) bool { return m.Default == "$http_x_forwarded_proto" },
		"default $http_x_forwarded_proto;", "''      $scheme;")
	if err != nil {
		return "", err
	}
	if !e.replace(f.File, f.Line, protoLine, "${1}$"+v+";") {
		return "", none("line %d of %s is not a proxy_set_header of its own", f.Line, f.File)
	}
	e.also = append(e.also, "the proxy in front must overwrite X-Forwarded-Proto, or clients choose it")
	return "X-Forwarded-Proto tells what the proxy in front said", nil
}

// addProto tells the application the scheme where TLS ends here.
func addProto(e *edit, f *checks.Finding) (string, error) {
	for _, ev := range f.Evidence {
		if strings.Contains(strings.ToLower(ev.Text), "proxy_set_header") {
			return "", none("a line of another level is dropped here: which headers belong here only a person knows")
		}
	}
	for line, l := range e.text(f.File) {
		if emptied.MatchString(l) && line+1 >= f.Line-nearby && line+1 <= f.Line+nearby {
			return "", none("line %d of %s empties the header: whether on purpose only a person knows", line+1, f.File)
		}
	}
	if !e.beside(f.File, f.Line, passing, "proxy_set_header X-Forwarded-Proto $scheme;") {
		return "", none("line %d of %s passes nothing on", f.Line, f.File)
	}
	e.also = append(e.also, "a level that sets a header of its own loses all that the levels above set: look whether Host and the others are still there")
	return "X-Forwarded-Proto tells the application that it was https", nil
}

var emptied = regexp.MustCompile(`(?i)proxy_set_header\s+X-Forwarded-Proto\s+(""|'')\s*;`)

var passing = regexp.MustCompile(`\b(proxy|grpc|uwsgi|fastcgi)_pass\s`)

// beside puts a directive before the one that pattern finds on a line: on a line of its own where that has one.
func (e *edit) beside(file string, line int, pattern *regexp.Regexp, directive string) bool {
	l := e.text(file)
	if line < 1 || line > len(l) {
		return false
	}
	at := pattern.FindStringIndex(l[line-1])
	if at == nil {
		return false
	}
	indent := l[line-1][:at[0]]
	if strings.TrimSpace(indent) == "" {
		e.insert(file, line-1, indent+directive)
		return true
	}
	l[line-1] = indent + directive + " " + l[line-1][at[0]:]
	return true
}

// mapUpgrade makes the Connection header depend on the request.
func mapUpgrade(e *edit, f *checks.Finding) (string, error) {
	v, err := e.variable("$http_upgrade", "$connection_upgrade", func(m *nginx.Map) bool {
		return strings.EqualFold(m.Default, "upgrade") && slices.ContainsFunc(m.Entries, func(x nginx.MapEntry) bool {
			return x.Key == "" && !strings.EqualFold(x.Value, "upgrade")
		})
	},
		"default upgrade;", "''      close;")
	if err != nil {
		return "", err
	}
	if !e.replace(f.File, f.Line, connectionLine, "${1}$"+v+";") {
		return "", none("line %d of %s is not a proxy_set_header of its own", f.Line, f.File)
	}
	// A constant Upgrade beside it would still make a handshake of every request.
	for line := max(1, f.Line-nearby); line <= f.Line+nearby; line++ {
		e.replace(f.File, line, upgradeLine, "${1}$$http_upgrade;")
	}
	return "Connection: upgrade only where the client asks for it", nil
}

// nearby is how many lines around a header its sibling is looked for.
const nearby = 6

// limitConns gives a server the limit of its neighbours, and an upstream the zone that makes limits count
// for all workers together.
func limitConns(e *edit, f *checks.Finding) (string, error) {
	name := strings.TrimPrefix(f.Object, "upstream ")
	var u *nginx.Upstream
	for _, x := range e.n.HTTP.Upstreams {
		if x.Name == name {
			u = x
		}
	}
	if u == nil {
		return "", none("upstream %s is not among the facts", name)
	}
	switch {
	case f.Key == "zone":
		if !openBrace.MatchString(e.n.Config.Line(u.D.File, u.D.Line)) {
			return "", none("upstream %s does not open on a line of its own", name)
		}
		e.insert(u.D.File, u.D.Line, "    zone "+zoneName(name)+" 64k;")
		return "the limit counts for all workers of nginx together", nil
	case strings.HasPrefix(f.Key, "unlimited "):
		least := 0
		for _, m := range u.Members {
			if m.MaxConns > 0 && (least == 0 || m.MaxConns < least) {
				least = m.MaxConns
			}
		}
		if least == 0 || !e.replace(f.File, f.Line, serverLine, fmt.Sprintf("${1} max_conns=%d;", least)) {
			return "", none("line %d of %s is not a server line of its own", f.Line, f.File)
		}
		return fmt.Sprintf("max_conns=%d on the last server too", least), nil
	}
	return "", none("it takes a person: see the fix")
}

var serverLine = regexp.MustCompile(`(\bserver\s+[^;{]*[^;{\s])\s*;`)

func zoneName(upstream string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, upstream)
}

// unbuffer lets a stream through as it comes.
func unbuffer(e *edit, f *checks.Finding) (string, error) {
	if !e.replace(f.File, f.Line, buffering, "${1}off;") && !e.beside(f.File, f.Line, passing, "proxy_buffering off;") {
		return "", none("line %d of %s passes nothing on", f.Line, f.File)
	}
	return "the stream is passed on as it comes", nil
}

var buffering = regexp.MustCompile(`(\bproxy_buffering\s+)on\s*;`)

// reload lets nginx read its files again.
func reload(w *checks.World, f *checks.Finding) (*Mend, error) {
	n := nginxOf(w, f)
	if n == nil {
		return nil, none("the nginx is not among the facts")
	}
	for _, note := range n.Notes {
		if strings.Contains(note, "[emerg]") {
			return nil, none("nginx refuses its configuration: mend that first")
		}
	}
	return &Mend{Kind: Reload, Title: "nginx reads its configuration again", Container: n.Container}, nil
}
