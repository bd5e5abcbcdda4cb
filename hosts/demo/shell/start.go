package shell

import (
	"context"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"midwatch/hosts/demo/sim"
)

// shProgram is sh [-c TEXT [NAME [ARG…]]], sh -s, or sh FILE.
func shProgram(p *proc) int {
	args := p.args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		f := args[0]
		args = args[1:]
		switch {
		case f == "--":
		case f == "-s" || f == "-":
			return p.fromInput(args)
		case strings.HasSuffix(f, "c") && f[1] != '-':
			if len(args) == 0 {
				return p.die(2, "sh: 0: -c requires an argument")
			}
			name, rest := "sh", []string(nil)
			if len(args) > 1 {
				name, rest = args[1], args[2:]
			}
			if before, ok := leashed(args[0]); ok && len(rest) > 0 {
				return p.leash(before, rest)
			}
			return p.script(args[0], name, rest)
		case f == "-i" || f == "-l" || f == "-il" || f == "-li" || f == "--login":
			if p.onTTY() {
				return p.interactive()
			}
		}
	}
	if len(args) == 0 {
		if p.onTTY() {
			return p.interactive()
		}
		return p.fromInput(nil)
	}
	text, err := p.m.fs().ReadFile(p.cred(), p.abs(args[0]))
	if err != nil {
		return p.die(127, "sh: 0: cannot open %s: %s", args[0], reason(err))
	}
	return p.script(string(text), args[0], args[1:])
}

// leashed recognizes the one script of midwatch's own that the interpreter cannot run, because it
// knows no file descriptor above 2: run "$@" without input, and kill it when the input of the script
// ends. What stands before that is returned.
func leashed(text string) (string, bool) {
	before, rest, ok := strings.Cut(text, "exec 3<&0 </dev/null; ")
	return before, ok && strings.Contains(rest, `"$@" 3<&- &`)
}

// leash runs argv until it ends or standard input does.
func (p *proc) leash(before string, argv []string) int {
	if before != "" {
		q := p.child(p.args)
		q.in = strings.NewReader("")
		q.script(before, "sh", nil)
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	q := p.child(argv)
	q.ctx, q.in = ctx, strings.NewReader("")
	go func() {
		_, _ = readLine(p.reader())
		cancel()
	}()
	code := q.exec(argv)
	if ctx.Err() != nil && p.ctx.Err() == nil {
		return 137
	}
	return code
}

// maxScript bounds a script that comes on standard input: 4 MiB.
const maxScript = 4 << 20

func (p *proc) fromInput(params []string) int {
	text, err := io.ReadAll(io.LimitReader(p.reader(), maxScript))
	if err != nil {
		return p.die(2, "sh: 0: %v", err)
	}
	q := p.child(p.args)
	q.in = strings.NewReader("")
	return q.script(string(text), "sh", params)
}

// builtinProgram runs what a shell has inside, for callers that are no shell.
func builtinProgram(p *proc) int {
	words := make([]string, len(p.args))
	for i, a := range p.args {
		q, err := syntax.Quote(a, syntax.LangBash)
		if err != nil {
			return p.die(2, "%s: %v", p.args[0], err)
		}
		words[i] = q
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(strings.Join(words, " ")), "sh")
	if err != nil {
		return p.die(2, "%s: %v", p.args[0], err)
	}
	return p.interpret(file, "sh", nil)
}

func envProgram(p *proc) int {
	args := p.args[1:]
	q := p.child(p.args)
	for len(args) > 0 {
		a := args[0]
		switch {
		case a == "-i" || a == "-":
			q.env = map[string]string{}
		case a == "-u" && len(args) > 1:
			delete(q.env, args[1])
			args = args[1:]
		case a == "--":
		case strings.Contains(a, "="):
			k, v, _ := strings.Cut(a, "=")
			q.env[k] = v
		default:
			return q.exec(args)
		}
		args = args[1:]
	}
	p.print(strings.Join(append(q.environ(), ""), "\n"))
	return 0
}

// afterOptions is a program that changes something about the next one that does not matter here.
func afterOptions(withValue string) program {
	return func(p *proc) int {
		args := p.args[1:]
		for len(args) > 0 && strings.HasPrefix(args[0], "-") {
			if len(args[0]) == 2 && strings.Contains(withValue, args[0][1:]) {
				args = args[1:]
			}
			if len(args) > 0 {
				args = args[1:]
			}
		}
		if len(args) == 0 {
			return 0
		}
		return p.exec(args)
	}
}

// setsidProgram leaves a program running that has nothing to do with the connection any more: it outlives it, says
// nothing to it and is seen among the processes of the host.
func setsidProgram(p *proc) int {
	_, args, _ := flags(p.args[1:2], "")
	args = append(args, p.args[min(2, len(p.args)):]...)
	if len(args) == 0 || p.m.Background == nil || p.m.C != nil {
		return afterOptions("")(p)
	}
	q := p.child(args)
	q.in, q.out, q.err, q.ttyIn, q.ttyFile = strings.NewReader(""), io.Discard, io.Discard, nil, nil
	p.m.Background(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		q.ctx, q.depth = ctx, 0
		q.pid = p.m.Table.add(&entry{user: p.user.Name, args: strings.Join(args, " "), cancel: cancel})
		defer p.m.Table.remove(q.pid)
		q.locked(func(h *sim.Host) {
			h.Begin(sim.Process{User: q.user.Name, PID: q.pid, PPID: 1, Start: h.Clock(), Mem: 2 << 20, Args: args})
		})
		defer q.locked(func(h *sim.Host) { h.End(q.pid) })
		q.exec(args)
	})
	return 0
}

// sudoProgram follows the account's rule: root, NOPASSWD, a password on standard input with -S, or
// nothing.
func sudoProgram(p *proc) int {
	args := p.args[1:]
	as, prompt := "root", "[sudo] password for "+p.user.Name+": "
	fromIn, never, check, keep := false, false, false, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		a := args[0]
		args = args[1:]
		if a == "--" {
			break
		}
		for _, c := range strings.TrimLeft(a, "-") {
			switch c {
			case 'n':
				never = true
			case 'S':
				fromIn = true
			case 'v', 'l':
				check = true
			case 'E':
				keep = true
			case 'u', 'p', 'g':
				if len(args) > 0 {
					switch c {
					case 'u':
						as = args[0]
					case 'p':
						prompt = args[0]
					}
					args = args[1:]
				}
			}
		}
	}
	if code := p.authorize(fromIn, never, prompt); code != 0 {
		return code
	}
	u, ok := p.host().User(as)
	if !ok {
		return p.die(1, "sudo: unknown user %s", as)
	}
	p.sudoLog(as, args)
	q := p.child(p.args)
	q.user = u
	if !keep {
		q.env = map[string]string{
			"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": u.Home, "USER": u.Name,
			"LOGNAME": u.Name, "SUDO_USER": p.user.Name, "TERM": p.env["TERM"],
		}
	}
	for len(args) > 0 && strings.Contains(args[0], "=") {
		k, v, _ := strings.Cut(args[0], "=")
		q.env[k] = v
		args = args[1:]
	}
	if len(args) == 0 {
		if check {
			return 0
		}
		return p.die(1, "usage: sudo -h | -K | -k | -V")
	}
	return q.exec(args)
}

// authorize applies the rule of sudoers and returns the exit status of a refusal.
func (p *proc) authorize(fromIn, never bool, prompt string) int {
	switch {
	case p.root() || p.user.Sudo == sim.SudoNoPasswd:
		return 0
	case never:
		return p.die(1, "sudo: a password is required")
	case !fromIn:
		return p.die(1, "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required")
	}
	for try := range 3 {
		_, _ = io.WriteString(p.err, prompt)
		line, err := readLine(p.in)
		if err != nil {
			return p.die(1, "\nsudo: no password was provided\nsudo: %d incorrect password attempt%s", try+1, plural(try+1))
		}
		if line == p.user.Password && p.user.Password != "" {
			if p.user.Sudo == sim.SudoNone {
				return p.die(1, "%s is not in the sudoers file.", p.user.Name)
			}
			return 0
		}
		if try < 2 {
			_, _ = io.WriteString(p.err, "Sorry, try again.\n")
		}
	}
	return p.die(1, "sudo: 3 incorrect password attempts")
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// readLine reads up to a line feed and not one byte more: the rest belongs to the command.
func readLine(r io.Reader) (string, error) {
	var line []byte
	b := make([]byte, 1)
	for len(line) < 4096 {
		n, err := r.Read(b)
		if n == 1 {
			if b[0] == '\n' {
				return string(line), nil
			}
			line = append(line, b[0])
		}
		if err != nil {
			return string(line), err
		}
	}
	return string(line), nil
}

// sudoLog leaves the line in the journal that sudo leaves.
func (p *proc) sudoLog(as string, args []string) {
	if len(args) == 0 || p.m.C != nil {
		return
	}
	cmd := strings.Join(args, " ")
	if len(cmd) > 200 {
		cmd = cmd[:200]
	}
	h := p.host()
	h.Site.Lock()
	defer h.Site.Unlock()
	h.Journal.Add(sim.Record{
		At: h.Site.Now(), Unit: "session-c1.scope", Ident: "sudo", PID: h.NewPID(), Priority: sim.Notice,
		Message: p.user.Name + " : PWD=" + p.dir + " ; USER=" + as + " ; COMMAND=/usr/bin/" + path.Base(strings.ReplaceAll(cmd, "\n", " ")),
	})
}

func suProgram(p *proc) int {
	if p.root() {
		_, rest, _ := flags(p.args[1:], "csl")
		opts, _, _ := flags(p.args[1:], "c")
		q := p.child(p.args)
		if len(rest) > 0 && rest[0] != "-" {
			if u, ok := p.host().User(rest[0]); ok {
				q.user = u
			}
		}
		if c := opts["-c"]; c != "" {
			return q.script(c, "sh", nil)
		}
		return q.fromInput(nil)
	}
	return p.die(1, "Password: \nsu: Authentication failure")
}

// timeoutProgram is timeout [-s SIGNAL] [-k DURATION] DURATION COMMAND…
func timeoutProgram(p *proc) int {
	args := p.args[1:]
	kill, keep := false, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		a := args[0]
		args = args[1:]
		switch {
		case (a == "-s" || a == "--signal" || a == "-k" || a == "--kill-after") && len(args) > 0:
			kill = kill || strings.HasSuffix(args[0], "KILL") || args[0] == "9"
			args = args[1:]
		case strings.HasPrefix(a, "--signal="), strings.HasPrefix(a, "-s"):
			kill = kill || strings.HasSuffix(a, "KILL") || strings.HasSuffix(a, "9")
		case a == "--preserve-status":
			keep = true
		}
	}
	if len(args) < 2 {
		return p.die(125, "timeout: missing operand")
	}
	d, ok := duration(args[0])
	if !ok {
		return p.die(125, "timeout: invalid time interval ‘%s’", args[0])
	}
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	if d > 0 {
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	q := p.child(p.args)
	q.ctx = ctx
	code := q.exec(args[1:])
	if ctx.Err() != nil && p.ctx.Err() == nil {
		switch {
		case kill:
			return 137
		case keep:
			return 143
		}
		return 124
	}
	return code
}

// duration reads "5", "0.5", "2m".
func duration(s string) (time.Duration, bool) {
	unit := time.Second
	if s != "" {
		switch s[len(s)-1] {
		case 's':
			s = s[:len(s)-1]
		case 'm':
			s, unit = s[:len(s)-1], time.Minute
		case 'h':
			s, unit = s[:len(s)-1], time.Hour
		case 'd':
			s, unit = s[:len(s)-1], 24*time.Hour
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > 1e9 {
		return 0, s == "infinity"
	}
	return time.Duration(f * float64(unit)), true
}

// yesProgram writes until nobody reads.
func yesProgram(p *proc) int {
	word := "y"
	if len(p.args) > 1 {
		word = strings.Join(p.args[1:], " ")
	}
	text := strings.Repeat(word+"\n", 1+(4<<10)/(len(word)+1))
	for p.print(text) {
	}
	return 141
}

func sleepProgram(p *proc) int {
	total := time.Duration(0)
	for _, a := range p.args[1:] {
		d, ok := duration(a)
		if !ok {
			return p.die(1, "sleep: invalid time interval ‘%s’", a)
		}
		total += d
	}
	if !p.pause(total) {
		return 130
	}
	return 0
}

// pause waits and reports false when the program was ended meanwhile.
func (p *proc) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

func whichProgram(p *proc) int {
	code := 1
	for _, a := range p.args[1:] {
		if strings.HasPrefix(a, "-") {
			continue
		}
		name := path.Base(a)
		switch {
		case name == "test" || name == "[" || name == "printf" || name == "echo":
			p.print(name + "\n")
			code = 0
		case lookup(name) != nil && p.m.has(name) && !strings.HasPrefix(name, "mw-"):
			p.print("/usr/bin/" + name + "\n")
			code = 0
		case strings.Contains(a, "/") && p.m.fs().Access(p.cred(), p.abs(a), 1) == nil:
			p.print(a + "\n")
			code = 0
		case contains([]string{"cd", "read", "set", "export", "trap", "wait", "eval", "exec", "exit", ":"}, name):
			p.print(name + "\n")
			code = 0
		}
	}
	return code
}

func xargsProgram(p *proc) int {
	opts, rest := flags0(p.args[1:], "nIdLPs")
	in, err := io.ReadAll(p.reader())
	if err != nil {
		return p.die(1, "xargs: %v", err)
	}
	var words []string
	switch {
	case opts["-0"] != "":
		words = strings.FieldsFunc(string(in), func(r rune) bool { return r == 0 })
	case opts["-d"] != "":
		words = strings.Split(strings.TrimSuffix(string(in), "\n"), strings.ReplaceAll(opts["-d"], `\n`, "\n"))
	case opts["-I"] != "":
		words = strings.Split(strings.TrimSuffix(string(in), "\n"), "\n")
	default:
		words = strings.Fields(string(in))
	}
	if len(rest) == 0 {
		rest = []string{"echo"}
	}
	if len(words) == 0 && opts["-r"] != "" {
		return 0
	}
	code := 0
	run := func(argv []string) {
		q := p.child(argv)
		q.in = strings.NewReader("")
		if c := q.exec(argv); c != 0 {
			code = 123
		}
	}
	if mark := opts["-I"]; mark != "" {
		for _, w := range words {
			argv := make([]string, len(rest))
			for i, a := range rest {
				argv[i] = strings.ReplaceAll(a, mark, w)
			}
			run(argv)
		}
		return code
	}
	n, err := strconv.Atoi(opts["-n"])
	if err != nil || n <= 0 {
		n = max(1, len(words))
	}
	for i := 0; i == 0 || i < len(words); i += n {
		run(append(append([]string{}, rest...), words[i:min(i+n, len(words))]...))
	}
	return code
}

// flags0 reads options up to the first operand, as programs that take a command do.
func flags0(args []string, withValue string) (map[string]string, []string) {
	i := 0
	for i < len(args) && len(args[i]) > 1 && args[i][0] == '-' {
		if len(args[i]) == 2 && strings.Contains(withValue, args[i][1:]) {
			i++
		}
		i++
	}
	i = min(i, len(args))
	opts, _, _ := flags(args[:i], withValue)
	return opts, args[i:]
}

// reader is standard input, which ends with the program.
func (p *proc) reader() io.Reader { return &input{p: p} }

// input lets a program that waits for its input end when it is told to: a goroutine does the
// waiting, and goes when the input does.
type input struct {
	p    *proc
	once sync.Once
	ch   chan chunk
	rest []byte
	err  error
}

type chunk struct {
	data []byte
	err  error
}

func (i *input) Read(b []byte) (int, error) {
	if sr, ok := i.p.in.(*strings.Reader); ok {
		return sr.Read(b)
	}
	i.once.Do(i.pump)
	if len(i.rest) == 0 && i.err == nil {
		select {
		case c := <-i.ch:
			i.rest, i.err = c.data, c.err
		case <-i.p.ctx.Done():
			return 0, i.p.ctx.Err()
		}
	}
	if len(i.rest) > 0 {
		n := copy(b, i.rest)
		i.rest = i.rest[n:]
		return n, nil
	}
	return 0, i.err
}

func (i *input) pump() {
	i.ch = make(chan chunk)
	go func() {
		for {
			buf := make([]byte, 32<<10)
			n, err := i.p.in.Read(buf)
			select {
			case i.ch <- chunk{buf[:n], err}:
			case <-i.p.ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
}
