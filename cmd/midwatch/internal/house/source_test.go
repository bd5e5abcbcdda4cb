package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// maxLines is where a file has to be split.
const maxLines = 500

// debts are the packages whose files are longer than that, and the length that none of theirs may pass.
// The list gets shorter, never longer.
var debts = map[string]int{module + "/hosts/demo/shell": 800}

// style are the names of lipgloss that make a look out of nothing.
var style = []string{"NewStyle", "Color", "AdaptiveColor", "CompleteColor", "CompleteAdaptiveColor", "ANSIColor"}

var hexColour = regexp.MustCompile(`^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)

// faults returns what file does that this layer may not.
func faults(fset *token.FileSet, file *ast.File, layer string, lines int) []string {
	var out []string
	say := func(n ast.Node, what string, args ...any) {
		out = append(out, fmt.Sprintf("%s: %s", fset.Position(n.Pos()), fmt.Sprintf(what, args...)))
	}
	if n := fset.Position(file.End()).Line; n > lines {
		say(file, "%d lines: split the file at %d", n, lines)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				say(n, "init: build it where it is used")
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && x.Name == "lipgloss" && layer != "themes" && slices.Contains(style, n.Sel.Name) {
				say(n, "lipgloss.%s: colours and styles come from themes", n.Sel.Name)
			}
			if ok && layer == "checks" && x.Name == "time" && (n.Sel.Name == "Now" || n.Sel.Name == "Since" || n.Sel.Name == "Until") {
				say(n, "time.%s: a check is asked about the moment of its snapshot", n.Sel.Name)
			}
		case *ast.BasicLit:
			if n.Kind != token.STRING || layer == "themes" {
				break
			}
			if s, err := strconv.Unquote(n.Value); err == nil && layer == "tui" && hexColour.MatchString(s) {
				say(n, "colour %s: colours come from themes", s)
			}
		}
		return true
	})
	return out
}

func TestSources(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		t.Run(p.ImportPath, func(t *testing.T) {
			t.Parallel()
			fset := token.NewFileSet()
			docs, lines := 0, max(maxLines, debts[p.ImportPath])
			for _, name := range p.GoFiles {
				file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				if file.Doc != nil {
					docs++
				}
				for _, fault := range faults(fset, file, p.layer(), lines) {
					t.Error(fault)
				}
			}
			if docs == 0 {
				t.Errorf("no package comment: say in doc.go what it owns and which goroutine may touch what")
			}
		})
	}
}

func TestFaultsAreSeen(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, layer, src string
		want             int
	}{
		{"clean", "tui", "package a\n\nvar x = lipgloss.Width(s)\n", 0},
		{"style", "tui", "package a\n\nvar x = lipgloss.NewStyle()\n", 1},
		{"style in themes", "themes", "package a\n\nvar x = lipgloss.NewStyle()\n", 0},
		{"hex", "tui", "package a\n\nvar x = \"#ff00aa\"\n", 1},
		{"a heading is no colour", "tui", "package a\n\nvar x = \"# add\"\n", 0},
		{"init", "hosts", "package a\n\nfunc init() {}\n", 1},
		{"a check looks at the clock", "checks", "package a\n\nvar x = time.Now()\n", 1},
		{"a screen's clock", "tui", "package a\n\nvar x = time.Now()\n", 0},
		{"a method named init", "hosts", "package a\n\nfunc (T) init() {}\n", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "a.go", c.src, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := faults(fset, file, c.layer, maxLines); len(got) != c.want {
				t.Errorf("faults = %q, want %d", got, c.want)
			}
		})
	}
}
