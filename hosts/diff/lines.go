package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxLineChanges bounds what one file adds to the list; the rest is counted.
const maxLineChanges = 40

// lines reports the lines that changed in one file: what is common at both ends is cut off, the
// middle is matched by its longest common subsequence when it is small enough, else as a whole.
func (d *differ) lines(name, before, after string) {
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	n := 0
	emit := func(line int, old, now string) {
		n++
		if n <= maxLineChanges {
			d.out = append(d.out, Change{
				Host: d.host, Kind: "file", Object: name, Op: Changed, Field: fmt.Sprintf("line %d", line),
				Before: strings.TrimSpace(old), After: strings.TrimSpace(now),
			})
		}
	}
	script(a[head:len(a)-tail], b[head:len(b)-tail], head, emit)
	if n > maxLineChanges {
		d.out = append(d.out, Change{Host: d.host, Kind: "file", Object: name, Op: Changed, Field: "more", After: fmt.Sprintf("%d further lines", n-maxLineChanges)})
	}
}

// maxLCS bounds the table of the longest common subsequence.
const maxLCS = 1_000_000

func script(a, b []string, base int, emit func(line int, old, now string)) {
	if len(a)*len(b) > maxLCS {
		emit(base+1, fmt.Sprintf("(%d lines)", len(a)), fmt.Sprintf("(%d lines)", len(b)))
		return
	}
	l := make([][]int, len(a)+1)
	for i := range l {
		l[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				l[i][j] = l[i+1][j+1] + 1
			} else {
				l[i][j] = max(l[i+1][j], l[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i++
			j++
		case i < len(a) && j < len(b) && l[i+1][j+1] == l[i][j]:
			// Neither line is in the common part: one was replaced by the other.
			emit(base+j+1, a[i], b[j])
			i++
			j++
		case j < len(b) && (i == len(a) || l[i][j+1] >= l[i+1][j]):
			emit(base+j+1, "", b[j])
			j++
		default:
			emit(base+j+1, a[i], "")
			i++
		}
	}
}

func digest(s string) string {
	if s == "" {
		return ""
	}
	h := sha256.Sum256([]byte(s))
	return "sha256 " + hex.EncodeToString(h[:6])
}
