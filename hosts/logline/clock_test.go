package logline

import (
	"testing"
	"time"
)

// What is read of an access log's time without the library is what the library reads of it.
func TestAccessTimeIsTheLibrarys(t *testing.T) {
	t.Parallel()
	const layout = "02/Jan/2006:15:04:05 -0700"
	check := func(s string, must bool) {
		t.Helper()
		want, err := time.Parse(layout, s)
		got, ok := accessTime(s)
		if ok && (err != nil || !got.Equal(want) || got.Format(layout) != want.Format(layout)) {
			t.Errorf("%q is %v, want %v, %v", s, got, want, err)
		}
		if must && !ok {
			t.Errorf("%q was left to the library", s)
		}
	}
	const good = "29/Nov/2026:04:31:27 +0000"
	for _, s := range []string{good, "31/Dec/1999:23:59:59 -1130", "29/Feb/2024:00:00:00 +0545", "01/Jan/2026:00:00:00 +1400"} {
		check(s, true)
	}
	for _, s := range []string{
		"", "00/Nov/2026:04:31:27 +0000", "31/Nov/2026:04:31:27 +0000", "29/Feb/2026:04:31:27 +0000", "29/anF/2026:04:31:27 +0000",
		"29/nov/2026:04:31:27 +0000", "29/Nov/2026:24:31:27 +0000", "29/Nov/2026:04:60:27 +0000", "29/Nov/2026:04:31:60 +0000", "29/Nov/2026:04:31:27 +2500",
	} {
		check(s, false)
	}
	for i := range good { // each byte another one
		for _, c := range []byte("09 /:+-aJ\x00") {
			check(good[:i]+string(c)+good[i+1:], false)
		}
	}
}
