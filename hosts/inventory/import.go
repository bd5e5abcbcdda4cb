package inventory

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"midwatch/hosts/config"
)

// Imported is a host of an OpenSSH configuration.
type Imported struct {
	Alias string
	File  string
	Line  int
	// What the block itself says; the rest comes from ssh -G when the host is reached.
	HostName, User, Port, ProxyJump string
}

// includeDepth is OpenSSH's own limit on Include inside Include.
const includeDepth = 16

// ReadSSHConfig lists the hosts that an OpenSSH configuration names without wildcards, in the order
// of the file, with Include followed as OpenSSH does: relative to ~/.ssh, with ~ and wildcards.
// Blocks with Match are skipped, they name no host.
func ReadSSHConfig(file string) ([]Imported, error) {
	r := &sshConfigReader{dir: filepath.Dir(file), seen: map[string]bool{}}
	if err := r.read(file, 0); err != nil {
		return nil, err
	}
	return r.hosts, nil
}

type sshConfigReader struct {
	dir   string
	hosts []Imported
	seen  map[string]bool // aliases: the first block wins, as in ssh
	open  []int           // indexes of the hosts of the block being read
}

func (r *sshConfigReader) read(file string, depth int) error {
	if depth > includeDepth {
		return fmt.Errorf("read ssh configuration %s: more than %d files include each other", file, includeDepth)
	}
	f, err := os.Open(file) //nolint:gosec // the user's own configuration
	if err != nil {
		return fmt.Errorf("read ssh configuration: %w", err)
	}
	defer f.Close()
	return r.parse(file, f, depth)
}

func (r *sshConfigReader) parse(file string, in io.Reader, depth int) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		key, args := splitSSHLine(lines.Text())
		switch strings.ToLower(key) {
		case "host":
			r.block(file, n, args)
		case "match":
			r.open = nil
		case "include":
			// An Include inside a block belongs to it; hosts of the file have blocks of their own.
			open := r.open
			for _, pattern := range args {
				if err := r.include(pattern, depth); err != nil {
					return err
				}
			}
			r.open = open
		case "hostname", "user", "port", "proxyjump":
			r.setting(strings.ToLower(key), args)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read ssh configuration %s: %w", file, err)
	}
	return nil
}

func (r *sshConfigReader) include(pattern string, depth int) error {
	pattern = ExpandHome(pattern)
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(r.dir, pattern)
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("read ssh configuration: Include %s: %w", pattern, err)
	}
	for _, f := range files { // none is no error, as in ssh
		if err := r.read(f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (r *sshConfigReader) block(file string, line int, names []string) {
	r.open = nil
	for _, name := range names {
		if strings.ContainsAny(name, "*?!%") || r.seen[name] || name == "" || config.BadByte(name) >= 0 || !utf8.ValidString(name) {
			continue
		}
		r.seen[name] = true
		r.open = append(r.open, len(r.hosts))
		r.hosts = append(r.hosts, Imported{Alias: name, File: file, Line: line})
	}
}

func (r *sshConfigReader) setting(key string, args []string) {
	if len(args) == 0 {
		return
	}
	for _, i := range r.open {
		h := &r.hosts[i]
		to := map[string]*string{"hostname": &h.HostName, "user": &h.User, "port": &h.Port, "proxyjump": &h.ProxyJump}[key]
		if *to == "" {
			*to = args[0]
		}
	}
}

// splitSSHLine splits a line as ssh does: a keyword, an optional "=", arguments that may be quoted.
func splitSSHLine(line string) (key string, args []string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", nil
	}
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		return line, nil
	}
	key = line[:end]
	rest := strings.TrimLeft(line[end:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	for rest != "" && rest[0] != '#' {
		var word string
		if rest[0] == '"' {
			word, rest, _ = strings.Cut(rest[1:], `"`)
		} else if i := strings.IndexAny(rest, " \t"); i >= 0 {
			word, rest = rest[:i], rest[i:]
		} else {
			word, rest = rest, ""
		}
		args = append(args, word)
		rest = strings.TrimLeft(rest, " \t")
	}
	return key, args
}

// Render writes a hosts.toml for imported hosts. Addresses are the aliases, so that everything else
// the user's configuration says about them keeps counting; what it says is repeated in comments.
func Render(found []Imported, source string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Written by midwatch hosts import from %s.\n", oneLine(source))
	b.WriteString("# Addresses are ssh aliases: user, port, keys and jumps keep coming from there, see ssh -G ALIAS.\n")
	b.WriteString("# hosts.example.toml says what else can be written here.\n")
	if len(found) == 0 {
		b.WriteString("#\n# No host is named there without a wildcard. This machine:\n\n[hosts.localhost]\nkind = \"local\"\n")
		return b.Bytes()
	}
	names := map[string]bool{}
	for _, h := range found {
		if what, _ := addressFault(h.Alias); what != "" {
			fmt.Fprintf(&b, "\n# Not taken over: Host %s, which %s.\n", oneLine(h.Alias), what)
			continue
		}
		fmt.Fprintf(&b, "\n[hosts.%s]", config.Key(importName(h.Alias, names)))
		if about := h.about(); about != "" {
			fmt.Fprintf(&b, "   # %s", oneLine(about))
		}
		fmt.Fprintf(&b, "\naddress = %s\n", strconv.Quote(h.Alias))
	}
	return b.Bytes()
}

func (h Imported) about() string {
	var parts []string
	for _, p := range []struct{ name, value string }{{"", h.HostName}, {"user ", h.User}, {"port ", h.Port}, {"via ", h.ProxyJump}} {
		if p.value != "" {
			parts = append(parts, p.name+p.value)
		}
	}
	return strings.Join(parts, ", ")
}

// importName makes an alias a name of ours, each once.
func importName(alias string, used map[string]bool) string {
	b := []byte(alias)
	for i, c := range b {
		if !config.Bare(c) && c != '.' {
			b[i] = '-'
		}
	}
	name := strings.TrimLeft(string(b), "-")
	if badName(name) != "" {
		name = "host-" + strings.TrimLeft(name, "-")
	}
	for n, base := 2, name; used[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	used[name] = true
	return name
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// WriteNew writes an inventory that does not exist yet, readable by its owner; with force it
// replaces one. The directory is made when it is missing.
func WriteNew(file string, data []byte, force bool) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	if !force {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the user names it
		if err != nil {
			return fmt.Errorf("write inventory: %w; --force replaces it", err)
		}
		_, err = f.Write(data)
		return closeWritten(f, err)
	}
	// By a file beside it, so that a full disk does not leave half an inventory.
	f, err := os.CreateTemp(filepath.Dir(file), ".hosts-*.toml")
	if err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	_, err = f.Write(data)
	if err = closeWritten(f, err); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write inventory: %w", remove(f.Name(), err))
	}
	return nil
}

func closeWritten(f *os.File, err error) error {
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return nil
}

// remove takes a file away that nobody will use and keeps the error that made it so.
func remove(name string, err error) error {
	_ = os.Remove(name)
	return err
}
