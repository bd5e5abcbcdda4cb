package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"midwatch/hosts"
)

var at = time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)

const sentinel = "S3ntinel/Value+42"

func sample() *Capture {
	return &Capture{
		At: at, By: "test", Hosts: []hosts.Host{{Name: "a", Address: "10.0.0.1", Kind: hosts.KindSSH}},
		Links:  map[string]hosts.Link{"a": {State: hosts.StateConnected, Since: at}},
		Events: []hosts.Event{{At: at, Host: "a", Kind: "container", Action: "die"}},
		Evidence: []hosts.Evidence{
			{Host: "a", Collector: "files", Source: "cat", At: at, Data: []byte("x\ny\n")},
			{Host: "a", Collector: "nginx", Source: "nginx -T", At: at, Error: "permission denied", Needs: "root"},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.mwc")
	if err := Save(path, sample(), nil); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample(), got); d != "" {
		t.Error(d)
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	s := got.Snapshot()
	if s.Host("a").Link.State != hosts.StateConnected || len(s.Events) != 1 {
		t.Errorf("%+v", s.Host("a").Link)
	}
}

// A sentinel in each place a secret is known to stand is not in the unpacked bytes.
func TestSentinelIsTakenOut(t *testing.T) {
	t.Parallel()
	c := sample()
	c.Evidence = []hosts.Evidence{
		{Host: "a", Collector: "units", Data: []byte("Environment=API_TOKEN=" + sentinel + "\n")},
		{Host: "a", Collector: "env", Data: []byte("DB_PASSWORD=" + sentinel + "\nURL=postgres://u:" + url.QueryEscape(sentinel) + "@db/x\n")},
		{Host: "a", Collector: "nginx.host", Data: []byte("proxy_set_header Authorization \"Bearer " + sentinel + "\";\n")},
		{Host: "a", Collector: "docker.containers", Data: []byte(`[{"Config":{"Env":["X=` + sentinel + `"]}}]`)},
	}
	var b bytes.Buffer
	if err := Write(&b, c, []hosts.Secret{hosts.NewSecret(sentinel)}); err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(mustPack(t, plain.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range got.Evidence {
		if bytes.Contains(e.Data, []byte(sentinel)) || bytes.Contains(e.Data, []byte(url.QueryEscape(sentinel))) {
			t.Errorf("%s: %s", e.Collector, e.Data)
		}
	}
}

func mustPack(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What redaction cannot recognise is refused when the secret is known, in whatever form it stands.
func TestKnownSecretIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"plain": "the word is " + sentinel, "hex": hex.EncodeToString([]byte(sentinel)), "url": "q?" + url.QueryEscape(sentinel),
		"base64": base64.StdEncoding.EncodeToString([]byte(sentinel)), "base64 inside": base64.StdEncoding.EncodeToString([]byte("ab" + sentinel + "cd")),
		"base64 inside by one": base64.StdEncoding.EncodeToString([]byte("a" + sentinel + "cd")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "c")
			if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			c := sample()
			c.Evidence[0].Data = []byte(text)
			err := Save(path, c, []hosts.Secret{hosts.NewSecret(sentinel)})
			var se *SecretError
			if !errors.As(err, &se) || strings.Contains(err.Error(), sentinel) {
				t.Errorf("error: %v", err)
			}
			if old, _ := os.ReadFile(path); string(old) != "before" {
				t.Errorf("the old file is gone: %q", old)
			}
			left, _ := os.ReadDir(filepath.Dir(path))
			if len(left) != 1 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	var good bytes.Buffer
	if err := Write(&good, sample(), nil); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty": {}, "text": []byte("hello"), "cut": good.Bytes()[:good.Len()-12],
		"newer":    mustPack(t, []byte(`{"format":"midwatch-capture","version":99}`+"\n")),
		"other":    mustPack(t, []byte(`{"format":"x","version":1}`+"\n")),
		"no foot":  mustPack(t, []byte(`{"format":"midwatch-capture","version":1}`+"\n")),
		"miscount": mustPack(t, []byte(`{"format":"midwatch-capture","version":1}`+"\n"+`{"end":true,"count":3}`+"\n")),
		"no JSON":  mustPack(t, []byte("{\n")),
	} {
		if _, err := Read(bytes.NewReader(data)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	var good bytes.Buffer
	if err := Write(&good, sample(), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Fuzz(func(_ *testing.T, data []byte) {
		if c, err := Read(bytes.NewReader(data)); err == nil {
			c.Snapshot()
		}
	})
}
