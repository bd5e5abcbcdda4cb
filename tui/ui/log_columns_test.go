package ui

import (
	"strings"
	"testing"
)

func TestLogColumns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]LogColumns{
		"":                                {},
		"utc":                             {Time: TimeUTC},
		"age,host,no-source":              {Time: TimeAge, Host: ShownAlways, Source: ShownNever},
		"no-time,no-host,source,no-level": {Time: TimeOff, Host: ShownNever, Source: ShownAlways, Level: ShownNever},
		"level":                           {Level: ShownAlways},
	} {
		got, err := ParseLogColumns(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
		if got.String() != text {
			t.Errorf("%s is written as %s", text, got)
		}
	}
	if c, err := ParseLogColumns(" UTC, time ,host,no-host"); err != nil || c != (LogColumns{Host: ShownNever}) {
		t.Errorf("%+v %v: the last word of a kind counts", c, err)
	}
	for _, w := range LogColumnWords() {
		if _, err := ParseLogColumns(w); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseLogColumns("utc,hots"); err == nil || !strings.Contains(err.Error(), `"hots" is no column`) {
		t.Errorf("%v", err)
	}
}
