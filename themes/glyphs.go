package themes

// Glyphs are the signs that carry meaning beside colour. Each is one cell wide in every set.
type Glyphs struct {
	OK, Warn, Bad, Info, Unknown                          string
	Pending, Connected, Disconnected, Failed, Maintenance string // states of a link
	Running, Stopped, Restarting, Paused                  string // states of a container or unit
	Cursor                                                string // left of the selected row
	Mark                                                  string // left of a row chosen with space
	Open, Closed                                          string // of a group
	Ascending, Descending                                 string
	Ellipsis, Separator, Crumb                            string
	Production, Locked, Unlocked, Stale                   string
	Caret                                                 string // the insertion point of a text field
	Left, Right                                           string // there is more on that side
	Spark                                                 []string
	GaugeFull, GaugeEmpty                                 string
	ScrollBar, ScrollTrack                                string
}

// Borders are the eight parts of a box, each one cell wide, and the two that divide it.
type Borders struct {
	TopLeft, Top, TopRight, Left, Right, BottomLeft, Bottom, BottomRight string
	DivideLeft, Divide, DivideRight                                      string
}

func unicodeGlyphs() Glyphs {
	return Glyphs{
		OK: "✓", Warn: "▲", Bad: "✗", Info: "•", Unknown: "?",
		Pending: "◌", Connected: "●", Disconnected: "○", Failed: "✗", Maintenance: "◇",
		Running: "●", Stopped: "○", Restarting: "↻", Paused: "‖",
		Cursor: "▌", Mark: "◆", Open: "▾", Closed: "▸", Ascending: "↑", Descending: "↓",
		Ellipsis: "…", Separator: "·", Crumb: "›",
		Production: "P", Locked: "⊘", Unlocked: "▲", Stale: "~", Caret: "▏", Left: "‹", Right: "›",
		Spark:     []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
		GaugeFull: "█", GaugeEmpty: "░", ScrollBar: "┃", ScrollTrack: "│",
	}
}

func asciiGlyphs() Glyphs {
	return Glyphs{
		OK: "+", Warn: "!", Bad: "X", Info: "i", Unknown: "?",
		Pending: ".", Connected: "*", Disconnected: "o", Failed: "X", Maintenance: "=",
		Running: "*", Stopped: "o", Restarting: "@", Paused: "=",
		Cursor: ">", Mark: "#", Open: "-", Closed: "+", Ascending: "^", Descending: "v",
		Ellipsis: "~", Separator: "-", Crumb: ">",
		Production: "P", Locked: "-", Unlocked: "!", Stale: "~", Caret: "_", Left: "<", Right: ">",
		Spark:     []string{"_", ".", ":", "-", "=", "+", "*", "#"},
		GaugeFull: "#", GaugeEmpty: ".", ScrollBar: "#", ScrollTrack: "|",
	}
}

func unicodeBorders() Borders {
	return Borders{"╭", "─", "╮", "│", "│", "╰", "─", "╯", "├", "─", "┤"}
}

func asciiBorders() Borders {
	return Borders{"+", "-", "+", "|", "|", "+", "-", "+", "+", "-", "+"}
}
