package step

import (
	"errors"
	"testing"

	"midwatch/ops/deploy"
)

func TestApplyEdits(t *testing.T) {
	const file = "a\n  b x;\nc"
	for name, c := range map[string]struct {
		content string
		edits   []deploy.Edit
		want    string // "" refused
	}{
		"nothing":            {file, nil, file},
		"one line":           {file, []deploy.Edit{{Line: 2, Old: "b x;", New: []deploy.Text{"  b y;"}}}, "a\n  b y;\nc"},
		"a line more":        {file, []deploy.Edit{{Line: 1, Old: "a", New: []deploy.Text{"0", "a"}}}, "0\na\n  b x;\nc"},
		"at the end":         {file, []deploy.Edit{{Line: 3, Old: "c", New: []deploy.Text{"c", "d"}}}, "a\n  b x;\nc\nd"},
		"a line less":        {file, []deploy.Edit{{Line: 2, Old: "  b x;"}}, "a\nc"},
		"two":                {file, []deploy.Edit{{Line: 3, Old: "c", New: []deploy.Text{"C"}}, {Line: 1, Old: "a", New: []deploy.Text{"1", "2"}}}, "1\n2\n  b x;\nC"},
		"ends of windows":    {"a\r\nb\r\n", []deploy.Edit{{Line: 1, Old: "a", New: []deploy.Text{"x", "y"}}}, "x\r\ny\r\nb\r\n"},
		"somebody was there": {file, []deploy.Edit{{Line: 2, Old: "b z;", New: []deploy.Text{"q"}}}, ""},
		"twice":              {file, []deploy.Edit{{Line: 1, Old: "a"}, {Line: 1, Old: "a"}}, ""},
		"beyond":             {file, []deploy.Edit{{Line: 4, Old: "", New: []deploy.Text{"q"}}}, ""},
		"before":             {file, []deploy.Edit{{Line: 0, Old: "a", New: []deploy.Text{"q"}}}, ""},
	} {
		got, err := ApplyEdits([]byte(c.content), c.edits)
		if c.want == "" {
			if !errors.Is(err, ErrRefused) {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}
