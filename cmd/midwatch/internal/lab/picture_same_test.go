//go:build lab

package lab

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"midwatch/cmd/midwatch/internal/picture"
	"midwatch/hosts/capture"
)

// moves are the keys of the status that are another value with every look at a host, and those that say
// how it was looked at.
var moves = []string{"at", "age", "via", "load", "uptime", "memory", "used", "available", "used_percent", "status", "since"}

// sameStatus wants the same status of the capture as of the hosts.
func sameStatus(t *testing.T, live, away *Program) {
	t.Helper()
	read := func(p *Program) any {
		r := p.Run(t, "status", "--json")
		var doc any
		if err := json.Unmarshal([]byte(r.Stdout), &doc); err != nil {
			t.Fatalf("%v\n%s\n%s", err, r.Stdout, r.Stderr)
		}
		return still(doc)
	}
	theirs, ours := read(live), read(away)
	if theirs, ours := theirs.(map[string]any), ours.(map[string]any); ours["verdict"] == theirs["verdict"] || strings.HasPrefix(ours["verdict"].(string), theirs["verdict"].(string)+" · ") {
		delete(ours, "verdict") // which tells the age, too
		delete(theirs, "verdict")
	}
	if d := cmp.Diff(theirs, ours); d != "" {
		t.Errorf("status of the hosts (-) and of their capture (+):\n%s", d)
	}
}

// still leaves out what moves.
func still(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			if slices.Contains(moves, k) {
				delete(v, k)
				continue
			}
			v[k] = still(v[k])
		}
	case []any:
		v = slices.DeleteFunc(v, func(one any) bool { // a capture gets old
			problem, ok := one.(map[string]any)
			return ok && problem["kind"] == "stale"
		})
		for i := range v {
			v[i] = still(v[i])
		}
		return v
	}
	return v
}

// other are screens of which a capture shows something else on purpose.
var other = map[string]string{
	"Logs":     "a capture holds no lines",
	"Timeline": "a capture ends when it is taken, the console goes on",
}

var tabs = regexp.MustCompile(`[ \[](\d) ([A-Z][a-z]+)`)

// sameScreens goes through all screens of two consoles and wants the same on them, ages apart.
func sameScreens(t *testing.T, live, away *Program) {
	t.Helper()
	const w, h = 200, 50
	a, b := live.Terminal(t, w, h), away.Terminal(t, w, h)
	a.Wait(60*time.Second, "the console is filled", func(s string) bool { return len(up.FindAllString(s, -1)) == 2 })
	b.Shows(20*time.Second, "capture of")
	list := tabs.FindAllStringSubmatch(strings.SplitN(a.Screen(), "\n", 3)[1], -1)
	if len(list) < 2 {
		t.Fatalf("no tabs on\n%s", a.Screen())
	}
	for _, tab := range list {
		t.Run(tab[2], func(t *testing.T) {
			if why := other[tab[2]]; why != "" {
				t.Skip(why)
			}
			a.Keys(tab[1])
			b.Keys(tab[1])
			var diff, theirs string
			deadline := time.Now().Add(40 * time.Second)
			for {
				theirs = a.Screen()
				if diff = cmp.Diff(calm(theirs), calm(b.Screen())); diff == "" && strings.Contains(theirs, "["+tab[1]+" "+tab[2]) {
					t.Logf("the same:\n%s", theirs)
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("the console on the hosts (-) and on their capture (+):\n%s\n%s\n%s", diff, theirs, b.Screen())
				}
				pause(t, 500*time.Millisecond)
			}
		})
	}
}

var (
	frame = regexp.MustCompile(`[─ ]+`)
	age   = regexp.MustCompile(`\b(\d+(\.\d+)?(ms|s|m|h|d))+\b`)
	meter = regexp.MustCompile(`[▁▂▃▄▅▆▇█░]+|\b\d+(\.\d+)?[KMG]\b|\b\d+(\.\d+)?%|\b\d+\.\d\d\b`)
	// Whichever is fuller, space or inodes, is shown, and either may be in a file system of memory.
	full = regexp.MustCompile(`# +# +(of inodes, \S+ of #|# +of +#)`)
	// How much of a text has room depends on how wide a figure in another column is.
	cut    = regexp.MustCompile(`[^\s│…]+( [^\s│…]+)* ?…`)
	source = regexp.MustCompile(`AGE · [^│╮]*|(GET|ss|via|/containers/ID/json)[^│╮]*`)
)

// calm takes out of a screen what another moment would show differently: ages, meters, and the sources
// beside the ages, of which the oldest is shown; and the first line, which says that it is a capture.
func calm(screen string) []string {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	out := make([]string, 0, len(lines))
	for _, l := range lines[1:] {
		l = strings.NewReplacer("~", " ").Replace(age.ReplaceAllString(l, "AGE"))
		l = strings.Replace(l, "as of AGE ago", "", 1)
		l = full.ReplaceAllString(meter.ReplaceAllString(l, "#"), "#")
		l = source.ReplaceAllString(l, "")
		l = cut.ReplaceAllStringFunc(l, func(text string) string {
			r := []rune(text)
			return string(r[:min(12, len(r))])
		})
		out = append(out, strings.TrimSpace(frame.ReplaceAllString(l, " ")))
	}
	return out
}

// holdsNoSecret searches the unpacked capture, and everything that is printed as JSON, for what was planted.
func holdsNoSecret(t *testing.T, w *World, file string, live, away *Program) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var b strings.Builder
	if _, err := z.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	search(t, w, "the capture", b.String())
	c, err := capture.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	for _, e := range c.Evidence { // which the file holds in base64
		b.Write(e.Data)
		b.WriteString(e.Error + "\n")
	}
	// What the secrets stand beside has to be there: nothing is found in what was not read.
	for _, text := range []string{"DATABASE_URL", "app.password", "/secret/", "/auth/", "ANYTHING", "LIST_PASSWORD", "labpic-tcp.service"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("the capture does not hold %s: this proves nothing", text)
		}
	}
	search(t, w, "the evidence", b.String())
	kept := 0
	err = filepath.WalkDir(live.Home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == file {
			return err
		}
		data, err := os.ReadFile(path)
		kept++
		search(t, w, "our file "+d.Name(), unpacked(data))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d files of ours were searched", kept)
	pair := func(p string) []string {
		pairs, err := picture.Parse(w.names.Replace(p))
		if err != nil {
			t.Fatal(err)
		}
		return pairs[0].Args()
	}
	commands := [][]string{
		{"status", "--json"},
		{"check", "--json"},
		{"logs", "--list", "--json"},
		pair("GET http://@A1@:8100/secret/ Host: up.test"), pair("GET http://@A1@:8100/auth/x Host: up.test"), pair("GET http://@A1@:8110/auth/x Host: edge.test"),
	}
	for _, args := range commands {
		r := away.Run(t, args...)
		search(t, w, "--from "+strings.Join(args, " "), r.Stdout+r.Stderr)
		if len(r.Stdout) < 50 {
			t.Errorf("%v says next to nothing: %s%s", args, r.Stdout, r.Stderr)
		}
	}
	commands = append(commands, []string{"hosts", "test", "--json"}, []string{"diff", file, "--json"},
		append(pair("GET http://@A1@:8100/secret/ Host: up.test"), "--live"), append(pair("GET http://@A1@:8110/auth/x Host: edge.test"), "--live"))
	for _, args := range commands {
		r := live.Run(t, args...)
		search(t, w, strings.Join(args, " "), r.Stdout+r.Stderr)
	}
}

func unpacked(data []byte) string {
	z, err := zstd.NewReader(strings.NewReader(string(data)))
	if err == nil {
		defer z.Close()
		var b strings.Builder
		if _, err := z.WriteTo(&b); err == nil {
			return b.String()
		}
	}
	return string(data)
}

func search(t *testing.T, w *World, what, text string) {
	t.Helper()
	for place, secret := range w.known {
		for form, s := range forms(secret) {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s holds the secret of %s, %s: …%s…", what, place, form, text[max(0, i-80):min(len(text), i+80)])
			}
		}
	}
}
