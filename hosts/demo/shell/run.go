package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// script runs text as sh would; name and params are $0 and the rest.
func (p *proc) script(text, name string, params []string) int {
	if p.depth > maxDepth {
		return p.die(126, "%s: too many levels of shells", name)
	}
	// A plain command needs no shell, and then its input and output need no pipes either.
	if argv := words(text); argv != nil && lookup(argv[0]) != nil {
		return p.exec(argv)
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), name)
	if err != nil {
		return p.die(2, "%s: syntax error: %v", name, err)
	}
	return p.interpret(file, name, params)
}

// interpret runs a parsed script with the interpreter.
func (p *proc) interpret(file *syntax.File, name string, params []string) int {
	prepare(file)
	r, done, err := p.runner(params)
	if err != nil {
		return p.die(2, "%s: %v", name, err)
	}
	defer done()
	return p.status(r.Run(p.ctx, file))
}

// words splits a command line that is one command with nothing to expand: plain letters, single
// quotes and backslashes. It returns nil for everything else, which is left to the interpreter. Bytes
// that are no UTF-8 pass here and would not there.
func words(text string) []string {
	var out []string
	var w []byte
	in := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return nil
			}
			w, in = append(w, text[i+1:i+1+end]...), true
			i += end + 1
		case c == '\\':
			if i++; i >= len(text) || text[i] == '\n' {
				return nil
			}
			w, in = append(w, text[i]), true
		case c == ' ' || c == '\t':
			if in {
				out, w, in = append(out, string(w)), nil, false
			}
		case c == '\n' && strings.TrimSpace(text[i:]) == "":
		case strings.IndexByte("$`\"*?[]~{}<>()|&;#=!\n", c) >= 0:
			return nil
		default:
			w, in = append(w, c), true
		}
	}
	if in {
		out = append(out, string(w))
	}
	// exec in front of it: the command takes the shell's place, which is what happens here anyway.
	if len(out) > 1 && out[0] == "exec" && !strings.HasPrefix(out[1], "-") {
		out = out[1:]
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// status turns what the interpreter returned into an exit status.
func (p *proc) status(err error) int {
	var st interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &st):
		return int(st)
	case p.ctx.Err() != nil:
		return 130
	default:
		return p.die(2, "sh: %v", err)
	}
}

// pidVar holds what $$ means: the interpreter would give the number of our own process.
const pidVar = "MW_PID"

// prepare changes a script where the interpreter would not do what a shell does: $$ is the number of
// the simulated process, and exec COMMAND ends the shell also when the command fails.
func prepare(n syntax.Node) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.ParamExp:
			if x.Param != nil && x.Param.Value == "$" {
				x.Param.Value = pidVar
			}
		case *syntax.Stmt:
			// The interpreter has three files. Others are for flock, which is not here.
			x.Redirs = slices.DeleteFunc(x.Redirs, func(r *syntax.Redirect) bool { return r.N != nil && r.N.Value > "2" })
			call, ok := x.Cmd.(*syntax.CallExpr)
			if !ok || len(call.Args) < 2 || call.Args[0].Lit() != "exec" || strings.HasPrefix(call.Args[1].Lit(), "-") {
				break
			}
			call.Args = call.Args[1:]
			exit := &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: "exit"}}}
			x.Cmd = &syntax.Block{Stmts: []*syntax.Stmt{{Cmd: call}, {Cmd: &syntax.CallExpr{Args: []*syntax.Word{exit}}}}}
		}
		return true
	})
}

// runner makes an interpreter over the machine; done frees its input.
func (p *proc) runner(params []string) (*interp.Runner, func(), error) {
	in, done, err := p.input()
	if err != nil {
		return nil, nil, err
	}
	if p.in == p.ttyIn {
		p.ttyFile = in
	}
	env := append(p.environ(), pidVar+"="+strconv.Itoa(p.pid), "UID="+strconv.Itoa(p.user.UID), "EUID="+strconv.Itoa(p.user.UID), "GID="+strconv.Itoa(p.user.UID))
	r, err := interp.New(
		interp.Env(expand.ListEnviron(env...)),
		interp.Params(append([]string{"--"}, params...)...),
		interp.StdIO(in, p.out, p.err),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return p.call }),
		interp.CallHandler(renamed),
		interp.OpenHandler(p.open),
		interp.StatHandler(func(ctx context.Context, name string, follow bool) (fs.FileInfo, error) {
			return p.at(ctx).m.fs().Stat(p.cred(), p.at(ctx).abs(name), follow)
		}),
		interp.AccessHandler(func(ctx context.Context, name string, mode interp.AccessMode) error {
			return p.m.fs().Access(p.cred(), p.at(ctx).abs(name), fs.FileMode(mode)&7)
		}),
		interp.ReadDirHandler2(func(ctx context.Context, name string) ([]fs.DirEntry, error) {
			list, err := p.m.fs().ReadDir(p.cred(), p.at(ctx).abs(name))
			out := make([]fs.DirEntry, 0, len(list))
			for _, i := range list {
				out = append(out, fs.FileInfoToDirEntry(i))
			}
			return out, err
		}),
	)
	if err != nil {
		done()
		return nil, nil, err
	}
	r.Dir = p.dir // set here because interp.Dir would look for it on the real machine
	return r, done, nil
}

// input gives the interpreter a file, the only thing it shares between programs; a reader is copied
// into a pipe, which ends with the script.
func (p *proc) input() (*os.File, func(), error) {
	if f, ok := p.in.(*os.File); ok {
		return f, func() {}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	go func() {
		_, _ = io.Copy(w, p.in)
		_ = w.Close()
	}()
	return r, func() { _ = r.Close() }, nil
}

// at is the process as the running shell has moved it.
func (p *proc) at(ctx context.Context) *proc {
	q := *p
	q.dir = interp.HandlerCtx(ctx).Dir
	return &q
}

// renamed leads builtins that would look at the real machine, or are missing, to programs of ours.
func renamed(_ context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "command":
		if len(args) > 2 && (args[1] == "-v" || args[1] == "-V") {
			return append([]string{"mw-which"}, args[2:]...), nil
		}
	case "cd":
		if len(args) > 1 && args[1] == "--" { // the interpreter's takes no options
			return append([]string{"cd"}, args[2:]...), nil
		}
	case "type":
		return append([]string{"mw-which"}, args[1:]...), nil
	case "umask", "ulimit", "hash":
		return []string{":"}, nil
	case "kill":
		return append([]string{"mw-kill"}, args[1:]...), nil
	case "jobs", "times", "help":
		return []string{":"}, nil
	}
	return args, nil
}

// call runs a program on behalf of the interpreter.
func (p *proc) call(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	q := p.child(args)
	q.ctx, q.dir = ctx, hc.Dir
	q.in, q.out, q.err = hc.Stdin, hc.Stdout, hc.Stderr
	q.ttyIn, q.ttyFile = nil, nil
	switch f, ok := hc.Stdin.(*os.File); {
	case hc.Stdin == nil:
		q.in = strings.NewReader("")
	case ok && f != nil && f == p.ttyFile:
		q.ttyIn = q.in
	}
	q.env = map[string]string{}
	for name, v := range hc.Env.Each {
		if v.Exported && v.Kind == expand.String && name != pidVar {
			q.env[name] = v.Str
		}
	}
	q.depth = p.depth
	code := q.exec(args)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code != 0 {
		return interp.ExitStatus(uint8(code)) //nolint:gosec // exit statuses are bytes
	}
	return nil
}

// pipeRoom is what a pipe of the operating system takes without a reader.
const pipeRoom = 60 << 10

// open opens a file for a redirection. What is read comes through a pipe, because the interpreter
// wants a file of the operating system.
func (p *proc) open(ctx context.Context, name string, flag int, perm fs.FileMode) (io.ReadWriteCloser, error) {
	name = p.at(ctx).abs(name)
	switch name {
	case "/dev/null":
		return os.OpenFile(os.DevNull, flag&^os.O_TRUNC, 0)
	case "/dev/zero", "/dev/urandom", "/dev/random":
		return os.Open(os.DevNull) // endless files are for programs that say how much they want
	case "/dev/stdout", "/dev/stderr", "/dev/tty":
		hc := interp.HandlerCtx(ctx)
		w := hc.Stdout
		if name == "/dev/stderr" {
			w = hc.Stderr
		}
		return stream{w}, nil
	}
	f, err := p.m.fs().Open(p.cred(), name, flag, perm)
	if err != nil || flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	send := func() {
		_, _ = w.Write(data)
		_ = w.Close()
	}
	if len(data) <= pipeRoom {
		send()
	} else {
		go send()
	}
	return r, nil
}

// stream is a device that can only be written.
type stream struct{ io.Writer }

func (stream) Read([]byte) (int, error) { return 0, io.EOF }

func (stream) Close() error { return nil }

// print writes to standard output; it reports false when nobody reads any more, and the program
// should end as SIGPIPE would end it.
func (p *proc) print(text string) bool {
	if p.onlyOut || p.ctx.Err() != nil {
		return false
	}
	if _, err := io.WriteString(p.out, text); err != nil {
		p.onlyOut = true
		return false
	}
	return true
}

func (p *proc) printf(format string, args ...any) bool { return p.print(fmt.Sprintf(format, args...)) }

// die writes to standard error and returns the exit status.
func (p *proc) die(code int, format string, args ...any) int {
	_, _ = fmt.Fprintf(p.err, format+"\n", args...)
	return code
}

// reason is what the C library says about an error.
func reason(err error) string {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err.Error()
	}
	text := no.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// flags reads single-letter options; those in withValue take the next word or the rest of theirs.
// Long options are kept with their value after "=". What is left are the operands.
func flags(args []string, withValue string, longValue ...string) (map[string]string, []string, string) {
	opts := map[string]string{}
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			return opts, args[i+1:], ""
		case strings.HasPrefix(a, "--"):
			k, v, has := strings.Cut(a, "=")
			if !has && contains(longValue, k) && i+1 < len(args) {
				i++
				v = args[i]
			}
			if old, ok := opts[k]; ok && v != "" && old != "" {
				v = old + "\x00" + v
			}
			opts[k] = v
		case len(a) > 1 && a[0] == '-':
			for j := 1; j < len(a); j++ {
				k := "-" + string(a[j])
				if !strings.ContainsRune(withValue, rune(a[j])) {
					opts[k] = "1"
					continue
				}
				v := a[j+1:]
				if v == "" {
					if i+1 >= len(args) {
						return opts, nil, k
					}
					i++
					v = args[i]
				}
				if old, ok := opts[k]; ok {
					v = old + "\x00" + v
				}
				opts[k] = v
				break
			}
		default:
			// GNU programs take options after operands too.
			rest, more, bad := flags(args[i+1:], withValue, longValue...)
			for k, v := range rest {
				if old, ok := opts[k]; ok && v != "1" {
					v = old + "\x00" + v
				}
				opts[k] = v
			}
			return opts, append([]string{a}, more...), bad
		}
	}
	return opts, nil, ""
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func last(v string) string { return v[strings.LastIndexByte(v, 0)+1:] }

func many(v string) []string {
	if v == "" {
		return nil
	}
	return strings.Split(v, "\x00")
}
