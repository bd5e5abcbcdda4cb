package read

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"midwatch/hosts/nginx"
)

// corpusDir finds the labelled corpus beside the project; tests that need it skip without it.
func corpusDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MIDWATCH_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "nginx")); err != nil {
		t.Skip("no corpus at " + dir + "; set MIDWATCH_CORPUS")
	}
	return dir
}

type flat struct {
	Name string
	Args []string
	Line int
	Body string
}

func flatten(ds []*nginx.Directive) []flat {
	var out []flat
	for _, d := range ds {
		args := d.Args
		if len(args) == 0 {
			args = nil
		}
		out = append(out, flat{d.Name, args, d.Line, d.Body})
		out = append(out, flatten(d.Block)...)
	}
	return out
}

// Two readers that share no code, crossplane's and ours, must see the same directives on the same
// lines in every real file.
func TestCorpusTwoReadersAgree(t *testing.T) {
	t.Parallel()
	names, _ := filepath.Glob(filepath.Join(corpusDir(t), "nginx", "*.conf"))
	if len(names) < 20 {
		t.Fatalf("only %d files", len(names))
	}
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		files := []nginx.File{{Name: filepath.Base(n), Text: text}}
		if dump, ok := SplitDump(text); ok {
			files = dump
		}
		for _, f := range files {
			theirs, ok := crossplaneFile(f.Name, f.Text)
			ours, faults := tokenizeFile(f.Name, f.Text)
			if !ok {
				if len(faults) == 0 {
					t.Logf("%s: only our reader takes %s", filepath.Base(n), f.Name)
				}
				continue
			}
			if d := cmp.Diff(flatten(theirs), flatten(ours)); d != "" {
				t.Errorf("%s %s (-crossplane +ours):\n%s", filepath.Base(n), f.Name, d)
			}
			if len(faults) > 0 {
				t.Errorf("%s: %v", filepath.Base(n), faults)
			}
		}
	}
}
