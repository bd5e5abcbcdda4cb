package trace

import (
	"fmt"
	"strings"
	"time"

	chk "midwatch/checks/trace"
	"midwatch/tui/ui"
)

// markdown is the trace for a ticket: the verdict, a table of the hops, and what is passed on.
func markdown(r result, note string, at time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Trace of `%s`\n\n", code(r.req.URL))
	fmt.Fprintf(&b, "%s, %s", r.req.options("·"), at.UTC().Format(time.RFC3339))
	if note != "" {
		fmt.Fprintf(&b, ", %s", cell(note))
	}
	fmt.Fprintf(&b, "\n\n**%s**\n\n", cell(r.shown.Verdict))
	b.WriteString("| | verdict | hop | what | host | why | where | asked |\n|---|---|---|---|---|---|---|---|\n")
	for i, h := range r.shown.Hops {
		at := place(h)
		if at != "" {
			at = "`" + code(at) + "`"
		}
		why := (&row{hop: h}).says()
		if h.Target != "" {
			why = strings.TrimPrefix(why+" → "+ui.Clean(h.Target), " ")
		}
		status := string(h.Status)
		if h.Status != chk.OK {
			status = "**" + status + "**"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | `%s` | %s | %s | %s | %s |\n", i+1, status, cell(h.Kind), code(h.Object), cell(h.Host), cell(why), at, cell(h.Live))
	}
	for _, h := range r.shown.Hops {
		if len(h.Passes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s `%s` passes on:\n\n", cell(h.Kind), code(h.Object))
		for _, p := range h.Passes {
			fmt.Fprintf(&b, "- `%s: %s`\n", code(p.Name), code(p.Value))
		}
	}
	for _, h := range r.shown.Hops {
		if h.Status == chk.OK {
			continue
		}
		for _, w := range chk.LastWords(r.snap, h, lastWords) {
			fmt.Fprintf(&b, "\n- %s `%s` at %s: %s", cell(h.Kind), code(h.Object), w.At.UTC().Format(time.RFC3339), cell(w.Text))
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// cell is a text that stays in one cell of a table and means nothing else in Markdown.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "*", "\\*", "_", "\\_", "`", "\\`").Replace(ui.Clean(s))
}

// code is a text between back quotes.
func code(s string) string {
	return strings.NewReplacer("`", "'", "|", "\\|").Replace(ui.Clean(s))
}
