package step

import (
	"bytes"
	"fmt"
	"strings"

	"midwatch/ops/deploy"
)

// ApplyEdits returns content with lines replaced. An edit whose line does not say what it says it does is
// ErrRefused: somebody has changed the file. Line ends are kept, those of new lines are the first line's.
func ApplyEdits(content []byte, edits []deploy.Edit) ([]byte, error) {
	lines := bytes.SplitAfter(content, []byte("\n"))
	end := "\n"
	if bytes.HasSuffix(lines[0], []byte("\r\n")) {
		end = "\r\n"
	}
	by := map[int]deploy.Edit{}
	for _, e := range edits {
		if e.Line < 1 || e.Line > len(lines) {
			return nil, fmt.Errorf("%w: line %d is wanted and there are %d", ErrRefused, e.Line, len(lines))
		}
		if _, twice := by[e.Line]; twice {
			return nil, fmt.Errorf("%w: line %d is to be changed twice", ErrRefused, e.Line)
		}
		if got := strings.TrimSpace(string(lines[e.Line-1])); got != strings.TrimSpace(string(e.Old)) {
			return nil, fmt.Errorf("%w: line %d is not as it was when the change was planned: somebody has edited the file; look again and plan anew", ErrRefused, e.Line)
		}
		by[e.Line] = e
	}
	var out bytes.Buffer
	for i, l := range lines {
		e, ok := by[i+1]
		if !ok {
			out.Write(l)
			continue
		}
		for n, text := range e.New {
			out.WriteString(strings.TrimRight(string(text), "\r\n"))
			if n < len(e.New)-1 || bytes.HasSuffix(l, []byte("\n")) {
				out.WriteString(end)
			}
		}
	}
	return out.Bytes(), nil
}
