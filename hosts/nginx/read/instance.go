package read

import (
	"regexp"
	"strings"

	"midwatch/hosts"
	"midwatch/hosts/nginx"
	"midwatch/hosts/redact"
)

var versionText = regexp.MustCompile(`nginx(?: version:? )?(?:nginx)?/(\d+(?:\.\d+)*)`)

// Version finds "1.22.1" in what nginx -v or -V printed; "" when it is not there.
func Version(text string) string {
	if m := versionText.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// Instance makes the facts of one nginx from what "nginx -T" printed and what "nginx -v" said.
// container is "" for the host's own. Secrets are taken out of the text first.
func Instance(container, id, version, stdout, stderr string) hosts.Nginx {
	n := hosts.Nginx{Container: container, ContainerID: id, Version: Version(version)}
	for line := range strings.Lines(stderr) {
		line = hosts.Clean(strings.TrimSpace(line))
		if line != "" && !strings.Contains(line, "syntax is ok") && !strings.Contains(line, "test is successful") && !strings.HasPrefix(line, "nginx version:") {
			n.Notes = append(n.Notes, redact.Text(line))
		}
	}
	if _, ok := SplitDump([]byte(stdout)); !ok {
		n.Error = "nginx -T printed no configuration"
		for _, note := range n.Notes {
			if strings.Contains(note, "[emerg]") || strings.Contains(note, "denied") {
				n.Error += ": " + note
				break
			}
		}
		return n
	}
	n.Config = ParseDump([]byte(redact.Nginx(stdout)))
	n.HTTP = nginx.NewHTTP(n.Config)
	n.HTTP.Version = n.Version
	return n
}
