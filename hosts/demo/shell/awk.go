package shell

import (
	"bytes"
	"io"
	"strings"

	"github.com/benhoyt/goawk/interp"
	"github.com/benhoyt/goawk/parser"
)

// awkProgram is awk, by goawk, without files and programs of its own: those named as operands are
// read from the simulated disk first.
func awkProgram(p *proc) int {
	opts, rest := flags0(p.args[1:], "Fvf")
	src := ""
	switch {
	case opts["-f"] != "":
		data, err := p.read(opts["-f"])
		if err != nil {
			return p.die(2, "awk: can't open file %s", opts["-f"])
		}
		src = string(data)
	case len(rest) > 0:
		src, rest = rest[0], rest[1:]
	default:
		return p.die(2, "usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]")
	}
	prog, err := parser.ParseProgram([]byte(src), nil)
	if err != nil {
		return p.die(2, "awk: %v", err)
	}
	conf := &interp.Config{Stdin: p.reader(), Output: writer{p}, Error: p.err, Argv0: "awk", NoExec: true, NoFileReads: true, NoFileWrites: true, Environ: []string{}}
	for _, kv := range many(opts["-v"]) {
		k, v, _ := strings.Cut(kv, "=")
		conf.Vars = append(conf.Vars, k, v)
	}
	if fs := opts["-F"]; fs != "" {
		conf.Vars = append(conf.Vars, "FS", strings.ReplaceAll(fs, `\t`, "\t"))
	}
	code := 0
	if len(rest) > 0 {
		var all bytes.Buffer
		code = p.texts(rest, func(_ string, data []byte) bool { all.Write(data); return true })
		conf.Stdin = io.Reader(&all)
	}
	in, err := interp.New(prog)
	if err != nil {
		return p.die(2, "awk: %v", err)
	}
	exit, err := in.ExecuteContext(p.ctx, conf)
	switch {
	case p.ctx.Err() != nil:
		return 130
	case err != nil && !p.onlyOut:
		return p.die(2, "awk: %v", err)
	}
	return max(code, exit)
}
