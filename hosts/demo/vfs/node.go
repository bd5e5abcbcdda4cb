package vfs

import (
	"io/fs"
	"time"
)

// Cred is who asks.
type Cred struct {
	User   string
	Groups []string
}

// Root may do everything.
func (c Cred) Root() bool { return c.User == "root" }

// In reports whether the group is one of c's.
func (c Cred) In(group string) bool {
	for _, g := range c.Groups {
		if g == group {
			return true
		}
	}
	return false
}

// Node is a file, directory, link or socket.
type Node struct {
	Mode   fs.FileMode // type and permission bits
	Owner  string      // "" means root
	Group  string      // "" means root
	MTime  time.Time
	Data   []byte
	Gen    func() []byte // makes the content when it is read; Data is ignored
	Target string        // of a symbolic link
	Ino    uint64
	Len    int64 // what Stat tells instead of the length of Data; for large files that nobody reads
}

func (n *Node) owner() string {
	if n.Owner == "" {
		return "root"
	}
	return n.Owner
}

func (n *Node) group() string {
	if n.Group == "" {
		return "root"
	}
	return n.Group
}

func (n *Node) content() []byte {
	if n.Gen != nil {
		return n.Gen()
	}
	return n.Data
}

// allows applies the permission bits: bit is 4 for read, 2 for write, 1 for execute or search.
func (n *Node) allows(c Cred, bit fs.FileMode) bool {
	if c.Root() {
		return true
	}
	perm := n.Mode.Perm()
	switch {
	case c.User == n.owner():
		return perm>>6&bit != 0
	case c.In(n.group()):
		return perm>>3&bit != 0
	default:
		return perm&bit != 0
	}
}

// Info describes a node.
type Info struct {
	name string
	n    Node
	size int64
}

// Name returns the last element of the path.
func (i Info) Name() string { return i.name }

// Size returns the length of a file, 0 for files whose text is made when it is read.
func (i Info) Size() int64 { return i.size }

// Mode returns type and permission bits.
func (i Info) Mode() fs.FileMode { return i.n.Mode }

// ModTime returns the time of the last change.
func (i Info) ModTime() time.Time { return i.n.MTime }

// IsDir reports whether the node is a directory.
func (i Info) IsDir() bool { return i.n.Mode.IsDir() }

// Sys returns nil: there is no kernel below.
func (i Info) Sys() any { return nil }

// Owner returns the owner's name.
func (i Info) Owner() string { return i.n.owner() }

// Group returns the group's name.
func (i Info) Group() string { return i.n.group() }

// Ino returns the inode number; it stays with the file when the file is renamed.
func (i Info) Ino() uint64 { return i.n.Ino }

// Target returns what a symbolic link points to.
func (i Info) Target() string { return i.n.Target }

var _ fs.FileInfo = Info{}
