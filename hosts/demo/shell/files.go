package shell

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts/demo/vfs"
)

func lsProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	if len(names) == 0 {
		names = []string{"."}
	}
	code := 0
	for i, n := range names {
		st, err := p.m.fs().Stat(p.cred(), p.abs(n), true)
		if err != nil {
			code = p.die(2, "ls: cannot access '%s': %s", n, reason(err))
			continue
		}
		if !st.IsDir() || opts["-d"] != "" {
			lst, _ := p.m.fs().Stat(p.cred(), p.abs(n), opts["-L"] != "" || opts["-l"] == "")
			p.print(lsLine(lst, n, opts))
			continue
		}
		list, err := p.m.fs().ReadDir(p.cred(), p.abs(n))
		if err != nil {
			code = p.die(2, "ls: cannot open directory '%s': %s", n, reason(err))
			continue
		}
		if len(names) > 1 {
			if i > 0 {
				p.print("\n")
			}
			p.print(n + ":\n")
		}
		if opts["-l"] != "" {
			p.printf("total %d\n", len(list)*4)
		}
		for _, e := range list {
			if strings.HasPrefix(e.Name(), ".") && opts["-a"] == "" && opts["-A"] == "" {
				continue
			}
			if !p.print(lsLine(e, e.Name(), opts)) {
				return 141
			}
		}
	}
	return code
}

func lsLine(i vfs.Info, name string, opts map[string]string) string {
	if opts["-i"] != "" {
		name = strconv.FormatUint(i.Ino(), 10) + " " + name
	}
	if opts["-l"] == "" {
		return name + "\n"
	}
	arrow := ""
	if i.Mode()&fs.ModeSymlink != 0 {
		arrow = " -> " + i.Target()
	}
	return fmt.Sprintf("%s 1 %s %s %8d %s %s%s\n", modeText(i.Mode()), i.Owner(), i.Group(), i.Size(),
		i.ModTime().UTC().Format("Jan _2 15:04"), name, arrow)
}

// modeText is the ten letters of ls -l.
func modeText(m fs.FileMode) string {
	kind := "-"
	switch {
	case m.IsDir():
		kind = "d"
	case m&fs.ModeSymlink != 0:
		kind = "l"
	case m&fs.ModeSocket != 0:
		kind = "s"
	case m&fs.ModeCharDevice != 0:
		kind = "c"
	}
	bits := []byte(m.Perm().String()[1:])
	if m&fs.ModeSticky != 0 {
		bits[8] = 't'
	}
	return kind + string(bits)
}

func kindText(m fs.FileMode, size int64) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeCharDevice != 0:
		return "character special file"
	case size == 0:
		return "regular empty file"
	default:
		return "regular file"
	}
}

// statProgram is stat -c FORMAT and the plain form.
func statProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "c", "--format", "--printf")
	format, end := opts["-c"]+opts["--format"], "\n"
	if f := opts["--printf"]; f != "" {
		format, end = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\0`, "\x00").Replace(f), ""
	}
	code := 0
	for _, n := range names {
		i, err := p.m.fs().Stat(p.cred(), p.abs(n), opts["-L"] != "")
		if err != nil {
			code = p.die(1, "stat: cannot statx '%s': %s", n, reason(err))
			continue
		}
		if format == "" {
			p.printf("  File: %s\n  Size: %d\tBlocks: %d\tIO Block: 4096   %s\nDevice: 801h/2049d\tInode: %d\tLinks: 1\n"+
				"Access: (%04o/%s)  Uid: (%5d/%8s)   Gid: (%5d/%8s)\nModify: %s\n", n, i.Size(), (i.Size()+511)/512,
				kindText(i.Mode(), i.Size()), i.Ino(), i.Mode().Perm(), modeText(i.Mode()), p.uid(i.Owner()), i.Owner(),
				p.host().GID(i.Group()), i.Group(), i.ModTime().UTC().Format("2006-01-02 15:04:05.000000000 -0700"))
			continue
		}
		p.print(p.statFormat(format, n, i) + end)
	}
	return code
}

func (p *proc) uid(name string) int {
	u, _ := p.host().User(name)
	return u.UID
}

func (p *proc) statFormat(format, name string, i vfs.Info) string {
	var b strings.Builder
	for k := 0; k < len(format); k++ {
		if format[k] != '%' || k+1 >= len(format) {
			b.WriteByte(format[k])
			continue
		}
		k++
		switch format[k] {
		case 'n':
			b.WriteString(name)
		case 'N':
			b.WriteString("'" + name + "'")
		case 's':
			b.WriteString(strconv.FormatInt(i.Size(), 10))
		case 'a':
			b.WriteString(strconv.FormatUint(uint64(perm(i.Mode())), 8))
		case 'A':
			b.WriteString(modeText(i.Mode()))
		case 'f':
			b.WriteString(strconv.FormatUint(uint64(perm(i.Mode())|fileType(i.Mode())), 16))
		case 'U':
			b.WriteString(i.Owner())
		case 'G':
			b.WriteString(i.Group())
		case 'u':
			b.WriteString(strconv.Itoa(p.uid(i.Owner())))
		case 'g':
			b.WriteString(strconv.Itoa(p.host().GID(i.Group())))
		case 'i':
			b.WriteString(strconv.FormatUint(i.Ino(), 10))
		case 'F':
			b.WriteString(kindText(i.Mode(), i.Size()))
		case 'Y', 'Z', 'X':
			b.WriteString(strconv.FormatInt(i.ModTime().Unix(), 10))
		case 'y', 'z', 'x':
			b.WriteString(i.ModTime().UTC().Format("2006-01-02 15:04:05.000000000 -0700"))
		case 'T':
			b.WriteString("ext2/ext3")
		case 'h':
			b.WriteByte('1')
		case '%':
			b.WriteByte('%')
		}
	}
	return b.String()
}

func perm(m fs.FileMode) fs.FileMode {
	x := m.Perm()
	if m&fs.ModeSticky != 0 {
		x |= 0o1000
	}
	return x
}

// findProgram is find PATH… with -name, -type, -maxdepth, -size +0, -mtime, -newer is not there.
func findProgram(p *proc) int {
	args := p.args[1:]
	var roots []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		roots = append(roots, args[0])
		args = args[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	depth, kind, end := 1<<10, "", "\n"
	var names []string
	full, big := false, false
	for i := 0; i < len(args); i++ {
		val := ""
		if i+1 < len(args) {
			val = args[i+1]
		}
		switch args[i] {
		case "-maxdepth":
			depth, _ = strconv.Atoi(val)
			i++
		case "-mindepth", "-mtime", "-mmin", "-xdev":
			if args[i] != "-xdev" {
				i++
			}
		case "-name", "-iname", "-path":
			names, full = append(names, val), args[i] == "-path"
			i++
		case "-type":
			kind = val
			i++
		case "-size":
			big = strings.HasPrefix(val, "+")
			i++
		case "-print0":
			end = "\x00"
		case "-print", "-o", "-a", "(", ")", `\(`, `\)`:
		default:
			return p.die(1, "find: unknown predicate `%s'", args[i])
		}
	}
	code := 0
	var walk func(name string, left int)
	walk = func(name string, left int) {
		i, err := p.m.fs().Stat(p.cred(), p.abs(name), false)
		if err != nil {
			code = p.die(1, "find: ‘%s’: %s", name, reason(err))
			return
		}
		ok := kind == "" || kind == "f" && i.Mode().IsRegular() || kind == "d" && i.IsDir() ||
			kind == "l" && i.Mode()&fs.ModeSymlink != 0 || kind == "s" && i.Mode()&fs.ModeSocket != 0
		hit := len(names) == 0
		for _, n := range names {
			what := path.Base(name)
			if full {
				what = name
			}
			if m, _ := path.Match(n, what); m {
				hit = true
			}
		}
		if ok && hit && (!big || i.Size() > 0) {
			p.print(name + end)
		}
		if !i.IsDir() || left == 0 {
			return
		}
		list, err := p.m.fs().ReadDir(p.cred(), p.abs(name))
		if err != nil {
			code = p.die(1, "find: ‘%s’: %s", name, reason(err))
			return
		}
		for _, e := range list {
			walk(path.Join(name, e.Name()), left-1)
		}
	}
	for _, r := range roots {
		walk(r, depth)
	}
	return code
}

func mktempProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "p", "--tmpdir", "--suffix")
	dir := opts["-p"] + opts["--tmpdir"]
	name := "tmp.XXXXXXXXXX"
	if len(names) > 0 {
		name = names[0]
	} else if dir == "" {
		dir = "/tmp"
	}
	if (opts["-t"] != "" || has(opts, "--tmpdir")) && dir == "" {
		dir = "/tmp"
	}
	full := name
	if dir != "" {
		full = path.Join(dir, name)
	}
	for range 20 {
		try := []byte(full)
		for i := len(try) - 1; i >= 0 && try[i] == 'X'; i-- {
			try[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[rand.IntN(62)] //nolint:gosec // a name in memory
		}
		out := string(try) + opts["--suffix"]
		if p.m.exists(p.abs(out)) {
			continue
		}
		var err error
		if opts["-d"] != "" {
			err = p.m.fs().Mkdir(p.cred(), p.abs(out), 0o700, false)
		} else if opts["-u"] == "" {
			err = p.m.fs().WriteFile(p.cred(), p.abs(out), nil, 0o600)
		}
		if err != nil {
			return p.die(1, "mktemp: failed to create file via template ‘%s’: %s", full, reason(err))
		}
		p.print(out + "\n")
		return 0
	}
	return p.die(1, "mktemp: failed to create file via template ‘%s’: File exists", full)
}

// into resolves the operands of mv, cp and ln: the last is a file or the directory to put things in.
func (p *proc) into(names []string, plain bool) ([]string, func(src string) string, bool) {
	if len(names) < 2 {
		p.die(1, "%s: missing file operand", p.args[0])
		return nil, nil, false
	}
	dst := names[len(names)-1]
	st, err := p.m.fs().Stat(p.cred(), p.abs(dst), true)
	isDir := err == nil && st.IsDir() && !plain
	return names[:len(names)-1], func(src string) string {
		if isDir {
			return path.Join(p.abs(dst), path.Base(src))
		}
		return p.abs(dst)
	}, true
}

func mvProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "t")
	src, dst, ok := p.into(names, opts["-T"] != "")
	if !ok {
		return 1
	}
	code := 0
	for _, s := range src {
		if opts["-n"] != "" && p.m.exists(dst(s)) {
			continue
		}
		if err := p.m.fs().Rename(p.cred(), p.abs(s), dst(s)); err != nil {
			code = p.die(1, "mv: cannot move '%s' to '%s': %s", s, names[len(names)-1], reason(err))
		}
	}
	return code
}

func cpProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "t")
	src, dst, ok := p.into(names, opts["-T"] != "")
	if !ok {
		return 1
	}
	deep := opts["-r"] != "" || opts["-R"] != "" || opts["-a"] != ""
	code := 0
	for _, s := range src {
		if err := p.copyTree(p.abs(s), dst(s), deep, opts["-a"] != "" || opts["-p"] != ""); err != nil {
			code = p.die(1, "cp: cannot copy '%s': %s", s, reason(err))
		}
	}
	return code
}

func (p *proc) copyTree(src, dst string, deep, keep bool) error {
	f := p.m.fs()
	st, err := f.Stat(p.cred(), src, true)
	if err != nil {
		return err
	}
	if st.IsDir() {
		if !deep {
			return fmt.Errorf("-r not specified; omitting directory")
		}
		if err := f.Mkdir(p.cred(), dst, st.Mode().Perm(), true); err != nil {
			return err
		}
		list, err := f.ReadDir(p.cred(), src)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := p.copyTree(path.Join(src, e.Name()), path.Join(dst, e.Name()), deep, keep); err != nil {
				return err
			}
		}
		return nil
	}
	data, err := f.ReadFile(p.cred(), src)
	if err != nil {
		return err
	}
	if err := f.WriteFile(p.cred(), dst, data, st.Mode().Perm()); err != nil || !keep {
		return err
	}
	root := p.root()
	return f.Change(p.cred(), dst, func(n *vfs.Node) {
		n.MTime, n.Mode = st.ModTime(), st.Mode()
		if root {
			n.Owner, n.Group = st.Owner(), st.Group()
		}
	})
}

func rmProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	force := opts["-f"] != ""
	deep := opts["-r"] != "" || opts["-R"] != ""
	code := 0
	for _, n := range names {
		st, err := p.m.fs().Stat(p.cred(), p.abs(n), false)
		if err == nil && st.IsDir() && !deep && p.args[0] == "rm" {
			code = p.die(1, "rm: cannot remove '%s': Is a directory", n)
			continue
		}
		if err == nil {
			err = p.m.fs().Remove(p.cred(), p.abs(n), deep)
		}
		if err != nil && !(force && reason(err) == "No such file or directory") {
			code = p.die(1, "%s: cannot remove '%s': %s", p.args[0], n, reason(err))
		}
	}
	return code
}

func mkdirProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "m", "--mode")
	mode := fs.FileMode(0o755)
	if m, err := strconv.ParseUint(opts["-m"]+opts["--mode"], 8, 32); err == nil {
		mode = fs.FileMode(m)
	}
	code := 0
	for _, n := range names {
		if err := p.m.fs().Mkdir(p.cred(), p.abs(n), mode, opts["-p"] != "" || has(opts, "--parents")); err != nil {
			code = p.die(1, "mkdir: cannot create directory ‘%s’: %s", n, reason(err))
		}
	}
	return code
}

func lnProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "t")
	src, dst, ok := p.into(names, opts["-T"] != "" || opts["-n"] != "")
	if !ok {
		return 1
	}
	for _, s := range src {
		to := dst(s)
		if opts["-f"] != "" {
			_ = p.m.fs().Remove(p.cred(), to, false)
		}
		if opts["-s"] == "" {
			if err := p.m.fs().Link(p.cred(), p.abs(s), to); err != nil {
				return p.die(1, "ln: failed to create hard link '%s': %s", to, reason(err))
			}
			continue
		}
		if err := p.m.fs().Symlink(p.cred(), s, to); err != nil {
			return p.die(1, "ln: failed to create symbolic link '%s': %s", to, reason(err))
		}
	}
	return 0
}

// cmpProgram tells whether two files are the same.
func cmpProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	if len(names) != 2 {
		return p.die(2, "cmp: missing operand")
	}
	var text [2][]byte
	for i, n := range names {
		b, err := p.m.fs().ReadFile(p.cred(), p.abs(n))
		if err != nil {
			return p.die(2, "cmp: %s: %s", n, reason(err))
		}
		text[i] = b
	}
	if bytes.Equal(text[0], text[1]) {
		return 0
	}
	if opts["-s"] == "" {
		p.printf("%s %s differ\n", names[0], names[1])
	}
	return 1
}

func readlinkProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	code := 0
	for _, n := range names {
		out, err := "", error(nil)
		if opts["-f"] != "" || opts["-e"] != "" || opts["-m"] != "" {
			out, err = p.m.fs().Resolve(p.cred(), p.abs(n))
		} else {
			out, err = p.m.fs().Readlink(p.cred(), p.abs(n))
		}
		if err != nil {
			code = 1
			continue
		}
		p.print(out + "\n")
	}
	return code
}

func realpathProgram(p *proc) int {
	_, names, _ := flags(p.args[1:], "")
	code := 0
	for _, n := range names {
		out, err := p.m.fs().Resolve(p.cred(), p.abs(n))
		if err != nil {
			code = p.die(1, "realpath: %s: %s", n, reason(err))
			continue
		}
		p.print(out + "\n")
	}
	return code
}

func touchProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "dtr")
	code, at := 0, p.clock()
	if r := opts["-r"]; r != "" {
		st, err := p.m.fs().Stat(p.cred(), p.abs(r), true)
		if err != nil {
			return p.die(1, "touch: failed to get attributes of '%s': %s", r, reason(err))
		}
		at = st.ModTime()
	}
	for _, n := range names {
		if p.m.exists(p.abs(n)) {
			_ = p.m.fs().Change(p.cred(), p.abs(n), func(x *vfs.Node) { x.MTime = at })
			continue
		}
		if opts["-c"] != "" {
			continue
		}
		if err := p.m.fs().WriteFile(p.cred(), p.abs(n), nil, 0o644); err != nil {
			code = p.die(1, "touch: cannot touch '%s': %s", n, reason(err))
		}
	}
	return code
}

// clock is the time on the host.
func (p *proc) clock() time.Time {
	h := p.host()
	h.Site.Lock()
	defer h.Site.Unlock()
	return h.Clock()
}

func chmodProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "")
	if len(names) < 2 {
		return p.die(1, "chmod: missing operand")
	}
	var mode func(fs.FileMode) fs.FileMode
	if m, err := strconv.ParseUint(names[0], 8, 32); err == nil {
		mode = func(old fs.FileMode) fs.FileMode { return old&^0o777 | fs.FileMode(m)&0o777 }
	} else {
		mode = func(old fs.FileMode) fs.FileMode { return symbolic(names[0], old) }
	}
	code := 0
	targets := names[1:]
	if opts["-R"] != "" {
		targets = append(append([]string{}, targets...), p.below(targets)...)
	}
	for _, n := range targets {
		if err := p.m.fs().Change(p.cred(), p.abs(n), func(x *vfs.Node) { x.Mode = mode(x.Mode) }); err != nil {
			code = p.die(1, "chmod: changing permissions of '%s': %s", n, reason(err))
		}
	}
	return code
}

// symbolic applies a mode such as u+x,go-w.
func symbolic(spec string, mode fs.FileMode) fs.FileMode {
	for _, part := range strings.Split(spec, ",") {
		at := strings.IndexAny(part, "+-=")
		if at < 0 {
			continue
		}
		who := part[:at]
		if who == "" || who == "a" {
			who = "ugo"
		}
		var bits fs.FileMode
		for _, c := range part[at+1:] {
			bits |= map[rune]fs.FileMode{'r': 4, 'w': 2, 'x': 1, 'X': 1}[c]
		}
		for _, w := range who {
			shift := map[rune]uint{'u': 6, 'g': 3, 'o': 0}[w]
			switch part[at] {
			case '+':
				mode |= bits << shift
			case '-':
				mode &^= bits << shift
			case '=':
				mode = mode&^(7<<shift) | bits<<shift
			}
		}
	}
	return mode
}

func chownProgram(p *proc) int {
	_, names, _ := flags(p.args[1:], "")
	if len(names) < 2 {
		return p.die(1, "chown: missing operand")
	}
	if !p.root() {
		return p.die(1, "chown: changing ownership of '%s': Operation not permitted", names[1])
	}
	user, group, hasGroup := strings.Cut(names[0], ":")
	user, group = p.named("passwd", user), p.named("group", group)
	for _, n := range names[1:] {
		err := p.m.fs().Change(p.cred(), p.abs(n), func(x *vfs.Node) {
			if user != "" {
				x.Owner = user
			}
			if hasGroup && group != "" {
				x.Group = group
			}
		})
		if err != nil {
			return p.die(1, "chown: cannot access '%s': %s", n, reason(err))
		}
	}
	return 0
}

// fileType are the bits of st_mode that say what something is.
func fileType(m fs.FileMode) fs.FileMode {
	switch {
	case m.IsDir():
		return 0o040000
	case m&fs.ModeSymlink != 0:
		return 0o120000
	case m&fs.ModeSocket != 0:
		return 0o140000
	case m&fs.ModeNamedPipe != 0:
		return 0o010000
	}
	return 0o100000
}

// named is the name of a user or group that may be given by its number.
func (p *proc) named(db, who string) string {
	if who == "" || strings.Trim(who, "0123456789") != "" {
		return who
	}
	data, _ := p.m.fs().ReadFile(vfs.Cred{User: "root"}, "/etc/"+db)
	for _, l := range splitLines(data) {
		if f := strings.Split(l, ":"); len(f) > 2 && f[2] == who {
			return f[0]
		}
	}
	return who
}

// installProgram is install [-m MODE] [-o OWNER] [-g GROUP] [-d] SOURCE TARGET.
func installProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "mog")
	mode := fs.FileMode(0o755)
	if m, err := strconv.ParseUint(opts["-m"], 8, 32); err == nil {
		mode = fs.FileMode(m)
	}
	if opts["-d"] != "" {
		for _, n := range names {
			if err := p.m.fs().Mkdir(p.cred(), p.abs(n), mode, true); err != nil {
				return p.die(1, "install: cannot create directory ‘%s’: %s", n, reason(err))
			}
		}
		return 0
	}
	src, dst, ok := p.into(names, opts["-T"] != "")
	if !ok {
		return 1
	}
	for _, s := range src {
		if err := p.copyTree(p.abs(s), dst(s), false, false); err != nil {
			return p.die(1, "install: cannot install '%s': %s", s, reason(err))
		}
		_ = p.m.fs().Change(p.cred(), dst(s), func(x *vfs.Node) {
			x.Mode = mode
			if o := opts["-o"]; o != "" && p.root() {
				x.Owner = o
			}
			if g := opts["-g"]; g != "" && p.root() {
				x.Group = g
			}
		})
	}
	return 0
}

func dirnameProgram(p *proc) int {
	_, names, _ := flags(p.args[1:], "")
	for _, a := range names {
		p.print(path.Dir(a) + "\n")
	}
	return 0
}

func basenameProgram(p *proc) int {
	_, names, _ := flags(p.args[1:], "s")
	if len(names) == 0 {
		return p.die(1, "basename: missing operand")
	}
	b := path.Base(names[0])
	if len(names) > 1 && b != names[1] {
		b = strings.TrimSuffix(b, names[1])
	}
	p.print(b + "\n")
	return 0
}

// duProgram is du -s [-b|-k|-m|-h] PATH…, from the sizes of the files.
func duProgram(p *proc) int {
	opts, names, _ := flags(p.args[1:], "d", "--max-depth")
	code := 0
	for _, n := range names {
		if !p.m.exists(p.abs(n)) {
			code = p.die(1, "du: cannot access '%s': No such file or directory", n)
			continue
		}
		var sum int64
		for _, f := range p.below([]string{n}) {
			if st, err := p.m.fs().Stat(p.cred(), p.abs(f), false); err == nil {
				sum += st.Size()
			}
		}
		switch {
		case opts["-b"] != "":
			p.printf("%d\t%s\n", sum, n)
		case opts["-h"] != "":
			p.printf("%s\t%s\n", human(uint64(sum)), n) //nolint:gosec // sizes are not negative
		default:
			p.printf("%d\t%s\n", (sum+4095)/4096*4, n)
		}
	}
	return code
}
