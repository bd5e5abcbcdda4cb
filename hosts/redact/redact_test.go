package redact

import (
	"encoding/json"
	"strings"
	"testing"

	"midwatch/hosts"
)

const sentinel = "S3ntinelValue42"

// Each place a secret was found in real dumps; the sentinel must be gone and the rest must stay.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	for _, k := range []struct{ name, got, keep string }{
		{"URL", Text("redis://user:" + sentinel + "@redis:6379/0"), "redis://user:•••@redis:6379/0"},
		{"URL without user", Text("redis://:" + sentinel + "@redis"), "redis://:•••@redis"},
		{"header", Text("curl -H 'Authorization: Bearer " + sentinel + "' x"), "Authorization: •••"},
		{"basic header", Text("Authorization: Basic " + sentinel), "Authorization: •••"},
		{"assignment", Text("REMOTE_PASS='" + sentinel + "' bash deploy.sh"), "bash deploy.sh"},
		{"bare assignment", Text("run API_KEY=" + sentinel + " now"), "API_KEY=•••"},
		{"PEM", Text("-----BEGIN RSA PRIVATE KEY-----\n" + sentinel + "\n-----END RSA PRIVATE KEY-----\nrest"), "rest"},
		{"flag", strings.Join(Args([]string{"x", "--password", sentinel, "-p", "80"}), " "), "-p 80"},
		{"flag with equals", strings.Join(Args([]string{"x", "--token=" + sentinel}), " "), "--token=•••"},
		{"curl -u", strings.Join(Args([]string{"curl", "-u", "bob:" + sentinel}), " "), "-u bob:•••"},
		{"env file", Lines("PORT=3000\nexport SECRET_KEY_BASE="+sentinel+"\n# PASSWORD=old", false), "PORT=3000\nexport SECRET_KEY_BASE=•••\n# PASSWORD=•••"},
		{"env file, all", Lines("ANY="+sentinel, true), "ANY=•••"},
		{"nginx header", Nginx("  proxy_set_header X-Api-Key " + sentinel + ";"), `X-Api-Key "•••";`},
		{"nginx bearer", Nginx(`  proxy_set_header Authorization "Bearer ` + sentinel + `";`), "proxy_set_header Authorization"},
		{"nginx map", Nginx("map $http_x_api_key $ok {\n  default 0;\n  \"" + sentinel + "\" 1;\n}"), "default 0;"},
		{"label", Label("traefik.http.middlewares.a.basicauth.users", "bob:"+sentinel), hosts.Dots},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(k.got, sentinel) {
				t.Errorf("leaks: %s", k.got)
			}
			if !strings.Contains(k.got, k.keep) {
				t.Errorf("lost %q: %s", k.keep, k.got)
			}
		})
	}
}

func TestWhatStays(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"proxy_set_header X-Forwarded-Proto $scheme;", "auth_basic \"Restricted area here\";",
		"proxy_set_header Authorization $http_authorization;", "http://host:8080/path", "set $upstream_token $http_x_token;", "key=value other=1",
	} {
		if got := Nginx(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func FuzzTwiceIsOnce(f *testing.F) {
	f.Add("redis://a:b@c PASSWORD=x Authorization: Bearer abcdefghij")
	f.Add("--token=a --password b\n-----BEGIN PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, s string) {
		once := Text(s)
		if twice := Text(once); twice != once {
			t.Errorf("%q, then %q", once, twice)
		}
		if strings.Count(Nginx(s), "\n") > strings.Count(s, "\n") || strings.Count(Lines(s, true), "\n") > strings.Count(s, "\n") {
			t.Error("lines were added")
		}
		if doc, err := json.Marshal(map[string]any{"Env": []string{s}, "Cmd": []string{s}, "Labels": map[string]string{"x": s}}); err == nil {
			if _, err := JSON(doc); err != nil {
				t.Error(err)
			}
		}
	})
}
