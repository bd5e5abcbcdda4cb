package ui_test

import (
	"math"
	"testing"
	"time"

	"midwatch/themes"
	"midwatch/tui/ui"
	"midwatch/tui/ui/uitest"

	"github.com/muesli/termenv"
)

func TestAge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{-time.Hour, "0s"},
		{0, "0s"},
		{999 * time.Millisecond, "0s"},
		{3 * time.Second, "3s"},
		{59 * time.Second, "59s"},
		{2 * time.Minute, "2m"},
		{59*time.Minute + 59*time.Second, "59m"},
		{64 * time.Minute, "1h04m"},
		{79 * time.Hour, "3d07h"},
		{412 * 24 * time.Hour, "412d"},
	} {
		if got := ui.Age(c.d); got != c.want {
			t.Errorf("%v: %q, want %q", c.d, got, c.want)
		}
	}
	if got := ui.AgeOf(time.Time{}, uitest.Now()); got != "-" {
		t.Errorf("never: %q", got)
	}
}

func TestCountdown(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "00:00", 0: "00:00", time.Millisecond: "00:01", 15 * time.Minute: "15:00", 899 * time.Second: "14:59", time.Hour + 61*time.Second: "1:01:01",
	} {
		if got := ui.Countdown(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "0", 512: "512B", 1023: "1023B", 1024: "1.0K", 10 << 10: "10K", 1023 << 10: "1023K", 1<<20 - 1: "1.0M", 1 << 30: "1.0G", 16 << 30: "16G",
		math.MaxUint64: "16E", 1536: "1.5K", 10188: "9.9K", 10189: "10K",
	} {
		if got := ui.Bytes(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestPercentAndMillis(t *testing.T) {
	t.Parallel()
	for p, want := range map[float64]string{0: "0%", 7.9: "7%", 99.99: "99%", 100: "100%", 412.3: "412%", -1: "-"} {
		if got := ui.Percent(p); got != want {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
	if got := ui.Percent(math.NaN()); got != "-" {
		t.Errorf("NaN: %q", got)
	}
	for d, want := range map[time.Duration]string{0: "-", 400 * time.Microsecond: "0.4ms", 12 * time.Millisecond: "12ms", 1200 * time.Millisecond: "1.2s"} {
		if got := ui.Millis(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestSparkAndGauge(t *testing.T) {
	t.Parallel()
	for _, ascii := range []bool{false, true} {
		st := uitest.Styles(themes.Dark(), termenv.Ascii, ascii)
		spark, gauge, low := "  ▁▅█", "███░░", "█░░░░"
		if ascii {
			spark, gauge, low = "  _=#", "###..", "#...."
		}
		if got := ui.Spark(st, []float64{0, 5, 10}, 5, 10); got != spark {
			t.Errorf("spark %q, want %q", got, spark)
		}
		if got := ui.Gauge(st, 60, 5); got != gauge {
			t.Errorf("gauge %q, want %q", got, gauge)
		}
		if got := ui.Gauge(st, 0.1, 5); got != low {
			t.Errorf("a little must be seen: %q", got)
		}
		if got := ui.Gauge(st, 1e9, 3); ui.Width(got) != 3 {
			t.Errorf("too much: %q", got)
		}
		for _, v := range [][]float64{nil, {math.NaN(), math.Inf(1), -5, 3}, make([]float64, 100)} {
			if got := ui.Spark(st, v, 7, 0); ui.Width(got) != 7 {
				t.Errorf("%v: %q", v, got)
			}
		}
	}
}

func TestTaskName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"stack_api.1.ba8yq2w6n3mdxk1zv0rt5chpe": "stack_api.1", "stack_api.1": "stack_api.1", "": "",
		"web.ba8yq2w6n3mdxk1zv0rt5chpE": "web.ba8yq2w6n3mdxk1zv0rt5chpE", ".ba8yq2w6n3mdxk1zv0rt5chpe": ".ba8yq2w6n3mdxk1zv0rt5chpe",
	} {
		if got := ui.TaskName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
