package nginxrules

import (
	"path"
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/hosts/nginx"
)

// paths are what requests for a level look like: the path of its location, and for a named location
// the paths of those that jump to it.
func (l level) paths() []string {
	if l.loc == nil {
		return []string{"/"}
	}
	if l.loc.Kind != "@" {
		return []string{l.loc.Path}
	}
	var out []string
	for _, x := range l.jumpers() {
		out = append(out, x.loc.Path)
	}
	if len(out) == 0 {
		return []string{l.loc.Path}
	}
	return out
}

// jumpers are the locations that hand requests to this named one.
func (l level) jumpers() []level {
	if l.loc == nil || l.loc.Kind != "@" {
		return nil
	}
	var out []level
	for _, x := range locations(l.n, l.server, l.server.Locs) {
		if x.jumpsTo(l.loc.Path) && x.loc != l.loc && x.scope.Inner().Kind == "location" {
			out = append(out, x)
		}
	}
	return out
}

func (l level) jumpsTo(name string) bool {
	for _, d := range l.scope.Inner().Body {
		if (d.Name == "try_files" || d.Name == "error_page") && len(d.Args) > 1 && d.Args[len(d.Args)-1] == name {
			return true
		}
	}
	return false
}

var (
	// wsPath is a path that names a WebSocket endpoint and serves little else.
	wsPath = regexp.MustCompile(`(?i)(^|[/_.-])(wss?[0-9]*|sockets?|socket\.?io|sockjs(-node)?|engine\.io|cable|webpack-hmr|hmr|signalr|hubs|websockify|mqtt|colibri-ws|_stcore/stream|notifications/hub)([/_.?$)|*-]|\\|$)|web-?socket|/events/?\$?$`)
	// wsName is the part of it that leaves no doubt.
	wsName = regexp.MustCompile(`(?i)(^|/)(wss?|web-?sockets?|socket\.io|sockjs|cable|websockify)/?\$?$`)
)

// webSocketOnly reports that nothing but WebSockets is expected at a level, by its paths or by the
// name of what it passes to.
func (l level) webSocketOnly() bool {
	if p := l.pass(); p != nil {
		if _, rest, ok := strings.Cut(p.Arg(0), "://"); ok && wsPath.MatchString(rest) {
			return true
		}
	}
	for _, p := range l.paths() {
		if !wsPath.MatchString(p) && !l.insideOf(wsPath) {
			return l.calledWebSocket()
		}
	}
	return true
}

var (
	saysWebSocket = regexp.MustCompile(`(?i)^\s*#.*(web[- ]?sockets?|socket\.io)`)
	saysMore      = regexp.MustCompile(`(?i)\b(api|rest|http|sse|and|uncomment|if needed|todo)\b|[+&/]`)
)

// calledWebSocket reports that the comment above a location gives it to WebSockets and to nothing
// else. The root and an API are never that, whatever is written above them.
func (l level) calledWebSocket() bool {
	if l.loc == nil || l.loc.Path == "/" || l.loc.Kind == "@" || apiPath.MatchString(l.loc.Path) {
		return false
	}
	t := l.n.Config.Line(l.loc.D.File, l.loc.D.Line-1)
	return saysWebSocket.MatchString(t) && !saysMore.MatchString(t)
}

// insideOf reports that a location around this one has such a path.
func (l level) insideOf(re *regexp.Regexp) bool {
	for _, x := range l.scope {
		if x.Kind == "location" && l.loc != nil && x.Open != l.loc.D && len(x.Open.Args) > 0 && re.MatchString(x.Open.Args[len(x.Open.Args)-1]) {
			return true
		}
	}
	return false
}

var (
	word = regexp.MustCompile(`[A-Za-z0-9_-]+`)
	// aside are words of paths that serve files or tell a machine's state: no application makes links
	// or redirects there.
	aside = regexp.MustCompile(`(?i)^(health|healthz|healthcheck|health-check|nginx[_-]?health|ping|pong|status|metrics|prometheus|ready|readyz|readiness|live|livez|liveness|stub_status|nginx_status|version|robots|txt|favicon|ico|sitemap|xml|well-known|acme-challenge|static|staticfiles|assets|uploads|media|images?|img|css|js|fonts?|dist|public|thumbnails?|avatars?|mjs|map|json|png|jpe?g|gif|svg|webp|avif|woff2?|ttf|otf|eot|mp[34]|webm|pdf|wasm|html?|s)$`)
)

// besides reports that a level serves only files or states of a machine.
func (l level) besides() bool {
	if l.loc == nil {
		return false
	}
	for _, p := range l.paths() {
		words := word.FindAllString(p, -1)
		if len(words) == 0 {
			return false
		}
		if !strings.Contains(p, "|") && l.loc.Kind != "@" {
			// Of a plain path the last part tells: /api/health.
			words = words[len(words)-1:]
		}
		for _, w := range words {
			if !aside.MatchString(w) {
				return false
			}
		}
	}
	return true
}

// harmless are includes that set no header of a request.
var harmless = regexp.MustCompile(`(?i)(mime\.types|fastcgi|uwsgi|scgi|ssl|tls|security|gzip|brotli|cache|resolver|letsencrypt|acme|certbot|error|modules?|geoip|deny|allow|blacklist|cors|dhparam)`)

// unread is an include in a level or around it that could not be read and may set what is missing, or
// nil.
func (l level) unread() *nginx.Directive {
	for _, x := range l.scope {
		for _, d := range inFile(l.n.Config.PerFile[x.Open.File], x.Open) {
			if d.Name == "include" && !harmless.MatchString(d.Arg(0)) && missing(l.n, d) {
				return d
			}
		}
	}
	return nil
}

// debianParams is an include of proxy_params whose file is not at hand, where its headers count. The
// file is Debian's and Ubuntu's own and the same everywhere: Host $http_host, X-Real-IP,
// X-Forwarded-For, and X-Forwarded-Proto $scheme.
func (l level) debianParams() *nginx.Directive {
	for i := len(l.scope) - 1; i >= 0; i-- {
		for _, d := range inFile(l.n.Config.PerFile[l.scope[i].Open.File], l.scope[i].Open) {
			if d.Name == "include" && path.Base(d.Arg(0)) == "proxy_params" && missing(l.n, d) {
				return d
			}
		}
		if nginx.Last(l.scope[i].Body, "proxy_set_header") != nil {
			return nil
		}
	}
	return nil
}

// missing reports that the file of an include was not at hand.
func missing(n *checks.Nginx, include *nginx.Directive) bool {
	for _, f := range n.Config.Faults {
		if f.File == include.File && f.Line == include.Line {
			return true
		}
	}
	return false
}

// inFile finds the body of a block as it stands in its file, before includes are expanded. The http
// block of a file that has none is the file.
func inFile(ds []*nginx.Directive, open *nginx.Directive) []*nginx.Directive {
	if open.Line == 0 {
		return ds
	}
	for _, d := range ds {
		if d.Line == open.Line && d.Name == open.Name && d.Block != nil {
			return d.Block
		}
		if d.Block != nil {
			if b := inFile(d.Block, open); b != nil {
				return b
			}
		}
	}
	return nil
}
