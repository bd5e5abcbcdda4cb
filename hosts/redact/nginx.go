package redact

import (
	"regexp"
	"strings"

	"midwatch/hosts"
)

var (
	nginxValue = regexp.MustCompile(`((?:^|[\s;{}])(?:proxy_set_header|grpc_set_header|add_header|more_set_headers|fastcgi_param|uwsgi_param|scgi_param|set|secure_link_secret|proxy_ssl_password_file)\s+)([^\s;]+)(\s+)([^;]+)`)
	nginxMap   = regexp.MustCompile(`^\s*map\s+(\S+)\s+(\S+)\s*\{`)
	nginxEntry = regexp.MustCompile(`^(\s*)("[^"]*"|'[^']*'|\S+)(\s+\S+;.*)$`)
)

// Nginx masks secrets in nginx configuration, line for line so that line numbers stay: values of
// headers, parameters and variables whose name says secret, the keys of a map over such a variable,
// and what is secret by its shape. Values that are only variables stay, they hold nothing.
func Nginx(text string) string {
	lines := strings.Split(text, "\n")
	inMap := false
	for i, l := range lines {
		if m := nginxMap.FindStringSubmatch(l); m != nil {
			inMap = secretName.MatchString(m[1])
			continue
		}
		if inMap {
			if strings.Contains(l, "}") {
				inMap = false
			} else if m := nginxEntry.FindStringSubmatch(l); m != nil && m[2] != "default" && m[2] != `""` && m[2] != "''" {
				lines[i] = m[1] + `"` + hosts.Dots + `"` + m[3]
			}
			continue
		}
		lines[i] = nginxValue.ReplaceAllStringFunc(l, func(hit string) string {
			m := nginxValue.FindStringSubmatch(hit)
			if !secretName.MatchString(m[2]) || onlyVariables(m[4]) {
				return hit
			}
			return m[1] + m[2] + m[3] + `"` + hosts.Dots + `"`
		})
	}
	return Text(strings.Join(lines, "\n"))
}

func onlyVariables(v string) bool {
	v = strings.Trim(v, `"'`)
	return v == "" || strings.HasPrefix(v, "$") && !strings.ContainsAny(v[1:], " $")
}
