package main

import (
	"os"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"midwatch/cmd/midwatch/internal/tty"
	"midwatch/themes"
)

// profile is how many colours may be used on a file.
func (a *app) profile(f *os.File) termenv.Profile {
	if a.flags.noColor || a.getenv("NO_COLOR") != "" {
		return termenv.Ascii
	}
	return termenv.NewOutput(f, termenv.WithEnvironment(environ{a.getenv})).ColorProfile()
}

// environ is a termenv.Environ of our getenv.
type environ struct{ getenv func(string) string }

func (environ) Environ() []string           { return nil }
func (e environ) Getenv(name string) string { return e.getenv(name) }

// styles are what commands write lines with. The terminal is not asked for its background: an answer
// that comes after a short command has ended would land in the user's shell. Where nothing says what
// it is, only colours that can be read on both are used.
func (a *app) styles(f *os.File) *themes.Styles {
	r := lipgloss.NewRenderer(f)
	profile := a.profile(f)
	tokens := themes.Dark()
	switch a.background() {
	case tty.Dark:
	case tty.Light:
		tokens = themes.Light()
	case tty.Unknown:
		tokens = readableOnBoth()
		if profile != termenv.Ascii {
			profile = termenv.ANSI
		}
	}
	r.SetColorProfile(profile)
	r.SetHasDarkBackground(tokens.Dark)
	return themes.New(r, tokens, themes.Options{ASCII: a.ascii()})
}

// background is what flags, inventory and environment say.
func (a *app) background() tty.Background {
	switch a.flags.theme {
	case "dark":
		return tty.Dark
	case "light":
		return tty.Light
	}
	return tty.FromEnv(a.getenv("COLORFGBG"))
}

// ascii reports whether the terminal is to be spared everything else: by the flag, or because its
// locale knows no UTF-8.
func (a *app) ascii() bool {
	if a.flags.ascii {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := a.getenv(name); v != "" {
			return !utf8Locale(v)
		}
	}
	return false
}

// readableOnBoth is the light theme's sixteen colours without black and blue, which vanish on dark
// backgrounds.
func readableOnBoth() themes.Tokens {
	t := themes.Light()
	t.Name = "any background"
	for token, c := range t.Colors {
		if c.ANSI == "0" || c.ANSI == "4" {
			delete(t.Colors, token)
		}
	}
	return t
}

func utf8Locale(v string) bool {
	v = strings.ToLower(v)
	return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
}
