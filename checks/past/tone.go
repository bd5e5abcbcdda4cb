package past

import (
	"strings"

	"midwatch/hosts"
)

// Tone is how an event sounds.
type Tone int

// The tones, from the quietest.
const (
	Plain Tone = iota // neither good nor bad
	Good              // something works that did not
	Warn
	Bad
)

// ToneOf judges one event.
func ToneOf(e hosts.Event) Tone {
	action, _, _ := strings.Cut(e.Action, ":")
	switch e.Kind {
	case "container":
		return container(action, e)
	case "unit":
		return unit(e.Action)
	case "probe":
		switch {
		case e.Action == "fails":
			return Bad
		case e.Action == "answers", e.Action == "says healthy", e.Action == "says ok":
			return Good
		}
		return Warn
	case "link":
		switch e.Action {
		case hosts.StateConnected.String():
			return Good
		case hosts.StateDisconnected.String(), hosts.StateError.String():
			return Bad
		}
	case "mount":
		if e.Action != "mounted" {
			return Warn
		}
	case "system", "watch":
		return Warn
	case "service", "deploy":
		return deploy(e)
	case "action":
		if e.Action == "skipped" || strings.Contains(e.Detail, "failed: ") {
			return Bad
		}
	}
	return Plain
}

func container(action string, e hosts.Event) Tone {
	switch action {
	case "oom":
		return Bad
	case "die":
		switch e.Detail {
		case "", "exit 0", "exit 143": // 143 is the answer to SIGTERM
			return Plain
		}
		return Bad
	case "health_status":
		switch {
		case strings.Contains(e.Action, "unhealthy"):
			return Bad
		case strings.Contains(e.Action, "healthy"):
			return Good
		}
	case "restart", "skipped":
		return Warn
	}
	return Plain
}

func unit(action string) Tone {
	switch action {
	case "failed":
		return Bad
	case "auto-restart", "restarted":
		return Warn
	case "active":
		return Good
	}
	return Plain
}

func deploy(e hosts.Event) Tone {
	switch {
	case strings.Contains(e.Action, "error"), strings.Contains(e.Action, "failed"), strings.Contains(e.Action, "rejected"), strings.Contains(e.Detail, "failed: "):
		return Bad
	case strings.Contains(e.Action, "missing"), strings.Contains(e.Action, "paused"), strings.Contains(e.Action, "rollback"):
		return Warn
	case strings.Contains(e.Action, "complete"), strings.Contains(e.Action, "done"):
		return Good
	}
	return Plain
}
