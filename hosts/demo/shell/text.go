package shell

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // md5sum prints it
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strconv"
	"strings"
)

// read returns the content of a file, "-" is standard input.
func (p *proc) read(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(p.reader())
	}
	return p.m.fs().ReadFile(p.cred(), p.abs(name))
}

// texts reads the operands one after the other, or standard input when there are none; what cannot
// be read is complained about and makes the exit status 1.
func (p *proc) texts(names []string, each func(name string, data []byte) bool) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	code := 0
	for _, n := range names {
		data, err := p.read(n)
		if err != nil {
			if p.ctx.Err() != nil {
				return 130
			}
			code = p.die(1, "%s: %s: %s", p.args[0], n, reason(err))
			continue
		}
		if !each(n, data) {
			break
		}
	}
	return code
}

// device is an endless file, nil for other names.
func device(name string) io.Reader {
	switch name {
	case "/dev/zero":
		return zeros{}
	case "/dev/urandom", "/dev/random":
		return rand.Reader
	}
	return nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func catProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	if len(names) == 1 {
		if r := device(names[0]); r != nil {
			_, _ = io.Copy(writer{p}, r)
			return 141
		}
	}
	if len(names) == 0 || len(names) == 1 && names[0] == "-" {
		// A stream is passed on as it comes.
		if _, err := io.Copy(writer{p}, p.reader()); err != nil && p.ctx.Err() != nil {
			return 130
		}
		return 0
	}
	n := 0
	return p.texts(names, func(_ string, data []byte) bool {
		if opts["-n"] == "" {
			return p.print(string(data))
		}
		var b strings.Builder
		for _, l := range splitLines(data) {
			n++
			fmt.Fprintf(&b, "%6d\t%s\n", n, l)
		}
		return p.print(b.String())
	})
}

// writer is standard output for io.Copy.
type writer struct{ p *proc }

func (w writer) Write(b []byte) (int, error) {
	if !w.p.print(string(b)) {
		return 0, errClosed
	}
	return len(b), nil
}

func splitLines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// count reads the -n and -c of head and tail, also in the old form -5.
func (p *proc) count(def int) (opts map[string]string, names []string, n int, plus bool, err error) {
	args := append([]string(nil), p.args[1:]...)
	for i, a := range args {
		if len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9' {
			args[i] = "-n" + a[1:]
		}
	}
	opts, names, _ = flags(args, "ncs", "--lines", "--bytes", "--pid")
	v := opts["-n"] + opts["--lines"]
	if c := opts["-c"] + opts["--bytes"]; c != "" {
		v = c
	}
	if v == "" {
		return opts, names, def, false, nil
	}
	plus = strings.HasPrefix(v, "+")
	n, err = strconv.Atoi(strings.TrimPrefix(v, "+"))
	return opts, names, n, plus, err
}

func headProgram(p *proc) int {
	opts, names, n, _, err := p.count(10)
	if err != nil {
		return p.die(1, "head: invalid number")
	}
	bytesMode := opts["-c"]+opts["--bytes"] != ""
	if len(names) == 0 && n >= 0 {
		return p.headStream(p.reader(), n, bytesMode)
	}
	if len(names) == 1 && n >= 0 && strings.HasPrefix(names[0], "/dev/") {
		if r := device(names[0]); r != nil {
			return p.headStream(r, n, bytesMode)
		}
	}
	return p.texts(names, func(name string, data []byte) bool {
		if len(names) > 1 && opts["-q"] == "" {
			p.print("==> " + name + " <==\n")
		}
		if bytesMode {
			k := n
			if n < 0 {
				k = max(0, len(data)+n)
			}
			return p.print(string(data[:min(k, len(data))]))
		}
		lines := bytes.SplitAfter(data, []byte("\n"))
		k := n
		if n < 0 {
			k = max(0, len(splitLines(data))+n)
		}
		return p.print(string(bytes.Join(lines[:min(k, len(lines))], nil)))
	})
}

// headStream ends as soon as it has what it wants, which ends the program before it in a pipe.
func (p *proc) headStream(in io.Reader, n int, bytesMode bool) int {
	if bytesMode {
		_, _ = io.Copy(writer{p}, io.LimitReader(in, int64(n)))
		return 0
	}
	r := bufio.NewReader(in)
	for range n {
		line, err := r.ReadString('\n')
		if line != "" && !p.print(line) {
			return 0
		}
		if err != nil {
			break
		}
	}
	return 0
}

func tailProgram(p *proc) int {
	opts, names, n, plus, err := p.count(10)
	if err != nil {
		return p.die(1, "tail: invalid number of lines")
	}
	n = max(n, -n)
	follow := opts["-f"] != "" || opts["-F"] != "" || has(opts, "--follow")
	code := p.texts(names, func(name string, data []byte) bool {
		if len(names) > 1 && opts["-q"] == "" {
			p.print("==> " + name + " <==\n")
		}
		if opts["-c"]+opts["--bytes"] != "" {
			if plus {
				return p.print(string(data[min(max(0, n-1), len(data)):]))
			}
			return p.print(string(data[max(0, len(data)-n):]))
		}
		lines := bytes.SplitAfter(data, []byte("\n"))
		if k := len(lines); k > 0 && len(lines[k-1]) == 0 {
			lines = lines[:k-1]
		}
		if plus {
			return p.print(string(bytes.Join(lines[min(max(0, n-1), len(lines)):], nil)))
		}
		return p.print(string(bytes.Join(lines[max(0, len(lines)-n):], nil)))
	})
	if follow && len(names) > 0 {
		return p.followFile(names[0])
	}
	return code
}

func has(opts map[string]string, k string) bool { _, ok := opts[k]; return ok }

// followFile prints what is appended to a file, looking as often as tail -f does.
func (p *proc) followFile(name string) int {
	release := p.host().Site.Follow()
	defer release()
	data, _ := p.read(name)
	at := len(data)
	for p.pause(followEvery) {
		data, err := p.read(name)
		if err != nil {
			continue
		}
		if len(data) < at {
			_, _ = io.WriteString(p.err, "tail: "+name+": file truncated\n")
			at = 0
		}
		if len(data) > at && !p.print(string(data[at:])) {
			return 141
		}
		at = len(data)
	}
	return 130
}

func wcProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	show := func(l, w, c int, name string) {
		var f []string
		all := len(opts) == 0
		if all || opts["-l"] != "" {
			f = append(f, strconv.Itoa(l))
		}
		if all || opts["-w"] != "" {
			f = append(f, strconv.Itoa(w))
		}
		if all || opts["-c"] != "" || opts["-m"] != "" {
			f = append(f, strconv.Itoa(c))
		}
		if name != "" && name != "-" {
			f = append(f, name)
		}
		p.print(strings.Join(f, " ") + "\n")
	}
	var tl, tw, tc int
	code := p.texts(names, func(name string, data []byte) bool {
		l, w, c := bytes.Count(data, []byte("\n")), len(bytes.Fields(data)), len(data)
		tl, tw, tc = tl+l, tw+w, tc+c
		show(l, w, c, name)
		return true
	})
	if len(names) > 1 {
		show(tl, tw, tc, "total")
	}
	return code
}

// cksumProgram prints the checksum of POSIX: CRC-32, most significant bit first, over the text and its
// length.
func cksumProgram(p *proc) int {
	_, names, _ := flags(p.args[1:], "")
	return p.texts(names, func(name string, data []byte) bool {
		sum := uint32(0)
		add := func(c byte) {
			sum ^= uint32(c) << 24
			for range 8 {
				top := sum >> 31
				sum <<= 1
				if top != 0 {
					sum ^= 0x04c11db7
				}
			}
		}
		for _, c := range data {
			add(c)
		}
		for n := len(data); n > 0; n >>= 8 {
			add(byte(n))
		}
		if name == "-" {
			name = ""
		}
		return p.print(strings.TrimRight(fmt.Sprintf("%d %d %s", ^sum, len(data), name), " ") + "\n")
	})
}

func cutProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "dfcb")
	delim, spec := opts["-d"], opts["-f"]
	if delim == "" {
		delim = "\t"
	}
	chars := opts["-c"] + opts["-b"]
	return p.texts(names, func(_ string, data []byte) bool {
		var b strings.Builder
		for _, l := range splitLines(data) {
			if chars != "" {
				for i, r := range []rune(l) {
					if inRanges(chars, i+1) {
						b.WriteRune(r)
					}
				}
				b.WriteByte('\n')
				continue
			}
			f := strings.Split(l, delim)
			if len(f) == 1 {
				if opts["-s"] == "" {
					b.WriteString(l + "\n")
				}
				continue
			}
			var keep []string
			for i, x := range f {
				if inRanges(spec, i+1) {
					keep = append(keep, x)
				}
			}
			b.WriteString(strings.Join(keep, delim) + "\n")
		}
		return p.print(b.String())
	})
}

// inRanges reports whether n is in a list like "1,3-5,7-".
func inRanges(spec string, n int) bool {
	for _, part := range strings.Split(spec, ",") {
		a, b, isRange := strings.Cut(part, "-")
		lo, err := strconv.Atoi(a)
		if err != nil {
			lo = 1
		}
		hi := lo
		if isRange {
			if hi, err = strconv.Atoi(b); err != nil {
				hi = 1 << 30
			}
		}
		if n >= lo && n <= hi {
			return true
		}
	}
	return false
}

func sortProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "kt")
	var lines []string
	code := p.texts(names, func(_ string, data []byte) bool {
		lines = append(lines, splitLines(data)...)
		return true
	})
	key := func(l string) string {
		k := opts["-k"]
		if k == "" {
			return l
		}
		numeric := strings.TrimRight(strings.SplitN(k, ",", 2)[0], "nrhbdf")
		n, err := strconv.Atoi(numeric)
		if err != nil {
			return l
		}
		f := strings.Fields(l)
		if t := opts["-t"]; t != "" {
			f = strings.Split(l, t)
		}
		if n < 1 || n > len(f) {
			return ""
		}
		return strings.Join(f[n-1:], " ")
	}
	num := opts["-n"] != "" || strings.Contains(opts["-k"], "n")
	sort.SliceStable(lines, func(i, j int) bool {
		a, b := key(lines[i]), key(lines[j])
		if opts["-r"] != "" || strings.Contains(opts["-k"], "r") {
			a, b = b, a
		}
		if num {
			return number(a) < number(b)
		}
		return a < b
	})
	if opts["-u"] != "" {
		lines = dedupe(lines)
	}
	if len(lines) > 0 {
		p.print(strings.Join(lines, "\n") + "\n")
	}
	return code
}

func dedupe(lines []string) []string {
	out := lines[:0:0]
	for i, l := range lines {
		if i == 0 || l != lines[i-1] {
			out = append(out, l)
		}
	}
	return out
}

func number(s string) float64 {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.' || i == 0 && s[i] == '-') {
		i++
	}
	f, _ := strconv.ParseFloat(s[:i], 64)
	return f
}

func uniqProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "fsw")
	return p.texts(names, func(_ string, data []byte) bool {
		lines := splitLines(data)
		var b strings.Builder
		for i := 0; i < len(lines); {
			j := i
			for j < len(lines) && lines[j] == lines[i] {
				j++
			}
			n := j - i
			switch {
			case opts["-d"] != "" && n == 1, opts["-u"] != "" && n > 1:
			case opts["-c"] != "":
				fmt.Fprintf(&b, "%7d %s\n", n, lines[i])
			default:
				b.WriteString(lines[i] + "\n")
			}
			i = j
		}
		return p.print(b.String())
	})
}

func tacProgram(p *proc) int {
	return p.texts(p.args[1:], func(_ string, data []byte) bool {
		l := splitLines(data)
		var b strings.Builder
		for i := len(l) - 1; i >= 0; i-- {
			b.WriteString(l[i] + "\n")
		}
		return p.print(b.String())
	})
}

func seqProgram(p *proc) int {
	a, step, b := 1, 1, 0
	n := make([]int, 0, 3)
	for _, x := range p.args[1:] {
		v, err := strconv.Atoi(x)
		if err != nil {
			return p.die(1, "seq: invalid floating point argument: ‘%s’", x)
		}
		n = append(n, v)
	}
	switch len(n) {
	case 1:
		b = n[0]
	case 2:
		a, b = n[0], n[1]
	case 3:
		a, step, b = n[0], n[1], n[2]
	default:
		return p.die(1, "seq: missing operand")
	}
	if step == 0 {
		return p.die(1, "seq: invalid Zero increment value: ‘0’")
	}
	for i := a; step > 0 && i <= b || step < 0 && i >= b; i += step {
		if !p.print(strconv.Itoa(i) + "\n") {
			return 141
		}
	}
	return 0
}

// trProgram is tr with sets of characters, ranges and the common classes.
func trProgram(p *proc) int {
	opts, sets, _ := flags(p.args[1:], "")
	if len(sets) == 0 {
		return p.die(1, "tr: missing operand")
	}
	from := trSet(sets[0])
	var to []rune
	if len(sets) > 1 {
		to = trSet(sets[1])
	}
	in := func(r rune) int {
		for i, x := range from {
			if x == r {
				return i
			}
		}
		return -1
	}
	r := bufio.NewReader(p.reader())
	var prev rune = -1
	for {
		text, err := r.ReadString('\n')
		var b strings.Builder
		for _, c := range text {
			i := in(c)
			hit := i >= 0
			if opts["-c"] != "" {
				hit, i = !hit, 1<<20
			}
			switch {
			case hit && opts["-d"] != "":
				continue
			case hit && len(to) > 0:
				c = to[min(i, len(to)-1)]
			}
			if opts["-s"] != "" && c == prev && (hit || len(to) == 0) {
				continue
			}
			prev = c
			b.WriteRune(c)
		}
		if b.Len() > 0 && !p.print(b.String()) {
			return 141
		}
		if err != nil {
			return 0
		}
	}
}

func trSet(s string) []rune {
	for class, set := range map[string]string{
		"[:upper:]": "A-Z", "[:lower:]": "a-z", "[:digit:]": "0-9", "[:space:]": " \t\n\r\v\f", "[:alnum:]": "A-Za-z0-9", "[:alpha:]": "A-Za-z",
	} {
		s = strings.ReplaceAll(s, class, set)
	}
	s = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00", `\\`, `\`).Replace(s)
	rs := []rune(s)
	var out []rune
	for i := 0; i < len(rs); i++ {
		if i+2 < len(rs) && rs[i+1] == '-' && rs[i] <= rs[i+2] {
			for c := rs[i]; c <= rs[i+2]; c++ {
				out = append(out, c)
			}
			i += 2
			continue
		}
		out = append(out, rs[i])
	}
	return out
}

func base64Program(p *proc) int {
	opts, names, _ := flags(p.args[1:], "w", "--wrap")
	return p.texts(names, func(_ string, data []byte) bool {
		if opts["-d"] != "" || has(opts, "--decode") {
			out, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(data)), ""))
			if err != nil {
				p.die(1, "base64: invalid input")
			}
			return p.print(string(out))
		}
		text := base64.StdEncoding.EncodeToString(data)
		if opts["-w"]+opts["--wrap"] == "0" {
			return p.print(text)
		}
		for len(text) > 76 {
			p.print(text[:76] + "\n")
			text = text[76:]
		}
		return p.print(text + "\n")
	})
}

func sumProgram(p *proc) int {
	_, names, _ := flags(p.args[1:], "")
	return p.texts(names, func(name string, data []byte) bool {
		var sum string
		if strings.HasPrefix(p.args[0], "md5") {
			s := md5.Sum(data) //nolint:gosec // md5sum prints it
			sum = hex.EncodeToString(s[:])
		} else {
			s := sha256.Sum256(data)
			sum = hex.EncodeToString(s[:])
		}
		return p.print(sum + "  " + name + "\n")
	})
}

// odProgram prints bytes as od -An -tx1 does, the form that is used to look at file headers.
func odProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "AtNj")
	limit, err := strconv.Atoi(opts["-N"])
	if err != nil {
		limit = 1 << 20
	}
	skip, _ := strconv.Atoi(opts["-j"])
	return p.texts(names, func(_ string, data []byte) bool {
		data = data[min(skip, len(data)):]
		data = data[:min(limit, len(data))]
		for len(data) > 0 {
			row := data[:min(16, len(data))]
			data = data[len(row):]
			if !p.printf(" % x\n", row) {
				return false
			}
		}
		return true
	})
}

func teeProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	data, err := io.ReadAll(p.reader())
	if err != nil {
		return 1
	}
	p.print(string(data))
	code := 0
	for _, n := range names {
		if err := p.save(n, data, opts["-a"] != ""); err != nil {
			code = p.die(1, "tee: %s: %s", n, reason(err))
		}
	}
	return code
}

// save writes a file, at its end when it is to be appended to.
func (p *proc) save(name string, data []byte, add bool) error {
	name = p.abs(name)
	if name == "/dev/null" {
		return nil
	}
	if add {
		old, err := p.m.fs().ReadFile(p.cred(), name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		data = append(append([]byte(nil), old...), data...)
	}
	return p.m.fs().WriteFile(p.cred(), name, data, 0o644)
}
