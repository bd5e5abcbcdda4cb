package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"midwatch/hosts"
)

func TestSpillFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "log.zst")
	s := &spillFile{path: name}
	for i := range 3 {
		if err := s.add(func(w io.Writer) error {
			_, err := fmt.Fprintf(w, `{"time":"2026-11-29T03:00:0%dZ","host":"h","kind":"container","name":"api","level":"warn","text":"line %d"}`+"\n", i, i)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	read := func() (texts []string) {
		if err := readSpill(name, func(e *hosts.Entry) error {
			if e.Source != (hosts.LogSource{Host: "h", Kind: hosts.LogContainer, Name: "api"}) || e.Level != hosts.LevelWarn || e.Time.IsZero() {
				t.Errorf("%+v", e)
			}
			texts = append(texts, e.Text)
			return nil
		}); err != nil {
			t.Error(err)
		}
		return texts
	}
	if got := fmt.Sprint(read()); got != "[line 0 line 1 line 2]" {
		t.Error(got)
	}
	// The program ended in the middle of the last frame.
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data[:len(data)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(); len(got) < 2 {
		t.Error(got)
	}
	// Others can read it: nothing is written there.
	if err := os.Chmod(name, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.add(func(io.Writer) error { return errors.New("asked to write") }); err == nil || err.Error() != name+": not a file that only you can read" {
		t.Errorf("%v", err)
	}
}

func TestPrintSpill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &spillFile{path: filepath.Join(dir, "log.zst")}
	if err := s.add(func(w io.Writer) error {
		for i := range 9 {
			kind := [...]string{"container", "unit"}[i%2]
			if _, err := fmt.Fprintf(w, `{"time":"2026-11-29T03:00:0%dZ","host":"h","kind":"%s","name":"api","level":"%s","text":"line %d"}`+"\n", i, kind, [...]string{"info", "info", "error"}[i%3], i); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, `{"time":null,"host":"h","kind":"container","name":"api","gap":true,"text":"lost"}`+"\n")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 29, 4, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		f    logsFlags
		keys []string
		want string
		err  string
	}{
		"all":        {want: "0 1 2 3 4 5 6 7 8 lost"},
		"a source":   {keys: []string{"h/unit:*"}, want: "1 3 5 7"},
		"a level":    {f: logsFlags{level: "error"}, want: "2 5 8 lost"},
		"a time":     {f: logsFlags{since: "2026-11-29T03:00:03Z", until: "2026-11-29T03:00:05Z"}, want: "3 4 5"},
		"the last":   {f: logsFlags{tail: 3, filters: []string{"!lost"}}, keys: []string{"h/container:api"}, want: "6 8 lost"},
		"followed":   {f: logsFlags{follow: true}, err: "--from-spill reads lines that are over"},
		"no pattern": {keys: []string{"["}, err: "syntax error in pattern"},
	} {
		out, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		a := &app{stdout: out, getenv: func(string) string { return "" }, now: func() time.Time { return at }}
		c.f.fromSpill, c.f.columns = s.path, "no-time,no-host,no-source"
		q, err := c.f.query(at)
		if err != nil {
			t.Fatal(err)
		}
		err = a.printSpill(c.f, q, c.keys)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		text, rerr := os.ReadFile(out.Name())
		if err != nil || rerr != nil {
			t.Errorf("%s: %v %v", name, err, rerr)
		}
		if got := strings.Join(strings.Fields(strings.ReplaceAll(string(text), "line ", "")), " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Lines that could not be told whole leave nothing: half of a frame would make all behind it unreadable.
func TestSpillLeavesNoHalf(t *testing.T) {
	t.Parallel()
	s := spillFile{path: filepath.Join(t.TempDir(), "log.zst")}
	line := func(text string, err error) error {
		return s.add(func(w io.Writer) error {
			_, werr := io.WriteString(w, `{"host":"h","kind":"unit","name":"u","text":"`+text+`"}`+"\n")
			return errors.Join(werr, err)
		})
	}
	broken := errors.New("broken")
	if err := errors.Join(line("one", nil), line("three", nil)); err != nil {
		t.Fatal(err)
	}
	if err := line("half", broken); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if err := line("four", nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := readSpill(s.path, func(e *hosts.Entry) error { got = append(got, e.Text); return nil }); err != nil || strings.Join(got, " ") != "one three four" {
		t.Errorf("%q, %v", got, err)
	}
}
