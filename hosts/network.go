package hosts

// Socket is one listening socket (ss -H -lntup, ss -H -lnxp).
type Socket struct {
	Proto   string // tcp, udp, unix
	Address string // "0.0.0.0", "::", "*", an address; for unix the path (abstract ones begin with "@")
	Port    uint16
	V6Only  bool   // meaningful for "::": false means it takes IPv4 as well
	Process string // command name; "" when only root may see it
	PID     int    // 0 when only root may see it
	Unit    string // systemd unit of the process's cgroup, "" when unknown
	// Container is the ID of the container the process runs in, by its cgroup; "" for none.
	Container string
	Backlog   int
}

// Mount is one line of /proc/self/mountinfo.
type Mount struct {
	Root    string // the folder of the file system that is mounted
	Point   string
	FSType  string
	Source  string
	Options string
	Device  string // major:minor
}

// networkFS are file systems whose files live on another machine, or behind a user-space process.
var networkFS = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "smbfs": true, "ceph": true, "glusterfs": true,
	"lustre": true, "9p": true, "afs": true, "ocfs2": true, "gfs2": true, "beegfs": true, "davfs": true,
	"fuse.sshfs": true, "fuse.glusterfs": true, "fuse.s3fs": true, "fuse.rclone": true, "fuse.ceph": true,
	"fuse.davfs2": true, "fuse.bindfs": true, "virtiofs": true, "ncpfs": true, "coda": true,
}

// Network reports that the file system is not a local one.
func (m Mount) Network() bool { return networkFS[m.FSType] }

// MountOf returns the mount a path lies on: the longest mount point that holds it, the last one
// where several are mounted over each other.
func MountOf(ms []Mount, path string) (Mount, bool) {
	best, found := Mount{}, false
	for _, m := range ms {
		if under(path, m.Point) && len(m.Point) >= len(best.Point) {
			best, found = m, true
		}
	}
	return best, found
}

func under(path, dir string) bool {
	if dir == "/" || path == dir {
		return true
	}
	return len(path) > len(dir) && path[:len(dir)] == dir && path[len(dir)] == '/'
}

// Volume is a Docker volume (GET /volumes).
type Volume struct {
	Name, Driver, Mountpoint string
	Options                  map[string]string // type, o, device of the local driver: an NFS volume shows here
	Labels                   map[string]string
}

// Network is a Docker network (GET /networks).
type Network struct {
	ID, Name, Driver, Scope string
	Internal                bool
	Subnets                 []string
	Labels                  map[string]string
}
