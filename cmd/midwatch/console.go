package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"midwatch/checks"
	"midwatch/cmd/midwatch/internal/tty"
	"midwatch/hosts"
	"midwatch/hosts/inventory"
	"midwatch/themes"
	"midwatch/tui"
	"midwatch/tui/ui"
)

// answerWait is how long the first frame waits for the terminal to say what its background is.
// Everything else is made ready meanwhile.
const answerWait = 50 * time.Millisecond

// libraryFrames is how often a second the library's renderer looks for frames. It has none: ui.Painter
// paints them.
const libraryFrames = 1

// runConsole shows the console on the inventory, or on the demo fleet with --demo.
func (a *app) runConsole(ctx context.Context, _ []string) (err error) {
	if !a.isTerminal(a.stdin) || !a.isTerminal(a.stdout) {
		return wrong("the console needs a terminal; without one use midwatch status, midwatch logs")
	}
	inv, err := a.inventory()
	if err != nil {
		return err
	}
	saved := tty.Save(a.stdin, a.stdout)
	defer saved.Restore()
	asked := a.askBackground(inv)
	last := a.remember(inv)

	questions := tui.NewQuestions()
	early := last.recalled()
	asks := a.askInside(questions)
	w, err := a.open(ctx, inv, opening{watch: true, ask: asks, last: early})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	mutes, err := a.mutes()
	if err != nil {
		return err
	}
	notice := a.operate(ctx, w, asks)
	last.attach(ctx, w, early)
	answer := <-asked
	out := ui.NewOutput(a.stdout, a.getenv("TMUX") != "")
	out.Notifies(ui.NotificationOf(a.getenv))
	screensCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	styles := a.consoleThemes(answer.bg)
	deps := w.deps(screensCtx, a.now, styles[0], out.Copy)
	deps.Tracer = a.tracer(w)
	if path := a.spillPath(w.Inventory); path != "" {
		deps.Spill = (&spillFile{path: path}).add
	}
	deps.Save, deps.Pager, deps.Views = saveFile, a.pager(screensCtx), &views{dir: a.stateDir}
	deps.Alert = out.Alert
	desk, watchers := w.runScreens(screensCtx, notice)
	ask := askChecks(mutes)
	judged := &judgement{run: func(s *hosts.Snapshot) *checks.Report { return ask(s).Report }}
	wait := judged.watch(screensCtx, w.Fleet.Snapshot)
	defer func() { cancel(); wait() }()
	root, err := tui.New(tui.Params{
		Deps:      deps,
		Screens:   screens(ask, desk),
		Watchers:  watchers,
		Reach:     append(reach(), w.reachDeploys()...),
		Keys:      inv.Console.Keys,
		Themes:    styles,
		Verdict:   judged.verdict,
		Questions: questions,
		Busy:      w.busy,
		Lease:     inv.Console.Lease,
		Where:     w.Where,
	})
	if err != nil {
		return &exitError{exitUsage, err}
	}
	return a.loop(ctx, root, out, answer, saved, notices{notice, last})
}

// loop runs the program until it quits, by a key or by a signal.
func (a *app) loop(ctx context.Context, root *tui.Root, out *ui.Output, answer background, saved *tty.State, tell notices) error {
	var in tty.File = a.stdin
	if answer.late {
		in = tty.NewFilter(a.stdin, a.now)
	}
	// ctx is not given to the program: its end is one more signal, which the console may ask about.
	painter := ui.NewPainter(out)
	p := tea.NewProgram(painter.Model(root), tea.WithInput(in), tea.WithOutput(painter), tea.WithoutSignalHandler(),
		tea.WithAltScreen(), tea.WithMouseCellMotion(), tea.WithFPS(libraryFrames))
	release := a.signals.route(func(s os.Signal) {
		if s == syscall.SIGHUP {
			go p.Quit() // nobody is there to be asked
			return
		}
		go p.Send(tui.QuitMsg{})
	}, func() {
		p.Kill()
		saved.Restore()
	})
	defer release()
	go tell.send(p)
	if a.first != nil {
		go p.Send(*a.first)
	}
	for _, k := range tty.Keys(answer.typed) {
		go p.Send(k)
	}
	_, err := p.Run()
	root.Close()
	s := a.signals.received()
	switch {
	case s != nil:
		// After a hang-up reading fails as well; that is no error of its own.
		return interruption{s}
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("the console stopped on a mistake of ours; please report it: %w", err)
	case err != nil:
		return fmt.Errorf("console: %w", err)
	}
	return ctx.Err()
}

// notices are what is told once the console stands.
type notices struct {
	readOnly error // why nothing can be changed
	last     *memory
}

func (n notices) send(p *tea.Program) {
	if n.readOnly != nil {
		p.Send(ui.ToastMsg{Text: "nothing can be changed: " + n.readOnly.Error(), Level: hosts.LevelWarn})
	}
	if t := n.last.trouble(); t != "" {
		p.Send(ui.ToastMsg{Text: t, Level: hosts.LevelWarn})
	}
}

// background is what came of asking the terminal.
type background struct {
	bg    tty.Background
	typed []byte
	late  bool
}

// askBackground finds out whether the terminal is dark or light: by the flag, the inventory, the
// environment, or by asking, in that order.
func (a *app) askBackground(inv *inventory.Inventory) <-chan background {
	ch := make(chan background, 1)
	known := a.background()
	if a.flags.theme == "" && known == tty.Unknown {
		known = map[string]tty.Background{"dark": tty.Dark, "light": tty.Light}[inv.Console.Theme]
	}
	if known != tty.Unknown || !tty.Asks(a.getenv("TERM")) {
		ch <- background{bg: known}
		return ch
	}
	go func() {
		bg, typed, late := tty.Ask(answerWait)
		ch <- background{bg, typed, late}
	}()
	return ch
}

// consoleThemes are the themes, the one to begin with first.
func (a *app) consoleThemes(bg tty.Background) []*themes.Styles {
	r := lipgloss.NewRenderer(a.stdout)
	r.SetColorProfile(a.profile(a.stdout))
	r.SetHasDarkBackground(bg != tty.Light)
	opts := themes.Options{ASCII: a.ascii()}
	dark, light := themes.New(r, themes.Dark(), opts), themes.New(r, themes.Light(), opts)
	if bg == tty.Light {
		return []*themes.Styles{light, dark}
	}
	return []*themes.Styles{dark, light}
}
