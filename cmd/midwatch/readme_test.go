package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"midwatch/themes"
	"midwatch/tui"
	"midwatch/tui/runs"
	"midwatch/tui/ui"
)

// The parts of README.md that say what the code says come from the code. MIDWATCH_UPDATE_DOCS=1 (make
// docs) writes them; without it a README that fell behind fails here.
func TestReadmeSaysWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "README.md")
	was, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	now := was
	for name, text := range map[string]string{"keys": keyTables(t), "exit codes": exitCodeTable(t)} {
		now = replaceBlock(t, now, name, text)
	}
	if bytes.Equal(was, now) {
		return
	}
	if os.Getenv("MIDWATCH_UPDATE_DOCS") == "" {
		t.Fatal("README.md is not what the code says: run make docs")
	}
	if err := os.WriteFile(file, now, 0o644); err != nil {
		t.Fatal(err)
	}
}

// replaceBlock puts text between the comments that name the block.
func replaceBlock(t *testing.T, doc []byte, name, text string) []byte {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	before, rest, ok := bytes.Cut(doc, []byte(begin))
	if !ok {
		t.Fatalf("README.md has no %q", begin)
	}
	_, after, ok := bytes.Cut(rest, []byte(end))
	if !ok {
		t.Fatalf("README.md has no %q", end)
	}
	return bytes.Join([][]byte{before, []byte(begin), []byte(text), []byte(end), after}, nil)
}

func exitCodeTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| exit code | meaning |\n|---|---|\n")
	for line := range strings.Lines(exitCodesText) {
		code, meaning, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			t.Fatalf("exit code without a meaning: %q", line)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", code, strings.TrimSpace(meaning))
	}
	return b.String()
}

// keyTables has one table for the console and one for each screen.
func keyTables(t *testing.T) string {
	t.Helper()
	docs := tui.Docs(plainConsole(t))
	titles := map[string]string{"": "Everywhere"}
	order := []string{""}
	for _, f := range screens(nil, runs.Deps{}) {
		titles[f.ID] = f.Title
		order = append(order, f.ID)
	}
	var b strings.Builder
	table := func(title string, wanted func(tui.ActionDoc) bool) {
		fmt.Fprintf(&b, "| %s | |\n|---|---|\n", title)
		for _, d := range docs {
			if d.Keys == "" || !wanted(d) {
				continue
			}
			var keys []string
			for k := range strings.FieldsSeq(d.Keys) {
				keys = append(keys, "`"+strings.ReplaceAll(k, "|", `\|`)+"`")
			}
			fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(keys, " "), d.Title)
		}
		b.WriteString("\n")
	}
	for _, id := range order {
		table(titles[id], func(d tui.ActionDoc) bool { return d.Screen == id && d.Group != "List" && d.Group != "View" })
		if id == "" {
			// The keys of lists are the same on every screen that has one.
			table("In every list", func(d tui.ActionDoc) bool { return d.Screen == order[1] && d.Group == "List" })
			table("In details", func(d tui.ActionDoc) bool { return d.Screen == "containers" && d.Group == "View" })
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// plainConsole is the console without a fleet.
func plainConsole(t *testing.T) tui.Params {
	t.Helper()
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(termenv.Ascii)
	return tui.Params{
		Deps: ui.Deps{
			Now:     func() time.Time { return time.Unix(0, 0) },
			Styles:  themes.New(r, themes.Dark(), themes.Options{}),
			Context: t.Context(),
		},
		Screens: screens(nil, runs.Deps{}),
		Reach:   reach(),
	}
}

// Every action of every screen, those of its panes too, can be bound to another key.
func TestEveryActionCanBeBound(t *testing.T) {
	t.Parallel()
	p := plainConsole(t)
	ids := map[string]bool{}
	for _, d := range tui.Docs(p) {
		ids[d.ID] = true
	}
	p.Keys = map[string][]string{}
	for id := range ids {
		p.Keys[id] = nil // unbound: no two can clash
	}
	if _, err := tui.New(p); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"containers.tab_next", "logs.pick.follow", "logs.since.choose", "logs.sources.only", "compare.differences", "view.page_down"} {
		if !ids[id] {
			t.Errorf("%s is not known", id)
		}
	}
}
