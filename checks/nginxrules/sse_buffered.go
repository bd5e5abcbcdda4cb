package nginxrules

import (
	"regexp"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/checks/live"
	"midwatch/hosts/nginx"
)

func sseBuffered() checks.Check {
	return checks.Check{
		ID:       "nginx-sse-buffered",
		Title:    "a stream of events is held back in buffers",
		Area:     checks.AreaStream,
		Severity: checks.Warning,
		Why: "proxy_buffering is on: nginx collects the small events of a stream until a buffer is full or the answer ends, and the client sees nothing and then everything at once. " +
			"It is no fault where the application answers with X-Accel-Buffering: no.",
		Fix: "In this location: proxy_buffering off; proxy_cache off; proxy_read_timeout 1h; proxy_http_version 1.1; proxy_set_header Connection ''; " +
			"or let the application send X-Accel-Buffering: no with its answer.",
		Verify:    "curl -sN -m 10 -H 'Accept: text/event-stream' http://HOST/PATH shows each event when it happens",
		Sources:   []string{"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_buffering"},
		Diagnoses: []string{"sse-buffering"},
		Eval:      checks.OnNginx(evalSSEBuffered),
	}
}

var (
	// streamPath is a path that names a stream of events.
	streamPath = regexp.MustCompile(`(?i)(^|[/_.^(|-])(streams?|sse|event-?stream|events?|chat/completions|subscribe)([/_.?$)|*-]|\\|$)`)
	// mediaPath is one that names another kind of stream.
	mediaPath = regexp.MustCompile(`(?i)video|audio|media|hls|rtmp|live|cam|webcam|radio|m3u8|mp4|download`)
	// saysStream is a comment that says what goes through.
	saysStream = regexp.MustCompile(`(?i)#.*(\bsse\b|server[- ]sent|event[- ]?stream|token stream|streaming (response|answer|chat|output)|llm)`)
	// accelSaid is one that says the application prevents buffering itself.
	accelSaid = regexp.MustCompile(`(?i)#.*x-accel-buffering`)
	apiPath   = regexp.MustCompile(`(?i)(^|[/^(|])(api|v[0-9]+|chat|ai|llm|agent|generate|completions?|ask|query)([/$)|]|$)`)
)

// patient is how long an API waits that most likely streams: no answer takes that long in one piece.
const patient = 10 * time.Minute

func evalSSEBuffered(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range passes(n) {
		why, line := l.streams(n)
		if why == "" || l.value("proxy_buffering", "on") == "off" {
			continue
		}
		if d := l.unread(); d != nil && l.scope.Value("proxy_buffering") == nil {
			out = append(out, checks.Unsure(l.object(), "whether answers are buffered: "+d.Arg(0)+" ("+d.At()+") is not at hand"))
			continue
		}
		at := l.scope.Value("proxy_buffering")
		if at == nil {
			at = l.pass()
		}
		f := n.At(at, l.object())
		f.Title = why
		if line != nil {
			f.Evidence = append(f.Evidence, n.Line(line))
		}
		if strings.HasPrefix(why, "an API") {
			f.Severity = checks.Info
		}
		if _, d := l.header("X-Accel-Buffering"); d != nil {
			f.Title += "; X-Accel-Buffering as a header of the request has no effect"
			f.Evidence = append(f.Evidence, n.Line(d))
		}
		if ignored := l.ignoresAccel(); ignored != nil {
			f.Title += "; what the application says about buffering is ignored"
			f.Evidence = append(f.Evidence, n.Line(ignored))
		}
		settle(n, &f, live.SSEBuffering, "", l)
		out = append(out, f)
	}
	return out
}

// streams says why a level is taken to answer with a stream of events, and by which line; "" when it
// is not.
func (l level) streams(n *checks.Nginx) (why string, by *nginx.Directive) {
	if up, d := l.header("Upgrade"); d != nil && up != "" && l.connects() || l.loc == nil || l.besides() {
		return "", nil
	}
	if d := l.comment(n, accelSaid); d != nil {
		return "", nil
	}
	path := strings.Join(l.paths(), " ")
	if streamPath.MatchString(path) && !mediaPath.MatchString(path) {
		return "answers of " + l.loc.Label() + " are buffered, and its name says stream", l.loc.D
	}
	if _, d := l.header("X-Accel-Buffering"); d != nil {
		return "answers are buffered, and a line tries to prevent it", nil
	}
	if d := l.comment(n, saysStream); d != nil {
		return "answers are buffered, and a comment speaks of a stream", d
	}
	// A large upload explains a long wait; a stream in chunks needs HTTP/1.1.
	own := nginx.Last(l.loc.D.Block, "proxy_read_timeout")
	if own != nil && nginx.Duration(own.Arg(0)) >= patient && l.value("proxy_http_version", "1.0") != "1.0" && apiPath.MatchString(path) &&
		l.scope.Value("client_max_body_size") == nil && l.scope.Value("proxy_request_buffering") == nil {
		return "an API that is waited for so long may stream, and its answers are buffered", own
	}
	return "", nil
}

// connects reports that a WebSocket handshake goes through.
func (l level) connects() bool {
	if _, d := l.header("Connection"); d == nil {
		return false
	}
	v, known := l.sent("Connection", webSocket)
	return !known || hasToken(v, "upgrade")
}

// comment is a comment in a location, or above it, that the pattern matches.
func (l level) comment(n *checks.Nginx, re *regexp.Regexp) *nginx.Directive {
	d := l.loc.D
	for i, last := max(1, d.Line-2), lastLine(d)+1; i <= last; i++ {
		t := n.Config.Line(d.File, i)
		if (i < d.Line || i == last) && !strings.HasPrefix(strings.TrimSpace(t), "#") {
			continue
		}
		if strings.Contains(t, "#") && re.MatchString(t) {
			return &nginx.Directive{File: d.File, Line: i}
		}
	}
	return nil
}

// ignoresAccel is the line that makes nginx ignore the application's X-Accel-Buffering, or nil.
func (l level) ignoresAccel() *nginx.Directive {
	set, _ := l.scope.Array("proxy_ignore_headers")
	for _, d := range set {
		for _, a := range d.Args {
			if strings.EqualFold(a, "X-Accel-Buffering") {
				return d
			}
		}
	}
	return nil
}
