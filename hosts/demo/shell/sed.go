package shell

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// sedRule is one command of a sed script: [ADDRESS[,ADDRESS]][!]COMMAND.
type sedRule struct {
	from, to sedAddr
	not      bool
	cmd      byte // s p d q =
	re       *regexp.Regexp
	with     string
	global   bool
	print    bool
	within   bool // a range is open
}

type sedAddr struct {
	line int // 0 for none, -1 for the last line
	re   *regexp.Regexp
}

func (a sedAddr) set() bool { return a.line != 0 || a.re != nil }

func (a sedAddr) hits(n int, end bool, text string) bool {
	return a.re != nil && a.re.MatchString(text) || a.line == n || a.line == -1 && end
}

// sedProgram is the part of sed that is in common use: s, p, d, q and = with line, $ and /re/
// addresses, -n, -e, -E and -i.
func sedProgram(p *proc) int {
	opts, rest, _ := flags(p.args[1:], "e", "--expression")
	scripts := append(many(opts["-e"]), many(opts["--expression"])...)
	if len(scripts) == 0 {
		if len(rest) == 0 {
			return p.die(1, "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...")
		}
		scripts, rest = []string{rest[0]}, rest[1:]
	}
	ext := opts["-E"] != "" || opts["-r"] != ""
	var rules []*sedRule
	for _, s := range scripts {
		more, err := parseSed(s, ext)
		if err != nil {
			return p.die(1, "sed: -e expression #1: %v", err)
		}
		rules = append(rules, more...)
	}
	quiet := opts["-n"] != ""
	if has(opts, "-i") || has(opts, "--in-place") {
		code := 0
		for _, n := range rest {
			data, err := p.read(n)
			if err != nil {
				code = p.die(2, "sed: can't read %s: %s", n, reason(err))
				continue
			}
			var b strings.Builder
			sed(rules, quiet, strings.NewReader(string(data)), func(s string) bool { b.WriteString(s); return true })
			if err := p.save(n, []byte(b.String()), false); err != nil {
				code = p.die(4, "sed: couldn't open file %s: %s", n, reason(err))
			}
		}
		return code
	}
	if len(rest) == 0 {
		sed(rules, quiet, p.reader(), p.print)
		return 0
	}
	var all strings.Builder
	code := p.texts(rest, func(_ string, data []byte) bool { all.Write(data); return true })
	sed(rules, quiet, strings.NewReader(all.String()), p.print)
	return code
}

func sed(rules []*sedRule, quiet bool, in io.Reader, emit func(string) bool) {
	r := bufio.NewReader(in)
	for n := 1; ; n++ {
		text, err := r.ReadString('\n')
		if text == "" && err != nil {
			return
		}
		_, peek := r.Peek(1)
		end := err != nil || peek != nil
		text = strings.TrimSuffix(text, "\n")
		gone, quit := false, false
		for _, u := range rules {
			if u.applies(n, end, text) == u.not {
				continue
			}
			switch u.cmd {
			case 's':
				was := text
				text = u.substitute(text)
				if u.print && was != text {
					emit(text + "\n")
				}
			case 'p':
				emit(text + "\n")
			case '=':
				emit(strconv.Itoa(n) + "\n")
			case 'd':
				gone = true
			case 'q':
				quit = true
			}
			if gone || quit {
				break
			}
		}
		if !gone && !quiet && !emit(text+"\n") || quit || err != nil {
			return
		}
	}
}

func (u *sedRule) applies(n int, end bool, text string) bool {
	switch {
	case !u.from.set():
		return true
	case !u.to.set():
		return u.from.hits(n, end, text)
	case u.within:
		if u.to.hits(n, end, text) || u.to.line > 0 && n >= u.to.line {
			u.within = false
			return u.to.line <= 0 || n <= u.to.line
		}
		return true
	case u.from.hits(n, end, text):
		u.within = u.to.line <= 0 || u.to.line > n
		return true
	}
	return false
}

func (u *sedRule) substitute(text string) string {
	done := false
	return u.re.ReplaceAllStringFunc(text, func(m string) string {
		if done && !u.global {
			return m
		}
		done = true
		sub := u.re.FindStringSubmatch(m)
		var b strings.Builder
		for i := 0; i < len(u.with); i++ {
			c := u.with[i]
			switch {
			case c == '&':
				b.WriteString(m)
			case c == '\\' && i+1 < len(u.with):
				i++
				switch d := u.with[i]; {
				case d >= '0' && d <= '9':
					if k := int(d - '0'); k < len(sub) {
						b.WriteString(sub[k])
					}
				case d == 'n':
					b.WriteByte('\n')
				default:
					b.WriteByte(d)
				}
			default:
				b.WriteByte(c)
			}
		}
		return b.String()
	})
}

var errSed = errors.New("unknown command")

func parseSed(s string, ext bool) ([]*sedRule, error) {
	var out []*sedRule
	for {
		s = strings.TrimLeft(s, " \t\n;")
		if s == "" {
			return out, nil
		}
		u := &sedRule{}
		var err error
		if u.from, s, err = sedAddress(s, ext); err != nil {
			return nil, err
		}
		if strings.HasPrefix(s, ",") {
			if u.to, s, err = sedAddress(s[1:], ext); err != nil {
				return nil, err
			}
		}
		s = strings.TrimLeft(s, " ")
		if strings.HasPrefix(s, "!") {
			u.not, s = true, s[1:]
		}
		if s == "" {
			return nil, errors.New("missing command")
		}
		u.cmd, s = s[0], s[1:]
		switch u.cmd {
		case 'p', 'd', 'q', '=':
		case 's':
			if s, err = u.parseSubstitute(s, ext); err != nil {
				return nil, err
			}
		default:
			return nil, errSed
		}
		out = append(out, u)
	}
}

func sedAddress(s string, ext bool) (sedAddr, string, error) {
	switch {
	case strings.HasPrefix(s, "$"):
		return sedAddr{line: -1}, s[1:], nil
	case strings.HasPrefix(s, "/"):
		pat, rest, ok := until(s[1:], '/')
		if !ok {
			return sedAddr{}, s, errors.New("unterminated address regex")
		}
		if !ext {
			pat = basic(pat)
		}
		re, err := regexp.Compile(pat)
		return sedAddr{re: re}, rest, err
	}
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, _ := strconv.Atoi(s[:i])
	return sedAddr{line: n}, s[i:], nil
}

func (u *sedRule) parseSubstitute(s string, ext bool) (string, error) {
	if s == "" {
		return s, errors.New("unterminated `s' command")
	}
	sep := s[0]
	pat, s, ok1 := until(s[1:], sep)
	with, s, ok2 := until(s, sep)
	if !ok1 || !ok2 {
		return s, errors.New("unterminated `s' command")
	}
	if !ext {
		pat = basic(pat)
	}
	for s != "" && strings.IndexByte("gpiI", s[0]) >= 0 {
		switch s[0] {
		case 'g':
			u.global = true
		case 'p':
			u.print = true
		default:
			pat = "(?i)" + pat
		}
		s = s[1:]
	}
	re, err := regexp.Compile(pat)
	u.re, u.with = re, with
	return s, err
}

// until cuts s at the next separator that is not escaped; an escaped one loses its backslash.
func until(s string, sep byte) (string, string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if s[i+1] != sep {
				b.WriteByte('\\')
			}
			i++
			b.WriteByte(s[i])
			continue
		}
		if s[i] == sep {
			return b.String(), s[i+1:], true
		}
		b.WriteByte(s[i])
	}
	return "", s, false
}
