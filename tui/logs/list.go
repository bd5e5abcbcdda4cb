package logs

import "midwatch/hosts"

// list is the lister of the screen: the lines of the buffer that the filter accepts, from the floor
// on, as rows fitted to the width.
type list struct {
	buf    *Buffer
	filter *scan // nil when every line is accepted
	last   *scan // shown instead of a filter that has found nothing yet
	floor  int   // lines before it were cleared from sight
	fit    fitter
}

// scan returns the scan that decides what is shown, nil for all lines.
func (l *list) scan() *scan {
	if l.filter != nil && !l.filter.started && l.last != nil {
		return l.last
	}
	return l.filter
}

func (l *list) after(pos int) int {
	pos = max(pos, l.floor, l.buf.First())
	if s := l.scan(); s != nil {
		return s.after(pos)
	}
	if pos >= l.buf.End() {
		return -1
	}
	return pos
}

func (l *list) before(pos int) int {
	least := max(l.floor, l.buf.First())
	pos = min(pos, l.buf.End())
	to := pos - 1
	if s := l.scan(); s != nil {
		to = s.before(pos)
	}
	if to < least {
		return -1
	}
	return to
}

func (l *list) end() int { return l.buf.End() }

func (l *list) rows(pos int) int {
	if ln, ok := l.buf.at(pos); ok {
		return l.fit.line(&ln).height()
	}
	return 1
}

// count returns how many lines from pos on are shown.
func (l *list) count(pos int) int {
	pos = max(pos, l.floor, l.buf.First())
	if s := l.scan(); s != nil {
		return max(0, s.count()-s.rank(pos))
	}
	return max(0, l.buf.End()-pos)
}

// fitter keeps the rows of the lines that were looked at last, so that a line is cleaned, cut and
// coloured once for a width and not once for a View.
type fitter struct {
	w, more, skip, limit int // more is the width of a line's further rows
	wrap                 bool
	raw                  bool                                // objects as they stand
	fields               func(source int32) *hosts.LogFields // nil: the usual ones
	cache                map[uint64]*fitted
	fits                 int // lines fitted, for tests
}

// fitted is a line ready to be drawn.
type fitted struct {
	text  string
	rows  []fitRow
	rest  int
	drawn []string // the rows in colour; nil until drawn
}

// height is the number of rows, with the one that says there is more.
func (f *fitted) height() int { return max(1, len(f.rows)+b2i(f.rest != 0)) }

// fitterMost bounds the cache; a screen shows at most some seventy lines.
const fitterMost = 1024

// set changes how lines are fitted; what was fitted before is void when that is different.
func (f *fitter) set(w, more, skip, limit int, wrap bool) {
	if wrap {
		skip = 0
	}
	if f.w != w || f.more != more || f.skip != skip || f.limit != limit || f.wrap != wrap {
		f.w, f.more, f.skip, f.limit, f.wrap = w, more, skip, limit, wrap
		f.void()
	}
}

// setRaw is set for whether objects are shown as they stand.
func (f *fitter) setRaw(raw bool) {
	if f.raw != raw {
		f.raw = raw
		f.void()
	}
}

// void forgets every fitted line.
func (f *fitter) void() { clear(f.cache) }

func (f *fitter) line(l *line) *fitted {
	if x, ok := f.cache[l.id]; ok {
		return x
	}
	if f.cache == nil {
		f.cache = map[uint64]*fitted{}
	} else if len(f.cache) >= fitterMost {
		clear(f.cache)
	}
	f.fits++
	x := &fitted{}
	if l.kind == kindText {
		x.text = l.text
		if !f.raw {
			var names *hosts.LogFields
			if f.fields != nil {
				names = f.fields(l.source)
			}
			x.text = readable(x.text, names)
		}
		x.text = cleanText(x.text)
		x.rows, x.rest = fitText(x.text, f.w, f.more, f.wrap, f.skip, max(1, f.limit))
	}
	f.cache[l.id] = x
	return x
}
