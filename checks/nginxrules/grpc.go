package nginxrules

import (
	"midwatch/checks"
	"midwatch/hosts/nginx"
)

func grpcH2() checks.Check {
	return checks.Check{
		ID:       "nginx-grpc-h2",
		Title:    "grpc_pass, and no listener takes HTTP/2",
		Area:     checks.AreaNginx,
		Severity: checks.Warning,
		Why: "gRPC needs HTTP/2 from the client on. On a listener that speaks HTTP/1.1 only, calls end with status 14 (unavailable) " +
			"or a protocol error, and the log shows \"PRI * HTTP/2.0\" with 400.",
		Fix:     "http2 on; in the server (since 1.25.1), listen 443 ssl http2; before. Headers for the upstream are set with grpc_set_header.",
		Verify:  "grpcurl HOST:443 list answers",
		Sources: []string{"https://nginx.org/en/docs/http/ngx_http_grpc_module.html", "https://nginx.org/en/docs/http/ngx_http_v2_module.html#http2"},
		Eval:    checks.OnNginx(evalGRPC),
	}
}

func evalGRPC(n *checks.Nginx) []checks.Finding {
	var out []checks.Finding
	for _, l := range levels(n) {
		d := nginx.Last(l.scope.Inner().Body, "grpc_pass")
		if d == nil {
			continue
		}
		if l.written() && l.value("http2", "off") != "on" && !h2(l.server) {
			f := n.At(d, l.object())
			f.Evidence = append(f.Evidence, n.Line(l.server.Listens[0].D))
			out = append(out, f)
		}
		if set, _ := l.scope.Array("proxy_set_header"); len(set) > 0 && nginx.Last(l.scope.Inner().Body, "proxy_set_header") != nil {
			f := n.At(nginx.Last(l.scope.Inner().Body, "proxy_set_header"), l.object())
			f.Key = "headers"
			f.Severity = checks.Info
			f.Title = "proxy_set_header has no effect on grpc_pass"
			f.Fix = "grpc_set_header NAME VALUE; instead."
			f.Evidence = append(f.Evidence, n.Line(d))
			out = append(out, f)
		}
	}
	return out
}

// h2 reports that some listen line of a server takes HTTP/2.
func h2(s *nginx.Server) bool {
	for _, l := range s.Listens {
		if l.HTTP2 || l.QUIC {
			return true
		}
	}
	return false
}
