package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSaveFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "lines.txt")
	hello := func(w io.Writer) error { _, err := io.WriteString(w, "hello\n"); return err }
	path, err := saveFile(name, hello)
	if err != nil || path != name {
		t.Fatal(path, err)
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "hello\n" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := saveFile(name, hello); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a file was written over: %v", err)
	}
	broken := filepath.Join(t.TempDir(), "half.txt")
	if _, err := saveFile(broken, func(w io.Writer) error { return errors.Join(hello(w), io.ErrShortWrite) }); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(broken); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a file is left: %v", err)
	}
}

// A pager gets the text, and may end before it has read all of it.
func TestPager(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]string{"cat": "line\nline\n", "head -n 1": "line\n", "true": ""} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		a := newApp(os.Stdin, out, out, func(k string) string { return map[string]string{"PAGER": program}[k] })
		p := a.pager(t.Context())(func(w io.Writer) error {
			if program == "cat" {
				_, err := io.WriteString(w, "line\nline\n")
				return err
			}
			for range 200_000 {
				if _, err := io.WriteString(w, "line\n"); err != nil {
					return err
				}
			}
			return nil
		})
		if err := p.Run(); err != nil {
			t.Errorf("%s: %v", program, err)
		}
		if b, err := os.ReadFile(out.Name()); err != nil || string(b) != want {
			t.Errorf("%s: %.40q %v", program, b, err)
		}
		out.Close()
	}
	a := newApp(os.Stdin, os.Stdout, os.Stderr, func(string) string { return "exit 3" })
	if err := a.pager(t.Context())(func(io.Writer) error { return nil }).Run(); err == nil || !strings.Contains(err.Error(), "exit 3") {
		t.Errorf("%v", err)
	}
}
