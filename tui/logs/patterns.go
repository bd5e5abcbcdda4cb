package logs

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"midwatch/hosts"
	"midwatch/hosts/logline"
)

// pattern is the lines that have a template in common.
type pattern struct {
	template   string
	structured bool // it is of the message of an object or of pairs
	n          int
	first      int64 // the key of its first line, and
	last       int64 // of its last
	level      hosts.Level
	source     int32
	several    bool // other sources have it too
}

// patternSet are patterns by template.
type patternSet map[string]*pattern

// maxPatterns bounds a set: of further kinds of lines only the number is known, under a template that is
// nothing but a hole.
const maxPatterns = 4000

func (s patternSet) add(c *chunk, i int, rec *logline.Record, fields []*hosts.LogFields, scratch []byte) []byte {
	r := &c.recs[i]
	said, structured := messageOf(rec, c.textOf(i), at(fields, r.source()))
	scratch = template(scratch[:0], said)
	p := s[string(scratch)]
	if p == nil && len(s) >= maxPatterns {
		scratch = append(scratch[:0], hole)
		p = s[string(scratch)]
	}
	if p == nil {
		p = &pattern{template: string(scratch), structured: structured, first: r.key, last: r.key, source: r.source()}
		s[p.template] = p
	}
	p.count(&pattern{n: 1, first: r.key, last: r.key, level: r.level(), source: r.source()})
	return scratch
}

// count adds what another one, of the same template, has seen.
func (p *pattern) count(o *pattern) {
	p.n += o.n
	p.first, p.last = min(p.first, o.first), max(p.last, o.last)
	p.level = max(p.level, o.level)
	p.several = p.several || o.several || p.source != o.source
}

// merge adds a set to another. What is added is not used any more.
func (s patternSet) merge(o patternSet) {
	for k, p := range o {
		have := s[k]
		if have == nil && len(s) >= maxPatterns {
			k = string(rune(hole))
			have, p.template = s[k], k
		}
		if have != nil {
			have.count(p)
		} else {
			s[k] = p
		}
	}
}

// patternJob is what one command looks at for patterns.
type patternJob struct {
	owner    *token
	gen      uint64
	pred     *predicate // nil for every line
	fields   []*hosts.LogFields
	chunks   []chunk
	from, to int
	back     bool
}

// patternedMsg brings what came of it.
type patternedMsg struct {
	owner    *token
	gen      uint64
	from, to int
	back     bool
	set      patternSet
}

func runPatterns(ctx context.Context, j patternJob) tea.Cmd {
	return func() tea.Msg {
		parts := inParallel(j.chunks, func(chunks []chunk) patternSet {
			set := patternSet{}
			var rec logline.Record
			var scratch []byte
			var hits []int
			for ci := range chunks {
				if ctx.Err() != nil {
					return set
				}
				rest()
				c := &chunks[ci]
				from, to := max(0, j.from-c.first), min(len(c.recs), j.to-c.first)
				if j.pred == nil {
					for i := from; i < to; i++ {
						if c.recs[i].kind() == kindText {
							scratch = set.add(c, i, &rec, j.fields, scratch)
						}
					}
					continue
				}
				hits = j.pred.find(hits[:0], c, from, to)
				for _, pos := range hits {
					if c.recs[pos-c.first].kind() == kindText {
						scratch = set.add(c, pos-c.first, &rec, j.fields, scratch)
					}
				}
			}
			return set
		})
		for _, p := range parts[1:] {
			parts[0].merge(p)
		}
		return patternedMsg{j.owner, j.gen, j.from, j.to, j.back, parts[0]}
	}
}

// mining finds the patterns of what is shown, from the newest settled line back and then forward with
// what arrives. Lines that may still change places are not in it yet.
type mining struct {
	gen     uint64
	pred    *predicate
	epoch   uint64
	lo, hi  int // settled lines in [lo, hi) were looked at
	lines   int // that many of them are in the patterns
	set     patternSet
	running bool
}

func newMining(gen uint64, pred *predicate, b *Buffer) *mining {
	return &mining{gen: gen, pred: pred, epoch: b.epoch, lo: b.settled, hi: b.settled, set: patternSet{}}
}

// next is the next piece of work, nil when there is none or one is in flight.
func (m *mining) next(ctx context.Context, owner *token, b *Buffer) tea.Cmd {
	if m.running {
		return nil
	}
	m.lo, m.hi = max(m.lo, b.base), max(m.hi, b.base)
	j := patternJob{owner: owner, gen: m.gen, pred: m.pred, fields: b.allFields()}
	switch {
	case m.hi < b.settled:
		j.from, j.to = m.hi, min(b.settled, m.hi+firstLines)
	case m.lo > b.base:
		j.from, j.to, j.back = max(b.base, m.lo-firstLines), m.lo, true
	default:
		return nil
	}
	j.chunks = b.share(j.from, j.to)
	m.running = true
	return runPatterns(ctx, j)
}

func (m *mining) take(p patternedMsg) {
	m.running = false
	if p.back {
		m.lo = p.from
	} else {
		m.hi = p.to
	}
	for _, x := range p.set {
		m.lines += x.n
	}
	m.set.merge(p.set)
}

func (m *mining) done(b *Buffer) bool { return !m.running && m.lo <= b.base && m.hi >= b.settled }

// filterText is the condition that the lines of a pattern hold.
func (p *pattern) filterText() string { return templateFilter(p.template, p.structured) }

// shown is the template as it is read: a sign where lines differ.
func (p *pattern) shown(sign string) string {
	return strings.ReplaceAll(p.template, string(rune(hole)), sign)
}
