package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	const good = "name = \"one\"\nenv = \"s\"\n[[step]]\nid = \"w\"\nkind = \"wait\"\nfor = \"1s\"\n"
	write("a.toml", good, 0o600)
	write("b.toml", good, 0o600) // the same name again
	write("c.toml", strings.Replace(good, "one", "two", 1)+"fro = 1\n", 0o600)
	write("d.toml", good, 0o602)
	write("notes.txt", "x", 0o600)
	write(".e.toml", "x", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "f.toml"), 0o700); err != nil {
		t.Fatal(err)
	}
	defs, broken, err := Load(dir)
	if err != nil || len(defs) != 1 || defs[0].Name != "one" || len(broken) != 3 {
		t.Fatalf("%v %+v %v", defs, broken, err)
	}
	var faults Faults
	if broken[1].Name != "two" || !errors.As(broken[1].Err, &faults) || faults[0].Line != 7 {
		t.Errorf("%+v", broken[1])
	}
	for i, want := range []string{"is taken by", "did you mean", "chmod go-w"} {
		if !strings.Contains(broken[i].Err.Error(), want) {
			t.Errorf("%v, want %q", broken[i].Err, want)
		}
	}
	if defs, broken, err := Load(filepath.Join(dir, "nothing")); err != nil || len(defs)+len(broken) > 0 {
		t.Errorf("no directory: %v %v %v", defs, broken, err)
	}
}
