package read

import (
	"bytes"
	"io"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"

	"midwatch/hosts/nginx"
)

// parseFile gives the directives of one file, includes left as they are. crossplane reads it; what
// crossplane rejects as a whole (an apostrophe in a Lua comment is enough) is read again by our own
// tokenizer, so that one such file does not hide the rest.
func parseFile(f nginx.File) ([]*nginx.Directive, []nginx.Fault) {
	text := bytes.TrimPrefix(f.Text, []byte("\xef\xbb\xbf"))
	// crossplane's lexer reads lines with a bounded scanner and swallows NUL; our tokenizer says so.
	if bytes.IndexByte(text, 0) >= 0 {
		return tokenizeFile(f.Name, text)
	}
	ds, ok := crossplaneFile(f.Name, text)
	if ok {
		return ds, missingSemicolons(ds)
	}
	return tokenizeFile(f.Name, text)
}

// crossplaneFile parses one file leniently. The options value is made anew for every parse because
// crossplane changes it; it panics on some broken inputs, which counts as not readable.
func crossplaneFile(name string, text []byte) (ds []*nginx.Directive, ok bool) {
	defer func() {
		if recover() != nil {
			ds, ok = nil, false
		}
	}()
	opts := &crossplane.ParseOptions{
		SingleFile:                true,
		SkipDirectiveContextCheck: true,
		SkipDirectiveArgsCheck:    true,
		Open: func(string) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(text)), nil
		},
		Glob: func(string) ([]string, error) { return nil, nil },
		LexOptions: crossplane.LexOptions{
			Lexers: []crossplane.RegisterLexer{(&crossplane.Lua{}).RegisterLexer()},
		},
	}
	p, err := crossplane.Parse(name, opts)
	if err != nil || len(p.Config) != 1 || len(p.Config[0].Errors) > 0 {
		return nil, false
	}
	return convert(p.Config[0].Parsed, name), true
}

func convert(in crossplane.Directives, file string) []*nginx.Directive {
	out := make([]*nginx.Directive, 0, len(in))
	for _, d := range in {
		if d.IsComment() {
			continue
		}
		n := &nginx.Directive{Name: d.Directive, Args: d.Args, File: file, Line: d.Line}
		if strings.HasSuffix(n.Name, "_by_lua_block") && len(n.Args) > 0 {
			n.Body, n.Args, n.Block = n.Args[len(n.Args)-1], n.Args[:len(n.Args)-1], []*nginx.Directive{}
		} else if d.IsBlock() {
			n.Block = convert(d.Block, file)
		}
		out = append(out, n)
	}
	return out
}

// missingSemicolons looks for a directive that swallowed the next one because its ";" is missing:
// one argument is the name of a directive that never appears as a value.
func missingSemicolons(ds []*nginx.Directive) []nginx.Fault {
	var out []nginx.Fault
	for _, d := range ds {
		if !freeText[d.Name] {
			for _, a := range d.Args {
				if neverValue[a] {
					out = append(out, nginx.Fault{File: d.File, Line: d.Line, Text: "directive " + d.Name + " swallows " + a + ": is a ';' missing?"})
					break
				}
			}
		}
		if d.Name != "map" && d.Name != "types" && d.Name != "geo" {
			out = append(out, missingSemicolons(d.Block)...)
		}
	}
	return out
}

var (
	neverValue = map[string]bool{
		"proxy_pass": true, "proxy_set_header": true, "proxy_http_version": true, "server_name": true,
		"proxy_read_timeout": true, "proxy_buffering": true, "listen": true, "try_files": true, "add_header": true,
	}
	freeText = map[string]bool{"log_format": true, "set": true, "return": true, "add_header": true, "if": true}
)
