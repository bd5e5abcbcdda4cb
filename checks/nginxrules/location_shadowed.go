package nginxrules

import (
	"fmt"
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func locationShadowed() checks.Check {
	return checks.Check{
		ID:       "nginx-location-shadowed",
		Title:    "a location for file names takes requests away from a longer prefix",
		Area:     checks.AreaNginx,
		Severity: checks.Info,
		Why: "nginx tries patterns after it has found the longest prefix, and the first that matches wins. A pattern like \\.(js|css)$ takes PREFIX/app.js " +
			"away from the location of the prefix: scripts and pictures of that application answer 404 while its pages work.",
		Fix:       "location ^~ PREFIX { … } for the prefix that must keep all of its files, or put the pattern inside the location it is meant for.",
		Verify:    "curl -sI http://HOST/PREFIX/app.js is answered by the application, as its log shows",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_core_module.html#location"},
		Diagnoses: nil,
		Eval:      checks.OnNginx(evalLocationShadowed),
	}
}

// extensions is a pattern for the ends of file names.
var extensions = regexp.MustCompile(`\\\.(\(|\w+\$|\[)`)

func evalLocationShadowed(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, s := range n.HTTP.Servers {
		for _, x := range s.Locs {
			if x.Kind != "~" && x.Kind != "~*" || !extensions.MatchString(x.Path) || !strings.HasSuffix(x.Path, "$") {
				continue
			}
			probe := sample(x)
			if probe == "" {
				continue
			}
			var taken []string
			var lines []checks.Evidence
			for _, y := range s.Locs {
				if y.Kind != "" || y.Path == "/" || !strings.HasPrefix(y.Path, "/") || sameTarget(x, y) || noFiles(n, s, y) {
					continue
				}
				c := s.ChooseLocation(strings.TrimSuffix(y.Path, "/") + probe)
				if c.Location == x {
					taken = append(taken, y.Path)
					lines = append(lines, n.Line(y.D))
				}
			}
			if len(taken) == 0 {
				continue
			}
			f := n.At(x.D, "server "+s.Name()+" "+x.Label())
			f.Title = fmt.Sprintf("files below %s are taken by %s", strings.Join(taken, ", "), x.Label())
			f.Evidence = append(f.Evidence, lines[:min(3, len(lines))]...)
			out = append(out, f)
		}
	}
	return out
}

var extension = regexp.MustCompile(`\(?(?:\?:)?([a-z0-9]+)`)

// sample is a file name that a pattern for file names matches, "" when none is found.
func sample(x *nginx.Location) string {
	_, rest, ok := strings.Cut(x.Path, `\.`)
	m := extension.FindStringSubmatch(rest)
	if !ok || m == nil {
		return ""
	}
	return "/x." + m[1]
}

// noFiles reports that nobody asks for files below a location: it tells a state, redirects or takes
// WebSockets.
func noFiles(n *checks.Nginx, s *nginx.Server, l *nginx.Location) bool {
	x := level{n: n, server: s, loc: l, scope: l.Scope}
	return nginx.Last(l.D.Block, "return") != nil || machine.MatchString(l.Path) || x.namesWebSocket() && !strings.Contains(l.Path, "socket.io")
}

// machine are paths that machines ask.
var machine = regexp.MustCompile(`(?i)/(healthz?|health-?check|ping|metrics|status|ready|live|nginx[_-]?(health|status)|stub_status)/?$`)

// sameTarget reports that two locations end at the same place, so that it does not matter which one
// answers.
func sameTarget(a, b *nginx.Location) bool {
	for _, name := range []string{"proxy_pass", "alias", "fastcgi_pass", "uwsgi_pass", "root", "return", "try_files"} {
		x, y := nginx.Last(a.D.Block, name), nginx.Last(b.D.Block, name)
		if y != nil {
			return x != nil && strings.Join(x.Args, " ") == strings.Join(y.Args, " ")
		}
	}
	// It serves files of the server's root, as the pattern most likely does.
	return nginx.Last(a.D.Block, "proxy_pass") == nil && nginx.Last(a.D.Block, "root") == nil
}
