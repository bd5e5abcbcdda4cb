package picture

import (
	"regexp"
	"strconv"
	"strings"

	"midwatch/checks/trace"
)

// Lines gives one line of a configuration file of an nginx; container is "" for the host's own.
type Lines func(host, container, file string, line int) string

var (
	server   = regexp.MustCompile(`set \$way ([\w-]+);`)
	location = regexp.MustCompile(`\$way ([\w-]+)" always;`)
)

// Sign replaces "@SRV NAME@" and "@LOC NAME@" in the configuration of one nginx by what makes it sign
// its answers. A server is known by its variable, which keeps its value in internal redirects too.
func Sign(text, host, container string) string {
	at := at(host, container)
	text = regexp.MustCompile(`@SRV ([\w-]+)@`).ReplaceAllString(text, `set $$way $1; add_header X-Way "`+at+` $$way -" always;`)
	return regexp.MustCompile(`@LOC ([\w-]+)@`).ReplaceAllString(text, `add_header X-Way "`+at+` $$way $1" always;`)
}

func at(host, container string) string {
	if container == "" {
		container = "host"
	}
	return host + "/" + container
}

// Promised puts a trace into the words of an answer.
func Promised(t *trace.Trace, line Lines) Answer {
	a := Answer{Status: 200}
	proxied := false
	for i := range t.Hops {
		h := &t.Hops[i]
		switch h.Kind {
		case "server":
			a.Way = append(a.Way, at(h.Host, h.Container)+" "+sign(server, line(h.Host, h.Container, h.File, declared(h.Line, h, line)))+" -")
			a.By, a.Saw, proxied = "", "", false
		case "location":
			if n := len(a.Way) - 1; n >= 0 {
				a.Way[n] = a.Way[n][:strings.LastIndexByte(a.Way[n], ' ')+1] + sign(location, line(h.Host, h.Container, h.File, h.Line))
			}
		case "response", "redirect":
			a.Status, _ = strconv.Atoi(h.Object) // 0: not decided
			if h.Kind == "redirect" {
				a.Location = h.Target
			}
			a.By, a.Saw, proxied = "", "", false
		case "static":
			a.Status = 0
		case "container", "unit":
			a.By = h.Host + "/" + h.Object
		}
		if h.Passes != nil {
			a.Saw, proxied = saw(h.Passes), true
		}
		if proxied && h.Status == trace.Broken && h.Kind != "server" && h.Kind != "location" {
			a.Status, a.By, a.Saw = 502, "", ""
		}
	}
	if a.By == "" {
		a.Saw = ""
	}
	return a
}

// declared finds the line that signs a server: the one that opens it or, when listen and name stand on
// a line of their own, the next.
func declared(n int, h *trace.Hop, line Lines) int {
	if server.MatchString(line(h.Host, h.Container, h.File, n)) {
		return n
	}
	return n + 1
}

func sign(re *regexp.Regexp, text string) string {
	if m := re.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return "?"
}

// saw is what the last proxy says that it passes on, as the service at the end says what it saw.
func saw(passes []trace.Pair) string {
	got := map[string]string{}
	for _, p := range passes {
		got[p.Name], _, _ = strings.Cut(p.Value, "  (")
	}
	s := got["uri"] + " host=" + got["Host"]
	for _, n := range []string{"X-Forwarded-Proto", "Upgrade"} {
		if got[n] != "" {
			s += " " + strings.ToLower(n) + "=" + got[n]
		}
	}
	return s
}
