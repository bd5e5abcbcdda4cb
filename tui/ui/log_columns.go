package ui

import (
	"fmt"
	"slices"
	"strings"
)

// LogTime is what the time column of a log shows.
type LogTime int

// The ways to show a time.
const (
	TimeLocal LogTime = iota
	TimeUTC
	TimeAge
	TimeOff
)

func (m LogTime) String() string {
	return [...]string{"local time", "UTC", "age", "no time"}[max(0, min(int(m), 3))]
}

// Shown is whether a column is shown.
type Shown int

// The choices; the zero value leaves it to what there is to tell apart.
const (
	ShownAuto Shown = iota
	ShownAlways
	ShownNever
)

// On decides, useful being what the column tells apart.
func (s Shown) On(useful bool) bool { return s == ShownAlways || s == ShownAuto && useful }

// LogColumns is what stands before the text of a line of a log. The zero value is local times, a level,
// and hosts and sources where there are several.
type LogColumns struct {
	Time                LogTime
	Host, Source, Level Shown
}

var timeWords = [...]string{TimeLocal: "time", TimeUTC: "utc", TimeAge: "age", TimeOff: "no-time"}

// String is the choice as ParseLogColumns reads it; "" for the zero value.
func (c LogColumns) String() string {
	var words []string
	if c.Time != TimeLocal {
		words = append(words, timeWords[max(0, min(int(c.Time), 3))])
	}
	for _, x := range [...]struct {
		name  string
		shown Shown
	}{{"host", c.Host}, {"source", c.Source}, {"level", c.Level}} {
		switch x.shown {
		case ShownAlways:
			words = append(words, x.name)
		case ShownNever:
			words = append(words, "no-"+x.name)
		case ShownAuto:
		}
	}
	return strings.Join(words, ",")
}

// LogColumnWords are all words that ParseLogColumns reads.
func LogColumnWords() []string {
	return append(slices.Clone(timeWords[:]), "host", "no-host", "source", "no-source", "level", "no-level")
}

// ParseLogColumns reads words with commas between them: time, utc, age or no-time, and host, source and
// level with or without "no-" before them. What is not named is shown where it is of use.
func ParseLogColumns(s string) (LogColumns, error) {
	var c LogColumns
	for word := range strings.SplitSeq(s, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		if word == "" {
			continue
		}
		if i := slices.Index(timeWords[:], word); i >= 0 {
			c.Time = LogTime(i)
			continue
		}
		name, no := strings.CutPrefix(word, "no-")
		to := map[string]*Shown{"host": &c.Host, "source": &c.Source, "level": &c.Level}[name]
		if to == nil {
			return LogColumns{}, fmt.Errorf("%q is no column: want %s", word, strings.Join(LogColumnWords(), ", "))
		}
		*to = ShownAlways
		if no {
			*to = ShownNever
		}
	}
	return c, nil
}
