package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
)

// saver keeps what a screen writes to files.
type saver struct {
	files map[string]string
	err   error
}

func (s *saver) save(name string, write func(io.Writer) error) (string, error) {
	if s.err != nil {
		return name, s.err
	}
	var b bytes.Buffer
	err := write(&b)
	s.files[name] = b.String()
	return "/home/you/" + name, err
}

func TestExport(t *testing.T) {
	t.Parallel()
	g := told(t, plain())
	g.feed(hosts.LogBatch{Entries: []hosts.Entry{entry(storySources()[0], t0.Add(59*time.Minute), "a fence: ```` in it")}, Dropped: 7})
	files := &saver{files: map[string]string{}}
	g.s.deps.Save = files.save
	export := func(name string) string {
		g.keys("E")
		g.s.ask.input.SetValue(name)
		g.keys("enter")
		return files.files[name]
	}
	text := export("all.txt")
	if n := strings.Count(text, "\n2026-03-14T02:58:00Z web-1/ai_hub_service info INFO: "); n != 1 {
		t.Errorf("text:\n%s", text)
	}
	if !strings.Contains(text, "... 7 lines skipped") || !strings.Contains(text, "\nConnectionError: upstream refused\n") {
		t.Errorf("text:\n%s", text)
	}
	if want := "wrote 11 lines to /home/you/all.txt"; g.toasts[len(g.toasts)-1] != want {
		t.Errorf("said %q", g.toasts)
	}
	g.keys("/")
	g.write("upstream !slow")
	g.keys("enter")
	lines := bufio.NewScanner(strings.NewReader(export("some.jsonl")))
	var got []map[string]any
	for lines.Scan() {
		var m map[string]any
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		got = append(got, m)
	}
	if len(got) != 3 || got[0]["source"] != "web-1/container:ai_hub_service" || got[0]["level"] != "error" || got[2]["gap"] != true {
		t.Errorf("JSON lines: %v", got)
	}
	g.keys("esc")
	md := export("note.md")
	for _, want := range []string{"# Log excerpt\n", "- sources: ` web-1/container:ai_hub_service, ", "\n`````text\n", "a fence: ```` in it\n", "\n`````\n"} {
		if !strings.Contains(md, want) {
			t.Errorf("%q is not in\n%s", want, md)
		}
	}
	export("picture.png")
	if !strings.Contains(g.toasts[len(g.toasts)-1], ".txt, .jsonl or .md") {
		t.Errorf("said %q", g.toasts)
	}
	files.err = errors.New("/home/you/all.txt exists: give another name")
	export("all.txt")
	if !strings.Contains(g.toasts[len(g.toasts)-1], "exists") {
		t.Errorf("said %q", g.toasts)
	}
}

// An excerpt stays what it was when it was made, whatever comes or goes meanwhile.
func TestExcerptStandsStill(t *testing.T) {
	t.Parallel()
	g := newStage(t, plain(), follow(srcA), nil)
	g.s.budget = 300 << 10
	g.open()
	now := t0
	feed := func(n int) {
		var es []hosts.Entry
		for range n {
			now = now.Add(time.Second)
			es = append(es, entry(srcA, now, "line of "+now.Format(time.RFC3339)))
		}
		g.now = now
		g.feed(hosts.LogBatch{Entries: es, Status: following(srcA)})
	}
	feed(3000)
	g.s.filter.set("5Z")
	g.run(g.s.rescan())
	x := g.s.excerpt()
	var before, after bytes.Buffer
	n, err := x.write(&before, formatText)
	for range 10 {
		feed(3000)
	}
	m, err2 := x.write(&after, formatText)
	if err != nil || err2 != nil || n != 300 || m != n || before.String() != after.String() {
		t.Errorf("%d lines, then %d; %v %v", n, m, err, err2)
	}
}

func TestRangeIsCopied(t *testing.T) {
	t.Parallel()
	g := told(t, plain())
	g.keys("b", "k", "k")
	g.has("range of 3 lines (y copies)")
	g.keys("y")
	if !strings.HasPrefix(g.copied, "2026-03-14T02:58:01.6Z web-1/ai_unified_frontend error ") || !strings.HasSuffix(g.copied, "\nweb-1/ai_unified_frontend info a line without a time\n") {
		t.Errorf("copied\n%s", g.copied)
	}
	g.hasNot("range of")
	g.keys("b", "k", "esc")
	g.hasNot("range of")
	g.keys("y")
	if strings.Contains(g.copied, "\n2026") {
		t.Errorf("copied\n%s", g.copied)
	}
}

// ran is a pager that reads everything at once.
type ran struct {
	tea.ExecCommand
	text string
}

func TestPagerReadsWhatIsShown(t *testing.T) {
	t.Parallel()
	g := told(t, plain())
	p := &ran{}
	g.s.deps.Pager = func(write func(io.Writer) error) tea.ExecCommand {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Error(err)
		}
		p.text = b.String()
		return p
	}
	g.keys("/")
	g.write("upstream")
	g.keys("enter")
	if cmd := g.s.openPager(); cmd == nil {
		t.Fatal("nothing is run")
	}
	if n := strings.Count(p.text, "Z web-1/"); n != 2 {
		t.Errorf("the pager reads\n%s", p.text)
	}
}
