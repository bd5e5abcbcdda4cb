package logs

import (
	"testing"
	"time"

	"midwatch/tui/ui"
)

func TestLayoutColumns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		w            int
		mode         ui.LogTime
		host, source int
		want         columns
	}{
		{"narrow is all text", 30, ui.TimeLocal, 10, 10, columns{level: 1, text: 27}},
		{"80", 80, ui.TimeLocal, 12, 40, columns{time: 8, host: 8, source: 13, level: 1, text: 45}},
		{"80 UTC", 80, ui.TimeUTC, 12, 40, columns{time: 9, host: 8, source: 13, level: 1, text: 44}},
		{"one source", 80, ui.TimeLocal, 0, 0, columns{time: 8, level: 1, text: 68}},
		{"ages", 80, ui.TimeAge, 0, 0, columns{time: 6, level: 1, text: 70}},
		{"no time", 80, ui.TimeOff, 0, 0, columns{level: 1, text: 77}},
		{"200", 200, ui.TimeLocal, 12, 25, columns{time: 12, host: 12, source: 25, level: 1, text: 145}},
		{"tiny", 9, ui.TimeLocal, 9, 9, columns{text: 8}},
		{"nothing", 0, ui.TimeLocal, 9, 9, columns{level: 1, text: -3}},
	} {
		if got := layoutColumns(tc.w, tc.mode, tc.host, tc.source, false); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

// The columns and the text fill the line, at any width.
func TestLayoutColumnsFill(t *testing.T) {
	t.Parallel()
	for w := 1; w <= 220; w++ {
		for mode := ui.TimeLocal; mode <= ui.TimeOff; mode++ {
			c := layoutColumns(w, mode, 30, 60, w%2 == 0)
			if got := gutterW + w0(c.time) + w0(c.host) + w0(c.source) + w0(c.level) + w0(c.count) + c.text; got != w {
				t.Fatalf("width %d, %s: the parts are %d: %+v", w, mode, got, c)
			}
		}
	}
}

func TestAppendTime(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CET", 3600)
	now := time.Date(2026, 3, 14, 2, 30, 0, 0, zone)
	at := now.Add(-90*time.Second + 123*time.Millisecond)
	for _, tc := range []struct {
		mode ui.LogTime
		at   time.Time
		w    int
		want string
	}{
		{ui.TimeLocal, at, 8, "02:28:30"},
		{ui.TimeLocal, at, 12, "02:28:30.123"},
		{ui.TimeUTC, at, 9, "01:28:30Z"},
		{ui.TimeUTC, at, 13, "01:28:30.123Z"},
		{ui.TimeAge, at, 6, "    1m"},
		{ui.TimeLocal, now.Add(-26 * time.Hour), 8, "   1d02h"},
		{ui.TimeUTC, now.Add(-26 * time.Hour), 9, "    1d02h"},
		{ui.TimeLocal, now.Add(-26 * time.Hour), 12, "Mar 13 00:30"},
		{ui.TimeLocal, time.Time{}, 8, "       -"},
		{ui.TimeAge, time.Time{}, 6, "     -"},
		{ui.TimeAge, now.Add(time.Hour), 6, "    0s"},
		// Before midnight: a clock time alone would be read as one of today.
		{ui.TimeLocal, now.Add(-2*time.Hour - 31*time.Minute), 8, "   2h31m"},
	} {
		if got := string(appendTime(nil, tc.mode, tc.at, now, tc.w)); got != tc.want {
			t.Errorf("%s %s in %d: %q, want %q", tc.mode, tc.at, tc.w, got, tc.want)
		}
	}
}

func TestLayoutRects(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		h, wants int
		want     rects
	}{
		{24, 0, rects{body: 22, paneY: 24}},
		{24, 6, rects{body: 16, pane: 6, paneY: 18}},
		{24, 50, rects{body: 11, pane: 11, paneY: 13}},
		{12, 50, rects{body: 0, pane: 10, paneY: 2}}, // two halves of nothing help nobody
		{1, 5, rects{body: 0, pane: 0, paneY: 1}},
		{0, 0, rects{}},
	} {
		if got := layoutRects(tc.h, tc.wants); got != tc.want {
			t.Errorf("%d rows, pane wants %d: %+v, want %+v", tc.h, tc.wants, got, tc.want)
		}
	}
}

func TestCommas(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		if got := commas(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
