package vfs

import (
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Open opens a file with the flags of os.OpenFile.
func (f *FS) Open(c Cred, name string, flag int, perm fs.FileMode) (*File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE) == 0 {
		data, err := f.ReadFile(c, name)
		if err != nil {
			return nil, err
		}
		return &File{data: data}, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at, n, err := f.walk(c, "open", name, true)
	fail := func(e syscall.Errno) (*File, error) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: e}
	}
	switch {
	case err != nil:
		return nil, err
	case n == nil && flag&os.O_CREATE == 0:
		return fail(syscall.ENOENT)
	case n == nil:
		if n, err = f.create(c, at, name, perm); err != nil {
			return nil, err
		}
	case flag&os.O_EXCL != 0 && flag&os.O_CREATE != 0:
		return fail(syscall.EEXIST)
	case n.Mode.IsDir():
		return fail(syscall.EISDIR)
	case !n.allows(c, 2):
		return fail(syscall.EACCES)
	}
	if flag&os.O_TRUNC != 0 {
		n.Data, n.MTime = nil, f.now()
	}
	return &File{fs: f, n: n, end: flag&os.O_APPEND != 0, data: n.Data}, nil
}

// create makes an empty file at a resolved path; mu is held.
func (f *FS) create(c Cred, at, name string, mode fs.FileMode) (*Node, error) {
	dir := f.nodes[path.Dir(at)]
	if !dir.allows(c, 2) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EACCES}
	}
	f.ino++
	n := &Node{Mode: mode, Owner: c.User, Group: first(c.Groups, c.User), MTime: f.now(), Ino: f.ino}
	f.nodes[at] = n
	dir.MTime = n.MTime
	return n, nil
}

func first(list []string, or string) string {
	if len(list) > 0 {
		return list[0]
	}
	return or
}

// Mkdir makes a directory; all makes those above it too and does not mind one that exists.
func (f *FS) Mkdir(c Cred, name string, perm fs.FileMode, all bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name = path.Clean("/" + name)
	var todo []string
	for p := name; ; p = path.Dir(p) {
		at, n, err := f.walk(c, "mkdir", p, true)
		if n != nil {
			if p == name && !all || !n.Mode.IsDir() {
				return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.EEXIST}
			}
			break
		}
		if err == nil {
			todo = append(todo, at)
		} else {
			todo = append(todo, p)
		}
		if !all {
			if err != nil {
				return err
			}
			break
		}
	}
	for i := len(todo) - 1; i >= 0; i-- {
		if _, err := f.create(c, todo[i], name, fs.ModeDir|perm); err != nil {
			return err
		}
	}
	return nil
}

// Remove deletes a file, or a directory and what is in it when all is set.
func (f *FS) Remove(c Cred, name string, all bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, n, err := f.find(c, "remove", name, false)
	if err != nil {
		return err
	}
	fail := func(e syscall.Errno) error { return &fs.PathError{Op: "remove", Path: name, Err: e} }
	if at == "/" || !f.nodes[path.Dir(at)].allows(c, 2) {
		return fail(syscall.EACCES)
	}
	if n.Mode.IsDir() {
		below := at + "/"
		for p := range f.nodes {
			if strings.HasPrefix(p, below) {
				if !all {
					return fail(syscall.ENOTEMPTY)
				}
				delete(f.nodes, p)
			}
		}
	}
	delete(f.nodes, at)
	f.nodes[path.Dir(at)].MTime = f.now()
	return nil
}

// Rename moves a file or directory, replacing a file that stands at the new name.
func (f *FS) Rename(c Cred, from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	src, n, err := f.find(c, "rename", from, false)
	if err != nil {
		return err
	}
	dst, old, err := f.walk(c, "rename", to, false)
	if err != nil {
		return err
	}
	fail := func(e syscall.Errno) error { return &fs.PathError{Op: "rename", Path: from, Err: e} }
	switch {
	case src == dst:
		return nil
	case !f.nodes[path.Dir(src)].allows(c, 2) || !f.nodes[path.Dir(dst)].allows(c, 2):
		return fail(syscall.EACCES)
	case old != nil && old.Mode.IsDir() != n.Mode.IsDir():
		return fail(syscall.EISDIR)
	case strings.HasPrefix(dst, src+"/"):
		return fail(syscall.EINVAL)
	}
	for p, child := range f.nodes {
		if strings.HasPrefix(p, src+"/") {
			delete(f.nodes, p)
			f.nodes[dst+p[len(src):]] = child
		}
	}
	delete(f.nodes, src)
	f.nodes[dst] = n
	f.nodes[path.Dir(src)].MTime, f.nodes[path.Dir(dst)].MTime = f.now(), f.now()
	return nil
}

// Symlink makes a symbolic link at name.
func (f *FS) Symlink(c Cred, target, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, n, err := f.walk(c, "symlink", name, false)
	if err != nil {
		return err
	}
	if n != nil {
		return &fs.PathError{Op: "symlink", Path: name, Err: syscall.EEXIST}
	}
	if n, err = f.create(c, at, name, fs.ModeSymlink|0o777); err == nil {
		n.Target = target
	}
	return err
}

// Link gives a file a second name: it is one file, whichever name it is changed by.
func (f *FS) Link(c Cred, from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, n, err := f.find(c, "link", from, true)
	if err != nil {
		return err
	}
	at, old, err := f.walk(c, "link", to, false)
	if err != nil {
		return err
	}
	fail := func(e syscall.Errno) error { return &fs.PathError{Op: "link", Path: to, Err: e} }
	switch dir := f.nodes[path.Dir(at)]; {
	case old != nil:
		return fail(syscall.EEXIST)
	case n.Mode.IsDir():
		return fail(syscall.EPERM)
	case !dir.allows(c, 2):
		return fail(syscall.EACCES)
	default:
		f.nodes[at], dir.MTime = n, f.now()
	}
	return nil
}

// Change applies fn to the node at name when c owns it or is root: chmod, chown, touch.
func (f *FS) Change(c Cred, name string, fn func(*Node)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, n, err := f.find(c, "chmod", name, true)
	if err != nil {
		return err
	}
	if !c.Root() && c.User != n.owner() {
		return &fs.PathError{Op: "chmod", Path: name, Err: syscall.EPERM}
	}
	fn(n)
	return nil
}

// WriteFile replaces the content of a file, making it when it is not there.
func (f *FS) WriteFile(c Cred, name string, data []byte, perm fs.FileMode) error {
	w, err := f.Open(c, name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// File is an open file. A file opened for reading is a copy of that moment.
type File struct {
	fs   *FS // nil when opened for reading
	n    *Node
	end  bool // O_APPEND
	data []byte
	pos  int
}

// Read reads on from where the last Read stopped.
func (f *File) Read(p []byte) (int, error) {
	if f.pos >= len(f.data) {
		return 0, io.EOF
	}
	k := copy(p, f.data[f.pos:])
	f.pos += k
	return k, nil
}

// Write writes at the position, or at the end with O_APPEND.
func (f *File) Write(p []byte) (int, error) {
	if f.fs == nil {
		return 0, syscall.EBADF
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.end {
		f.pos = len(f.n.Data)
	}
	if f.pos > len(f.n.Data) {
		f.n.Data = append(f.n.Data, make([]byte, f.pos-len(f.n.Data))...)
	}
	// A new array each time: readers may still hold the old one.
	data := append([]byte(nil), f.n.Data[:f.pos]...)
	data = append(data, p...)
	if f.pos+len(p) < len(f.n.Data) {
		data = append(data, f.n.Data[f.pos+len(p):]...)
	}
	f.pos += len(p)
	f.n.Data, f.n.MTime, f.data = data, f.fs.now(), data
	return len(p), nil
}

// Close does nothing: there is nothing to give back.
func (f *File) Close() error { return nil }

var _ io.ReadWriteCloser = (*File)(nil)
