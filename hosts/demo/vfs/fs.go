package vfs

import (
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxLinks is how many symbolic links a lookup follows before ELOOP.
const maxLinks = 40

// Router leads paths of one file system into another: /proc/PID into what is known of a process. It
// is called without any lock held.
type Router interface {
	// Route returns the file system a clean absolute path lies in, and the path there.
	Route(name string) (fs *FS, rest string, ok bool)
	// Entries lists names that a directory has beside those of its own file system.
	Entries(dir string) []string
}

// FS is a tree of nodes. mu guards everything below it.
type FS struct {
	router Router // set once, before the first use
	mu     sync.Mutex
	now    func() time.Time
	nodes  map[string]*Node // by clean absolute path
	ino    uint64
}

// New returns a file system with nothing but its root. now dates what is written.
func New(now func() time.Time) *FS {
	if now == nil {
		panic("vfs: New needs a clock")
	}
	f := &FS{now: now, nodes: map[string]*Node{}, ino: 2}
	f.nodes["/"] = &Node{Mode: fs.ModeDir | 0o755, Ino: 2}
	return f
}

// SetRouter joins a router; call it before the file system is used.
func (f *FS) SetRouter(r Router) { f.router = r }

// routed says where a path leads.
func (f *FS) routed(name string) (*FS, string, bool) {
	if f.router == nil {
		return nil, "", false
	}
	return f.router.Route(path.Clean("/" + name))
}

// Put places a node and the directories above it, as building an image does: no credentials, and
// what stands there is replaced.
func (f *FS) Put(name string, n Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = path.Clean("/" + name)
	f.parents(name, n.MTime)
	if n.Ino == 0 {
		f.ino++
		n.Ino = f.ino
	}
	if n.MTime.IsZero() {
		n.MTime = f.now()
	}
	f.nodes[name] = &n
}

// parents makes the missing directories above name; mu is held.
func (f *FS) parents(name string, at time.Time) {
	for dir := path.Dir(name); f.nodes[dir] == nil; dir = path.Dir(dir) {
		f.ino++
		f.nodes[dir] = &Node{Mode: fs.ModeDir | 0o755, Ino: f.ino, MTime: at}
	}
}

// walk resolves name to a clean path whose node exists, or the path where it would be.
func (f *FS) walk(c Cred, op, name string, follow bool) (string, *Node, error) {
	fail := func(e syscall.Errno) (string, *Node, error) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: e}
	}
	rest := strings.Split(path.Clean("/" + name)[1:], "/")
	if rest[0] == "" {
		return "/", f.nodes["/"], nil
	}
	at, links := "/", 0
	for len(rest) > 0 {
		dir := f.nodes[at]
		if !dir.Mode.IsDir() {
			return fail(syscall.ENOTDIR)
		}
		if !dir.allows(c, 1) {
			return fail(syscall.EACCES)
		}
		next := path.Join(at, rest[0])
		n := f.nodes[next]
		last := len(rest) == 1
		switch {
		case n == nil && last:
			return next, nil, nil
		case n == nil:
			return fail(syscall.ENOENT)
		case n.Mode&fs.ModeSymlink != 0 && (!last || follow):
			if links++; links > maxLinks {
				return fail(syscall.ELOOP)
			}
			target := n.Target
			if !path.IsAbs(target) {
				target = path.Join(at, target)
			}
			rest = append(strings.Split(path.Clean(target)[1:], "/"), rest[1:]...)
			if at = "/"; rest[0] == "" {
				rest = rest[1:]
			}
			continue
		}
		at, rest = next, rest[1:]
	}
	return at, f.nodes[at], nil
}

// find is walk for things that must exist.
func (f *FS) find(c Cred, op, name string, follow bool) (string, *Node, error) {
	at, n, err := f.walk(c, op, name, follow)
	if err == nil && n == nil {
		err = &fs.PathError{Op: op, Path: name, Err: syscall.ENOENT}
	}
	return at, n, err
}

// Stat describes name; follow says whether a symbolic link at its end is followed.
func (f *FS) Stat(c Cred, name string, follow bool) (Info, error) {
	if g, rest, ok := f.routed(name); ok {
		i, err := g.Stat(c, rest, follow)
		i.name = path.Base(name)
		return i, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, n, err := f.find(c, "stat", name, follow)
	if err != nil {
		return Info{}, err
	}
	return describe(path.Base(name), n), nil
}

func describe(name string, n *Node) Info {
	i := Info{name: name, n: *n, size: int64(len(n.Data))}
	if n.Len > 0 {
		i.size = n.Len
	}
	if n.Mode.IsDir() {
		i.size = 4096
	}
	if n.Mode&fs.ModeSymlink != 0 {
		i.size = int64(len(n.Target))
	}
	return i
}

// Access reports whether c may do all of bits (4 read, 2 write, 1 execute or search) with name.
func (f *FS) Access(c Cred, name string, bits fs.FileMode) error {
	if g, rest, ok := f.routed(name); ok {
		return g.Access(c, rest, bits)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, n, err := f.find(c, "access", name, true)
	if err != nil {
		return err
	}
	for _, bit := range []fs.FileMode{4, 2, 1} {
		if bits&bit != 0 && !n.allows(c, bit) {
			return &fs.PathError{Op: "access", Path: name, Err: syscall.EACCES}
		}
	}
	if bits&1 != 0 && c.Root() && !n.Mode.IsDir() && n.Mode.Perm()&0o111 == 0 {
		return &fs.PathError{Op: "access", Path: name, Err: syscall.EACCES}
	}
	return nil
}

// ReadFile returns the content of a file. The result must not be changed.
func (f *FS) ReadFile(c Cred, name string) ([]byte, error) {
	if g, rest, ok := f.routed(name); ok {
		return g.ReadFile(c, rest)
	}
	f.mu.Lock()
	_, n, err := f.find(c, "open", name, true)
	if err == nil {
		err = readable(c, name, n)
	}
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	cp := *n
	f.mu.Unlock()
	return cp.content(), nil // outside mu: Gen may look at this very file system
}

func readable(c Cred, name string, n *Node) error {
	fail := func(e syscall.Errno) error { return &fs.PathError{Op: "open", Path: name, Err: e} }
	switch {
	case n.Mode.IsDir():
		return fail(syscall.EISDIR)
	case n.Mode&fs.ModeSocket != 0:
		return fail(syscall.ENXIO)
	case !n.allows(c, 4):
		return fail(syscall.EACCES)
	}
	return nil
}

// ReadDir lists a directory by name.
func (f *FS) ReadDir(c Cred, name string) ([]Info, error) {
	if g, rest, ok := f.routed(name); ok {
		return g.ReadDir(c, rest)
	}
	list, err := f.readDir(c, name)
	if err != nil || f.router == nil {
		return list, err
	}
	dir := path.Clean("/" + name)
	for _, n := range f.router.Entries(dir) {
		if i, err := f.Stat(c, path.Join(dir, n), false); err == nil {
			list = append(list, i)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list, nil
}

func (f *FS) readDir(c Cred, name string) ([]Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, n, err := f.find(c, "open", name, true)
	if err != nil {
		return nil, err
	}
	if !n.Mode.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	if !n.allows(c, 4) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	var out []Info
	for p, n := range f.nodes {
		if p != "/" && path.Dir(p) == at {
			out = append(out, describe(path.Base(p), n))
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out, nil
}

// Readlink returns where a symbolic link points.
func (f *FS) Readlink(c Cred, name string) (string, error) {
	if g, rest, ok := f.routed(name); ok {
		return g.Readlink(c, rest)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	_, n, err := f.find(c, "readlink", name, false)
	if err != nil {
		return "", err
	}
	if n.Mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: syscall.EINVAL}
	}
	return n.Target, nil
}

// Resolve returns name without symbolic links.
func (f *FS) Resolve(c Cred, name string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, _, err := f.find(c, "stat", name, true)
	return at, err
}
