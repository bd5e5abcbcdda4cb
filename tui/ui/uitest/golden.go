package uitest

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/exp/golden"
	"github.com/muesli/termenv"

	"midwatch/themes"
	"midwatch/tui/ui"
)

// Now is the moment at which golden views are drawn.
func Now() time.Time { return time.Date(2026, 11, 29, 3, 12, 7, 0, time.UTC) }

// Plain returns styles without colours, for goldens that are read as text.
func Plain() *themes.Styles { return Styles(themes.Dark(), termenv.Ascii, false) }

// Styles returns the styles of a theme for a terminal of the given profile.
func Styles(t themes.Tokens, p termenv.Profile, ascii bool) *themes.Styles {
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(p)
	return themes.New(r, t, themes.Options{ASCII: ascii})
}

// Sizes are those of the golden views.
func Sizes() [][2]int { return [][2]int{{80, 24}, {120, 40}, {200, 50}} }

// Golden compares the view of a screen at the three sizes with testdata/TESTNAME/WxH.golden; run the
// test with -update to write them.
func Golden(t *testing.T, s ui.Screen) {
	t.Helper()
	for _, z := range Sizes() {
		t.Run(fmt.Sprintf("%dx%d", z[0], z[1]), func(t *testing.T) {
			s.SetSize(z[0], z[1])
			golden.RequireEqual(t, s.View())
		})
	}
}
