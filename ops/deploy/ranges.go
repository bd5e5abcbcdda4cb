package deploy

import (
	"fmt"
	"strconv"
	"strings"
)

// maxRange bounds how many names one text may stand for.
const maxRange = 1000

// Ranges expands "x@{1..8}.service" and "x@{blue,green}.service" into names, in the order written; several
// braces give every combination. A text without braces is itself. Numbers keep their leading zeros.
func Ranges(s string) ([]string, error) {
	before, rest, ok := strings.Cut(s, "{")
	if !ok {
		return []string{s}, nil
	}
	inner, after, ok := strings.Cut(rest, "}")
	if !ok {
		return nil, fmt.Errorf("%q has a brace that is not closed", s)
	}
	words, err := alternatives(inner)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	tails, err := Ranges(after)
	if err != nil {
		return nil, err
	}
	if len(words)*len(tails) > maxRange {
		return nil, fmt.Errorf("%q stands for more than %d names", s, maxRange)
	}
	var out []string
	for _, w := range words {
		for _, t := range tails {
			out = append(out, before+w+t)
		}
	}
	return out, nil
}

func alternatives(inner string) ([]string, error) {
	low, high, isRange := strings.Cut(inner, "..")
	if !isRange {
		words := strings.Split(inner, ",")
		for _, w := range words {
			if w == "" || strings.Contains(w, "{") {
				return nil, fmt.Errorf("{%s} is no range: want {1..8} or {a,b}", inner)
			}
		}
		return words, nil
	}
	a, errA := strconv.Atoi(low)
	b, errB := strconv.Atoi(high)
	switch {
	case errA != nil || errB != nil || a < 0:
		return nil, fmt.Errorf("{%s} is no range: want numbers such as {1..8}", inner)
	case b < a:
		return nil, fmt.Errorf("{%s} is empty: the second number is the smaller", inner)
	case b-a >= maxRange:
		return nil, fmt.Errorf("{%s} stands for more than %d names", inner, maxRange)
	}
	width := 0
	if strings.HasPrefix(low, "0") && len(low) > 1 {
		width = len(low)
	}
	var out []string
	for n := a; n <= b; n++ {
		out = append(out, fmt.Sprintf("%0*d", width, n))
	}
	return out, nil
}
