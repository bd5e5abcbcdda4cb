package shell

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"midwatch/hosts/demo/sim"
)

// nginxProgram is nginx -T, -t, -v, -V, -s reload and -c FILE, over the files of the machine.
func nginxProgram(p *proc) int {
	opts, _, _ := flags(p.args[1:], "cspg")
	version := "1.22.1"
	if p.m.C != nil {
		version = "1.27.2"
		if _, tag, ok := strings.Cut(p.m.C.Spec.Image, "nginx:"); ok {
			if v := strings.SplitN(tag, "-", 2)[0]; strings.Count(v, ".") == 2 {
				version = v
			}
		}
	}
	tests := opts["-t"] != "" || opts["-T"] != ""
	switch {
	case opts["-v"] != "" && tests:
		p.die(0, "nginx version: nginx/%s", version) // and goes on
	case opts["-V"] != "":
		return p.die(0, "nginx version: nginx/%s\nbuilt with OpenSSL 3.0.9 30 May 2023\nTLS SNI support enabled\nconfigure arguments: --prefix=/etc/nginx --with-http_v2_module --with-http_ssl_module --with-stream", version)
	case opts["-v"] != "":
		return p.die(0, "nginx version: nginx/%s", version)
	}
	main := "/etc/nginx/nginx.conf"
	if c := opts["-c"]; c != "" {
		main = p.abs(c)
	}
	if p.m.C == nil && !p.root() {
		return p.die(1, "nginx: [alert] could not open error log file: open() \"/var/log/nginx/error.log\" failed (13: Permission denied)\n"+
			"nginx: the configuration file %s syntax is ok\nnginx: [emerg] open() \"/run/nginx.pid\" failed (13: Permission denied)\nnginx: configuration file %s test failed", main, main)
	}
	d := &nginxDump{p: p, seen: map[string]bool{}}
	if err := d.file(main, 0, ""); err != nil {
		return p.die(1, "nginx: [emerg] %v\nnginx: configuration file %s test failed", err, main)
	}
	switch {
	case opts["-s"] != "":
		return p.nginxSignal(opts["-s"])
	case opts["-t"] != "" || opts["-T"] != "":
		if opts["-q"] == "" {
			p.die(0, "nginx: the configuration file %s syntax is ok\nnginx: configuration file %s test is successful", main, main)
		}
		if opts["-T"] != "" {
			p.print(d.out.String())
		}
		return 0
	}
	return p.die(1, "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)")
}

// nginxDump collects the files of a configuration in the order in which nginx reads them.
type nginxDump struct {
	p    *proc
	out  strings.Builder
	seen map[string]bool
}

// includeRE finds include directives that are not commented out; with it is where they stand.
func includeRE() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^[^#\n]*?(?:^|[;{}\s])include\s+["']?([^;"'\s]+)["']?\s*;`)
}

func (d *nginxDump) file(name string, depth int, from string) error {
	if d.seen[name] || depth > 16 {
		return nil
	}
	d.seen[name] = true
	data, err := d.p.m.fs().ReadFile(d.p.cred(), name)
	if err != nil {
		where := ""
		if from != "" {
			where = " in " + from
		}
		return fmt.Errorf("open() \"%s\" failed (%s)%s", name, strings.ToLower("2: ")+reason(err), where)
	}
	text := string(data)
	if line, ok := unbalanced(text); !ok {
		return fmt.Errorf("unexpected end of file, expecting \"}\" in %s:%d", name, line)
	}
	fmt.Fprintf(&d.out, "# configuration file %s:\n%s\n", name, text)
	for _, m := range includeRE().FindAllStringSubmatchIndex(text, -1) {
		pat := text[m[2]:m[3]]
		if !path.IsAbs(pat) {
			pat = path.Join("/etc/nginx", pat)
		}
		line := strings.Count(text[:m[2]], "\n") + 1
		for _, f := range d.glob(pat) {
			if err := d.file(f, depth+1, fmt.Sprintf("%s:%d", name, line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// glob lists the files that an include means; one without wildcards must exist.
func (d *nginxDump) glob(pat string) []string {
	if !strings.ContainsAny(pat, "*?[") {
		return []string{pat}
	}
	list, err := d.p.m.fs().ReadDir(d.p.cred(), path.Dir(pat))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range list {
		if ok, _ := path.Match(path.Base(pat), e.Name()); ok {
			out = append(out, path.Join(path.Dir(pat), e.Name()))
		}
	}
	return out
}

// unbalanced reports the last line and whether braces outside quotes and comments close.
func unbalanced(text string) (int, bool) {
	depth, line, quote := 0, 1, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n':
			line++
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || text[i-1] == '\n' || text[i-1] == ' ' || text[i-1] == '\t' || text[i-1] == ';' || text[i-1] == '}' || text[i-1] == '{'):
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
	}
	return line, depth == 0
}

func (p *proc) nginxSignal(sig string) int {
	code := 0
	p.locked(func(h *sim.Host) {
		now := h.Site.Now()
		if c := p.m.C; c != nil {
			c.Errout(now, now.UTC().Format("2006/01/02 15:04:05")+" [notice] 1#1: signal 1 (SIGHUP) received from 42, reconfiguring")
			return
		}
		u := h.Unit("nginx.service")
		if u == nil || !u.Running() {
			code = p.die(1, "nginx: [error] open() \"/run/nginx.pid\" failed (2: No such file or directory)")
			return
		}
		if sig == "reload" {
			u.Reload()
		} else {
			u.Stop()
		}
	})
	return code
}
