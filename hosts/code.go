package hosts

import "time"

// CodeTree is a folder that a program of an interpreter runs from, as one cgroup of processes uses it.
// Times are those of the host's clock.
type CodeTree struct {
	Dir       string // as the processes see it
	Process   string // command name: python3, node
	PID       int    // of the newest process
	Unit      string
	Container string    // container ID
	Started   time.Time // of the newest process
	Reloads   bool      // started so that it loads changed files itself
	Newest    time.Time // when the file of its language that changed last did (ctime: when it came here)
	File      string    // that file
	Files     int       // how many were looked at, bounded
	// Partial are files that a transfer left behind unfinished, and PartialAt when the last of them changed.
	Partial   []string
	PartialAt time.Time
	Transfer  bool // an rsync was running on the host
}

// CertFile is a certificate on disk.
type CertFile struct {
	Path      string // as nginx names it
	Container string // whose nginx; "" for the host's own
	Names     []string
	Subject   string
	Issuer    string
	From      time.Time
	Until     time.Time
	Changed   time.Time // the file's mtime
	Error     string    // why it was not read: "missing", "not readable", "no certificate in it"
}

// EngineDisk is what an engine keeps (GET /system/df), in bytes.
type EngineDisk struct {
	Images, ImagesUnused     uint64 // layers of all images; of those no container uses
	Containers               uint64 // writable layers
	ContainersStopped        uint64
	Volumes, VolumesUnused   uint64 // of volumes whose size the engine knows
	BuildCache, CacheUnused  uint64
	VolumesLoose, CacheItems int // volumes that no container uses; entries of the cache
}

// diskFilling is how full the file system of an engine is, in percent, before it is asked what fills it.
const diskFilling = 80

// EngineDiskOf is the file system that holds the data of the host's engine.
func EngineDiskOf(f *HostFacts) (Disk, bool) {
	best, found := Disk{}, false
	if f.Engine.Value.RootDir == "" {
		return best, false
	}
	for _, d := range f.Disks.Value {
		if under(f.Engine.Value.RootDir, d.Mount) && d.Size > 0 && (!found || len(d.Mount) >= len(best.Mount)) {
			best, found = d, true
		}
	}
	return best, found
}

// EngineDiskFilling reports that the file system of the host's engine gets full.
func EngineDiskFilling(f *HostFacts) bool {
	d, ok := EngineDiskOf(f)
	return ok && max(d.UsedPercent(), d.InodePercent()) >= diskFilling
}
