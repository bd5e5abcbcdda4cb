package nginxrules

import (
	"regexp"
	"strings"

	"midwatch/checks"
	"midwatch/checks/live"
	"midwatch/hosts/nginx"
)

func xfpOverwritten() checks.Check {
	return checks.Check{
		ID:       "xfp-overwritten-behind-tls-proxy",
		Title:    "X-Forwarded-Proto is set to http on a plain listener: the https of a proxy in front is lost",
		Area:     checks.AreaForwarded,
		Severity: checks.Warning,
		Why: "This server takes plain HTTP and tells the application its own scheme. Where TLS ends in front of it, at Envoy, Traefik or a load balancer, " +
			"the https that arrives in X-Forwarded-Proto is replaced by http: the login comes back to http://, redirects loop, forms fail their origin check. " +
			"It is no fault where no TLS is in front.",
		Fix: "At the http level: map $http_x_forwarded_proto $forwarded_proto { default $http_x_forwarded_proto; '' $scheme; } " +
			"and at the level that sets the headers: proxy_set_header X-Forwarded-Proto $forwarded_proto; " +
			"The proxy in front must overwrite what clients send.",
		Verify: "curl -sI -H 'X-Forwarded-Proto: https' -H 'Host: NAME' http://HOST:PORT/PATH-THAT-REDIRECTS shows a Location with https://",
		Sources: []string{
			"https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_set_header",
			"https://github.com/BLB3DPrinting/filaops/issues/544",
			"https://github.com/iflytek/skillhub/issues/443",
		},
		Diagnoses: []string{"redirect-scheme"},
		Eval:      checks.OnNginx(evalXFPOverwritten),
	}
}

const xfp = "X-Forwarded-Proto"

func evalXFPOverwritten(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, g := range groups(passes(n), func(l level) *nginx.Directive {
		if !l.overwritesScheme() {
			return nil
		}
		if _, d := l.header(xfp); d != nil {
			return d
		}
		return l.debianParams()
	}) {
		f := g.find(n)
		if g.d.Name == "include" {
			f.Title = "Debian's proxy_params sets X-Forwarded-Proto to $scheme on a plain listener: the https of a proxy in front is lost"
		}
		for i, front := range fronts(n, g.at[0].server) {
			if i == 0 {
				f.Severity = checks.Error
				f.Title = "X-Forwarded-Proto is set to http, and " + front.what + " in front ends TLS"
			}
			f.Evidence = append(f.Evidence, front.evidence)
		}
		if d := g.at[0].hintOfTLS(); d != nil {
			f.Evidence = append(f.Evidence, n.Line(d))
		}
		if line := behindTLS(n, g.at[0].server); line > 0 {
			f.Severity = checks.Error
			f.Evidence = append(f.Evidence, n.Line(&nginx.Directive{File: g.at[0].server.D.File, Line: line}))
		}
		if ssl, _ := g.at[0].tls(); len(ssl) > 0 {
			f.Title = "X-Forwarded-Proto says http on the plain listener of a server that has TLS as well"
		}
		settle(n, &f, live.RedirectScheme, "", g.at...)
		out = append(out, f)
	}
	return out
}

// overwritesScheme reports that a request that came by https to whoever is in front arrives at the
// application as http.
func (l level) overwritesScheme() bool {
	_, plain := l.tls()
	if len(plain) == 0 || !l.written() || l.besides() || l.sendsPlainAway() {
		return false
	}
	if _, d := l.header(xfp); d == nil {
		return l.debianParams() != nil
	}
	v, known := l.sent(xfp, viaHTTPS)
	return known && strings.EqualFold(v, "http")
}

// sendsPlainAway reports that the server answers plain requests with a redirect and passes none on.
func (l level) sendsPlainAway() bool {
	for _, d := range nginx.Find(l.server.D.Block, "if") {
		cond := strings.Join(d.Args, " ")
		if !strings.Contains(cond, "$scheme") && !strings.Contains(cond, "$https") && !strings.Contains(cond, "$server_port") {
			continue
		}
		for _, x := range d.Block {
			if (x.Name == "return" || x.Name == "rewrite") && strings.Contains(x.String(), "https://") {
				return true
			}
		}
	}
	return nginx.Last(l.server.D.Block, "return") != nil
}

// hintOfTLS is a line that only makes sense where TLS is somewhere, or nil.
func (l level) hintOfTLS() *nginx.Directive {
	hsts, _ := l.scope.Array("add_header")
	for _, d := range hsts {
		if strings.EqualFold(d.Arg(0), "Strict-Transport-Security") {
			return d
		}
	}
	if d := l.scope.Value("real_ip_header"); d != nil {
		return d
	}
	if d := l.scope.Value("proxy_redirect"); d != nil && strings.HasPrefix(d.Arg(1), "https:") {
		return d
	}
	return nil
}

var saysBehindTLS = regexp.MustCompile(`(?i)#.*((tls|ssl|https)\b.{0,40}\b(terminat|offload|ends? (at|in|on)|is handled (by|at))|(terminat|offload)\w*\b.{0,20}\b(tls|ssl|https)|behind (an? |the )?(envoy|traefik|cloudflare|caddy|haproxy|alb|elb|https|tls))`)

type behindKey struct{ s *nginx.Server }

// behindTLS finds a comment in or just above a server that says where TLS ends; 0 when there is none.
func behindTLS(n *checks.Nginx, s *nginx.Server) int {
	line, _ := n.World.Once(behindKey{s}, func() any { return findBehindTLS(n, s) }).(int)
	return line
}

func findBehindTLS(n *checks.Nginx, s *nginx.Server) int {
	if s.D.Line == 0 {
		return 0
	}
	last := s.D.Line
	for _, d := range s.D.Block {
		if d.File == s.D.File {
			last = max(last, lastLine(d))
		}
	}
	for i := max(1, s.D.Line-6); i <= last; i++ {
		if t := n.Config.Line(s.D.File, i); strings.Contains(t, "#") && saysBehindTLS.MatchString(t) && !strings.Contains(strings.ToLower(t), "uncomment") {
			return i
		}
	}
	return 0
}

// lastLine is the last line of a directive that its file tells: that of its last child.
func lastLine(d *nginx.Directive) int {
	line := d.Line
	for _, x := range d.Block {
		if x.File == d.File {
			line = max(line, lastLine(x))
		}
	}
	return line
}
