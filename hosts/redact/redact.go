package redact

import (
	"regexp"
	"strings"

	"midwatch/hosts"
)

// What is taken out of an answer before it goes anywhere: the value of every environment variable,
// labels and arguments whose name says that they hold a secret, passwords in URLs, private keys and
// authorization headers. Redacting twice gives the same as redacting once, so evidence that is
// parsed again passes through the same code as a live answer.

var (
	secretName = regexp.MustCompile(`(?i)(secret|passw|passphrase|(?:^|[-_.])(?:pass|pwd)(?:$|[-_.])|[a-z0-9][-_.]key$|token|api[-_.]?key|private[-_.]?key|access[-_.]?key|auth[-_.]?key|credential|basicauth|digestauth|requirepass|masterauth|connection[-_.]?string|\bdsn\b)`)
	urlUser    = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"]*):([^\s/@'"]+)@`)
	authHeader = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization\s*[:=]\s*|bearer\s+|basic\s+)((?:basic\s+|bearer\s+)?[A-Za-z0-9._~+/=-]{8,})`)
	pemKey     = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	assigned   = regexp.MustCompile(`(^|[\s;&?,'"])(-{0,2}[A-Za-z0-9_.-]+)(=)('[^'\n]+'|"[^"\n]+"|[^\s;&,'"]+)`)
	userFlag   = regexp.MustCompile(`((?:^|\s)(?:-u|--user)[ =])([^\s:]+):(\S+)`)
)

// Text masks what is secret by its shape, wherever it stands.
func Text(s string) string {
	if len(s) < 8 {
		return s
	}
	if strings.Contains(s, "://") {
		s = urlUser.ReplaceAllString(s, "${1}:"+hosts.Dots+"@")
	}
	if strings.Contains(s, "PRIVATE KEY") {
		s = pemKey.ReplaceAllString(s, hosts.Dots)
	}
	s = authHeader.ReplaceAllString(s, "${1}"+hosts.Dots)
	if strings.Contains(s, "=") {
		s = maskAssigned(s, 0)
	}
	if strings.Contains(s, "-u") {
		s = userFlag.ReplaceAllString(s, "${1}${2}:"+hosts.Dots)
	}
	return s
}

// maskAssigned masks the value of NAME=value. A value may be an assignment itself, as in systemd's
// Environment=NAME=value.
func maskAssigned(s string, depth int) string {
	return assigned.ReplaceAllStringFunc(s, func(m string) string {
		g := assigned.FindStringSubmatch(m)
		switch {
		case secretName.MatchString(g[2]):
			return g[1] + g[2] + g[3] + hosts.Dots
		case strings.Contains(g[4], "=") && depth < 4:
			return g[1] + g[2] + g[3] + maskAssigned(g[4], depth+1)
		}
		return m
	})
}

// Args masks arguments: the value of --password=x, and the argument after --password.
func Args(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = Text(a)
		if i == 0 {
			continue
		}
		prev := args[i-1]
		switch {
		case (prev == "-u" || prev == "--user") && strings.Contains(a, ":"):
			user, _, _ := strings.Cut(a, ":")
			out[i] = user + ":" + hosts.Dots
		case strings.HasPrefix(prev, "-") && !strings.Contains(prev, "=") && secretName.MatchString(prev) && !strings.HasPrefix(a, "-"):
			out[i] = hosts.Dots
		}
	}
	return out
}

// Label masks the value of one label.
func Label(name, value string) string {
	if value == "" {
		return ""
	}
	if secretName.MatchString(name) {
		return hosts.Dots
	}
	return Text(value)
}

// Labels masks the values of labels.
func Labels(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k] = Label(k, v)
	}
	return out
}

// Env keeps the name of NAME=value.
func Env(s string) string {
	name, _, found := strings.Cut(s, "=")
	if !found {
		return s
	}
	return name + "=" + hosts.Dots
}

// Lines masks NAME=value lines, as an environment file or a unit file has them: every value whose
// name says secret, and what is secret by its shape. With all set every value goes.
func Lines(text string, all bool) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		name, value, found := strings.Cut(l, "=")
		bare := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), "export "))
		if found && value != "" && !strings.HasPrefix(bare, "#") && !strings.ContainsAny(bare, " \t") && (all || secretName.MatchString(bare)) {
			lines[i] = name + "=" + hosts.Dots
			continue
		}
		lines[i] = l
	}
	return Text(strings.Join(lines, "\n"))
}

// Name reports that a name says that its value is a secret.
func Name(name string) bool { return secretName.MatchString(name) }
