package docker

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"

	"midwatch/hosts"
)

// What is taken out of an answer before it goes anywhere: the value of every environment variable,
// labels and arguments whose name says that they hold a secret, passwords in URLs, private keys and
// authorization headers. Redacting twice gives the same as redacting once, so evidence that is
// parsed again passes through the same code as a live answer.

var (
	secretName = regexp.MustCompile(`(?i)(secret|passw|passphrase|token|api[-_.]?key|private[-_.]?key|access[-_.]?key|auth[-_.]?key|credential|basicauth|digestauth|requirepass|masterauth|connection[-_.]?string|\bdsn\b)`)
	urlUser    = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'"]*):([^\s/@'"]+)@`)
	authHeader = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization\s*[:=]\s*|bearer\s+|basic\s+)((?:basic\s+|bearer\s+)?[A-Za-z0-9._~+/=-]{8,})`)
	pemKey     = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	assigned   = regexp.MustCompile(`(^|[\s;&?,'"])(-{0,2}[A-Za-z0-9_.-]+)(=)([^\s;&,'"]+)`)
	userFlag   = regexp.MustCompile(`((?:^|\s)(?:-u|--user)[ =])([^\s:]+):(\S+)`)
)

// redactText masks what is secret by its shape, wherever it stands.
func redactText(s string) string {
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
		s = assigned.ReplaceAllStringFunc(s, func(m string) string {
			g := assigned.FindStringSubmatch(m)
			if !secretName.MatchString(g[2]) {
				return m
			}
			return g[1] + g[2] + g[3] + hosts.Dots
		})
	}
	if strings.Contains(s, "-u") {
		s = userFlag.ReplaceAllString(s, "${1}${2}:"+hosts.Dots)
	}
	return s
}

// redactArgs masks arguments: the value of --password=x, and the argument after --password.
func redactArgs(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = redactText(a)
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

// redactLabel masks the value of one label.
func redactLabel(name, value string) string {
	if value == "" {
		return ""
	}
	if secretName.MatchString(name) {
		return hosts.Dots
	}
	return redactText(value)
}

func redactLabels(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k] = redactLabel(k, v)
	}
	return out
}

// redactEnv keeps the name of NAME=value.
func redactEnv(s string) string {
	name, _, found := strings.Cut(s, "=")
	if !found {
		return s
	}
	return name + "=" + hosts.Dots
}

// redactJSON takes secrets out of any JSON document of the API.
func redactJSON(doc []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber() // sizes and times must come out as they went in
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(redactValue("", v)); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func redactValue(key string, v any) any {
	switch v := v.(type) {
	case string:
		return redactString(key, v)
	case []any:
		return redactList(key, v)
	case map[string]any:
		for k, e := range v {
			s, isText := e.(string)
			switch {
			case isText && (key == "Labels" || key == "Options" || key == "DriverOpts"):
				v[k] = redactLabel(k, s)
			case isText && s != "" && namesSecret(k):
				v[k] = hosts.Dots
			default:
				v[k] = redactValue(k, e)
			}
		}
		return v
	default:
		return v
	}
}

// namesSecret is for keys of the API itself; SecretID and the like are names, not secrets.
func namesSecret(key string) bool {
	switch strings.ToLower(key) {
	case "password", "auth", "identitytoken", "registrytoken", "unlockkey", "jointokens", "worker_token", "manager_token":
		return true
	}
	return false
}

func redactString(key, s string) string {
	if key == "Command" {
		return strings.Join(redactArgs(strings.Split(s, " ")), " ")
	}
	return redactText(s)
}

func redactList(key string, v []any) any {
	texts := make([]string, 0, len(v))
	for _, e := range v {
		s, ok := e.(string)
		if !ok {
			texts = nil
			break
		}
		texts = append(texts, s)
	}
	switch {
	case texts == nil:
		for i := range v {
			v[i] = redactValue("", v[i])
		}
		return v
	case key == "Env":
		for i, s := range texts {
			texts[i] = redactEnv(s)
		}
	default:
		texts = redactArgs(texts)
	}
	for i := range v {
		v[i] = texts[i]
	}
	return v
}
