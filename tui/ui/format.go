package ui

import (
	"strconv"
	"strings"
	"time"

	"midwatch/themes"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Age writes how long ago something was, in at most six cells: "0s", "59s", "12m", "1h04m", "3d07h",
// "412d". Negative ages, which clocks that disagree make, are "0s".
func Age(d time.Duration) string {
	s := int(d / time.Second)
	switch {
	case s <= 0:
		return "0s"
	case s < 60:
		return itoa(s) + "s"
	case s < 3600:
		return itoa(s/60) + "m"
	case s < 86400:
		return itoa(s/3600) + "h" + two(s/60%60) + "m"
	case s < 100*86400:
		return itoa(s/86400) + "d" + two(s/3600%24) + "h"
	default:
		return itoa(s/86400) + "d"
	}
}

// AgeOf is Age of a moment, and "-" for a moment that never was.
func AgeOf(at, now time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return Age(now.Sub(at))
}

// Countdown writes what is left as "14:59", or "1:04:59".
func Countdown(d time.Duration) string {
	s := max(0, int((d+time.Second-1)/time.Second))
	if s >= 3600 {
		return itoa(s/3600) + ":" + two(s/60%60) + ":" + two(s%60)
	}
	return two(s/60) + ":" + two(s%60)
}

func two(n int) string {
	if n < 10 {
		return "0" + itoa(n)
	}
	return itoa(n)
}

// Bytes writes a size in at most five cells with binary units: "0", "512B", "1.4K", "12M", "1.5G".
func Bytes(n uint64) string {
	if n == 0 {
		return "0"
	}
	if n < 1024 {
		return strconv.FormatUint(n, 10) + "B"
	}
	f, units := float64(n)/1024, "KMGTPE"
	i := 0
	for f >= 1023.5 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if f < 9.95 {
		return strconv.FormatFloat(f, 'f', 1, 64) + units[i:i+1]
	}
	return strconv.FormatFloat(f, 'f', 0, 64) + units[i:i+1]
}

// Percent writes a share as "7%"; 99.6 is "99%", because full is said only of what is full.
func Percent(p float64) string {
	if p < 0 || p != p {
		return "-"
	}
	return itoa(int(min(p, 1e6))) + "%"
}

// Millis writes a short duration: "0.4ms", "12ms", "1.2s".
func Millis(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) + "ms"
	case d < time.Second:
		return itoa(int(d/time.Millisecond)) + "ms"
	default:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
}

// Count writes "1 host", "3 hosts"; plural is the singular with an s.
func Count(n int, singular string) string {
	if n == 1 {
		return "1 " + singular
	}
	return itoa(n) + " " + singular + "s"
}

// TaskName is the name of a container without the ID of a Swarm task at its end: "stack_api.1" of
// "stack_api.1.ba8yq2w6n3mdxk1zv0rt5chpe". Other names stay.
func TaskName(name string) string {
	const idLen = 25
	i := strings.LastIndexByte(name, '.')
	if i < 1 || len(name)-i-1 != idLen {
		return name
	}
	for _, r := range name[i+1:] {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return name
		}
	}
	return name[:i]
}

// Spark draws the last w values, one cell each, between 0 and top; a top of 0 takes the largest
// value. Values that are not there yet are blank.
func Spark(st *themes.Styles, values []float64, w int, top float64) string {
	if w <= 0 {
		return ""
	}
	if len(values) > w {
		values = values[len(values)-w:]
	}
	if top <= 0 {
		for _, v := range values {
			top = max(top, v)
		}
	}
	g := st.Glyphs.Spark
	var b strings.Builder
	b.WriteString(Spaces(w - len(values)))
	for _, v := range values {
		i := 0
		if top > 0 && v > 0 {
			i = min(len(g)-1, int(v/top*float64(len(g)-1)+0.5))
		}
		b.WriteString(g[i])
	}
	return b.String()
}

// Gauge draws a bar of w cells filled to percent, without styles.
func Gauge(st *themes.Styles, percent float64, w int) string {
	if w <= 0 {
		return ""
	}
	n := int(max(0, min(percent, 100))/100*float64(w) + 0.5)
	if percent > 0 && n == 0 {
		n = 1
	}
	return strings.Repeat(st.Glyphs.GaugeFull, n) + strings.Repeat(st.Glyphs.GaugeEmpty, w-n)
}
