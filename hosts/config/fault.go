package config

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong in a file.
type Fault struct {
	File  string `json:"file"`
	Line  int    `json:"line"`            // from 1; 0 when it concerns the whole file
	What  string `json:"what"`            // what is wrong: `unknown key "adress" in hosts.web1`
	Meant string `json:"meant,omitempty"` // what to write instead: `did you mean "address"?`
}

// String is the fault as compilers print theirs: "file:line: what, and what was meant".
func (f Fault) String() string {
	s := f.File
	if f.Line > 0 {
		s += fmt.Sprintf(":%d", f.Line)
	}
	s += ": " + f.What
	if f.Meant != "" {
		s += ", " + f.Meant
	}
	return s
}

// Faults is all that is wrong in a file, in the order of its lines.
type Faults []Fault

// Error gives one fault per line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Sorted orders by line and drops repeats: a key in a group is looked at once for every host in it.
func (fs Faults) Sorted() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int { return a.Line - b.Line })
	seen := make(map[Fault]bool, len(fs))
	return slices.DeleteFunc(fs, func(f Fault) bool {
		was := seen[f]
		seen[f] = true
		return was
	})
}
