package timeline

import (
	"slices"

	"midwatch/checks/past"
)

// narrow is what is left out of the list and the axis, beside what is typed after "/".
type narrow struct {
	kind    string // "" for all
	host    string // "" for all
	object  string // name or ID; "" for all
	trouble bool   // only what is bad or a warning
}

// kindNames are what "next kind" goes through; groupOf says what belongs to each.
func kindNames() []string {
	return []string{"container", "unit", "probe", "config", "deploy", "service", "link", "action", "host", "watch"}
}

// kindOf is the kind an event is shown and filtered as.
func kindOf(e past.Entry) string {
	switch e.Kind {
	case "network":
		return "container"
	case "mount", "system":
		return "host"
	}
	if slices.Contains(kindNames(), e.Kind) {
		return e.Kind
	}
	return "other"
}

// operator is the lane of what was done to no host in particular.
const operator = "operator"

func hostOf(e past.Entry) string {
	if e.Host == "" {
		return operator
	}
	return e.Host
}

func (n narrow) pass(e past.Entry) bool {
	switch {
	case n.kind != "" && kindOf(e) != n.kind,
		n.host != "" && hostOf(e) != n.host,
		n.object != "" && e.Object != n.object && e.ID != n.object,
		n.trouble && e.Tone < past.Warn:
		return false
	}
	return true
}
