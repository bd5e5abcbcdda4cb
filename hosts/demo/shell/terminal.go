package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unicode/utf8"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

var errClosed = syscall.EPIPE

// terminal is the pseudo-terminal of a command: keys come in, what is shown goes out.
type terminal struct {
	out   io.Writer
	keys  chan []byte
	end   chan struct{} // closed when no more keys come
	rest  []byte        // of the last batch of keys
	typed []byte        // the line that was not finished when its reader went away
	now   *cooker       // who reads the keys while a program runs; nil while an editor does

	mu         sync.Mutex // guards cols, rows
	cols, rows int
}

// newTerminal starts reading the keys; the goroutine ends with the context or the input, and is not
// waited for because a read of the input may not be.
func newTerminal(ctx context.Context, r Request, wg *sync.WaitGroup) *terminal {
	t := &terminal{out: r.Stdout, keys: make(chan []byte), end: make(chan struct{}), cols: r.Cols, rows: r.Rows}
	in := r.Stdin
	if in == nil {
		in = strings.NewReader("")
	}
	go func() {
		defer close(t.end)
		for {
			buf := make([]byte, 4096)
			n, err := in.Read(buf)
			if n > 0 {
				select {
				case t.keys <- buf[:n]:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	if r.Resize != nil {
		wg.Go(func() {
			for {
				select {
				case s := <-r.Resize:
					t.mu.Lock()
					t.cols, t.rows = s[0], s[1]
					t.mu.Unlock()
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return t
}

func (t *terminal) size() (cols, rows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cols, t.rows
}

func (t *terminal) show(s string) { _, _ = io.WriteString(t.out, s) }

// key waits for the next character.
func (t *terminal) key(ctx context.Context) (rune, error) {
	for len(t.rest) == 0 {
		select {
		case b := <-t.keys:
			t.rest = b
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-t.end:
			return 0, io.EOF
		}
	}
	r, n := utf8.DecodeRune(t.rest)
	t.rest = t.rest[n:]
	return r, nil
}

// cook is the line discipline: it echoes what is typed and hands whole lines to w. ^C calls
// interrupt, ^D ends the input. It returns when the context ends or no more keys come.
func (t *terminal) cook(ctx context.Context, w io.WriteCloser, interrupt func()) {
	var line []rune
	defer func() { t.typed = []byte(string(line)) }()
	for {
		r, err := t.key(ctx)
		if err != nil {
			if ctx.Err() == nil {
				_ = w.Close()
			}
			return
		}
		switch {
		case r == '\r' || r == '\n':
			t.show("\r\n")
			if _, err := io.WriteString(w, string(line)+"\n"); err != nil {
				return
			}
			line = nil
		case r == 3:
			t.show("^C\r\n")
			line = nil
			interrupt()
			return
		case r == 4:
			if len(line) == 0 {
				_ = w.Close()
				continue
			}
			if _, err := io.WriteString(w, string(line)); err != nil {
				return
			}
			line = nil
		case r == 127 || r == 8:
			if len(line) > 0 {
				line = line[:len(line)-1]
				t.show("\b \b")
			}
		case len(line) < 4096:
			line = append(line, r)
			t.show(string(r))
		}
	}
}

// cooker is a running line discipline.
type cooker struct {
	start func()
	stop  func()
}

// foreground runs fn with the terminal's lines as input, until it ends or ^C is typed.
func (t *terminal) foreground(ctx context.Context, fn func(ctx context.Context, in io.Reader) int) int {
	ctx, cancel := context.WithCancel(ctx)
	// A pipe of the system has room: keys must be seen, ^C above all, while the program does not read.
	r, w, err := os.Pipe()
	if err != nil {
		cancel()
		t.show(err.Error() + "\r\n")
		return 1
	}
	var stopped atomic.Bool
	var c cooker
	c.start = func() {
		cctx, ccancel := context.WithCancel(ctx)
		done := make(chan struct{})
		c.stop = func() { ccancel(); <-done }
		go func() {
			defer close(done)
			t.cook(cctx, w, func() { stopped.Store(true); cancel() })
		}()
	}
	c.start()
	outer := t.now
	t.now = &c
	code := fn(ctx, r)
	t.now = outer
	cancel()
	c.stop()
	// What was typed and not read is for whoever reads the terminal next.
	_ = w.Close()
	left, _ := io.ReadAll(r)
	_ = r.Close()
	t.rest = append(append(left, t.typed...), t.rest...)
	t.typed = nil
	if stopped.Load() {
		return 130
	}
	return code
}

// own gives the keys to an editor until release is called.
func (t *terminal) own() (release func()) {
	c := t.now
	if c == nil {
		return func() {}
	}
	c.stop()
	return c.start
}

// onTTY reports whether standard input is the terminal.
func (p *proc) onTTY() bool { return p.tty != nil && p.in == p.ttyIn }

// onTerminal runs a command, or a shell, that has a terminal.
func (p *proc) onTerminal(t *terminal, r Request) int {
	p.tty = t
	p.out, p.err = crlf{t.out}, crlf{t.out}
	if len(r.Argv) > 0 && lookup(r.Argv[0]) == nil && r.Argv[0] != "/bin/sh" && r.Argv[0] != "/bin/bash" {
		return p.exec(r.Argv)
	}
	if r.Command == "" && (len(r.Argv) == 0 || shell(r.Argv)) {
		return p.interactive()
	}
	return t.foreground(p.ctx, func(ctx context.Context, in io.Reader) int {
		q := p.child(nil)
		q.ctx, q.in, q.ttyIn = ctx, in, in
		if len(r.Argv) > 0 {
			return q.exec(r.Argv)
		}
		return q.script(r.Command, "sh", nil)
	})
}

// shell reports whether argv starts a shell that reads commands from the terminal.
func shell(argv []string) bool {
	name := argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	if name != "sh" && name != "bash" && name != "dash" {
		return false
	}
	for _, a := range argv[1:] {
		if a != "-i" && a != "-l" && a != "-il" && a != "--login" {
			return false
		}
	}
	return true
}

// interactive reads commands from the terminal and shows a prompt.
func (p *proc) interactive() int {
	t := p.tty
	defer t.own()()
	outer := t.now
	t.now = nil
	defer func() { t.now = outer }()
	q := p.child([]string{"sh"})
	q.in = strings.NewReader("")
	run, done, err := q.runner(nil)
	if err != nil {
		return p.die(2, "sh: %v", err)
	}
	defer done()
	ed := &editor{t: t}
	code := 0
	for {
		ed.prompt = q.prompt(run.Dir)
		line, err := ed.line(p.ctx)
		if err != nil {
			t.show("logout\r\n")
			return code
		}
		file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(line), "sh")
		if err != nil {
			_, _ = io.WriteString(q.err, "sh: "+err.Error()+"\n")
			code = 2
			continue
		}
		prepare(file)
		for _, st := range file.Stmts {
			code = t.foreground(p.ctx, func(ctx context.Context, in io.Reader) int { return q.runOn(ctx, run, st, in) })
			if run.Exited() {
				return code
			}
			if p.ctx.Err() != nil {
				return 130
			}
		}
	}
}

// runOn runs one statement in a shell that goes on, with an input of its own.
func (p *proc) runOn(ctx context.Context, run *interp.Runner, st *syntax.Stmt, in io.Reader) int {
	q := p.child([]string{"sh"})
	q.ctx, q.in = ctx, in
	file, done, err := q.input()
	if err != nil {
		return p.die(2, "sh: %v", err)
	}
	defer done()
	p.ttyFile = file
	if err := interp.StdIO(file, p.out, p.err)(run); err != nil {
		return p.die(2, "sh: %v", err)
	}
	err = run.Run(ctx, st)
	if errors.Is(err, context.Canceled) {
		return 130
	}
	return q.status(err)
}

func (p *proc) prompt(dir string) string {
	sign := "$"
	if p.root() {
		sign = "#"
	}
	if dir == p.user.Home {
		dir = "~"
	}
	return p.user.Name + "@" + p.m.hostname() + ":" + dir + sign + " "
}

// crlf is the output of a terminal in cooked mode.
type crlf struct{ w io.Writer }

func (c crlf) Write(b []byte) (int, error) {
	text := strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
	if _, err := io.WriteString(c.w, text); err != nil {
		return 0, err
	}
	return len(b), nil
}

// editor reads lines from a terminal: echo, backspace, ^C, ^D, ^U, ^L and the last lines with the
// arrows.
type editor struct {
	t      *terminal
	prompt string
	past   []string
}

func (e *editor) line(ctx context.Context) (string, error) {
	show := e.t.show
	show(e.prompt)
	var buf []rune
	back := len(e.past)
	for {
		r, err := e.t.key(ctx)
		if err != nil {
			return "", err
		}
		switch {
		case r == '\r' || r == '\n':
			show("\r\n")
			if len(buf) > 0 {
				e.past = append(e.past, string(buf))
			}
			return string(buf), nil
		case r == 3: // ^C
			show("^C\r\n" + e.prompt)
			buf = nil
		case r == 4: // ^D
			if len(buf) == 0 {
				return "", io.EOF
			}
		case r == 127 || r == 8:
			if len(buf) > 0 {
				buf = buf[:len(buf)-1]
				show("\b \b")
			}
		case r == 21: // ^U
			show("\r\x1b[K" + e.prompt)
			buf = nil
		case r == 12: // ^L
			show("\x1b[H\x1b[2J" + e.prompt + string(buf))
		case r == 27:
			buf, back = e.arrow(ctx, buf, back)
		case r >= 32 && len(buf) < 4096:
			buf = append(buf, r)
			show(string(r))
		}
	}
}

// arrow reads the rest of an escape sequence; up and down walk through the lines before.
func (e *editor) arrow(ctx context.Context, buf []rune, back int) ([]rune, int) {
	if b, err := e.t.key(ctx); err != nil || b != '[' {
		return buf, back
	}
	d, err := e.t.key(ctx)
	if err != nil || d != 'A' && d != 'B' {
		return buf, back
	}
	if d == 'A' {
		back = max(0, back-1)
	} else {
		back = min(len(e.past), back+1)
	}
	buf = nil
	if back < len(e.past) {
		buf = []rune(e.past[back])
	}
	e.t.show("\r\x1b[K" + e.prompt + string(buf))
	return buf, back
}

// sttyProgram is stty size, and accepts the rest.
func sttyProgram(p *proc) int {
	if p.tty == nil {
		return p.die(1, "stty: 'standard input': Inappropriate ioctl for device")
	}
	cols, rows := p.tty.size()
	if len(p.args) > 1 && p.args[1] == "size" {
		p.print(strconv.Itoa(rows) + " " + strconv.Itoa(cols) + "\n")
	}
	return 0
}
