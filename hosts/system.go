package hosts

import "time"

// System is the summary of a machine.
type System struct {
	Hostname     string
	OS           string // PRETTY_NAME of os-release
	Kernel       string // uname -r
	Arch         string // uname -m
	MachineID    string
	CPUs         int
	Uptime       time.Duration
	Load         [3]float64 // 1, 5 and 15 minutes, /proc/loadavg
	MemTotal     uint64     // bytes, /proc/meminfo
	MemAvailable uint64     // bytes, MemAvailable: what can be had without swapping
	SwapTotal    uint64     // bytes
	SwapFree     uint64     // bytes
	Pressure     Pressure   // /proc/pressure; zero where the kernel has none
	Disks        []Disk     // the Value of HostFacts.Disks, which knows their age and what is missing
	// ClockOffset is the host's clock minus ours, halved over the round trip it was measured in;
	// positive when the host is ahead. ClockError bounds it.
	ClockOffset time.Duration
	ClockError  time.Duration
	User        string // who we are there (id -un)
	UID         int
	UserGroups  []string // id -Gn
	Virt        string   // systemd-detect-virt, "" when unknown
	Systemd     string   // version, "" without systemd
	FailedUnits int      // -1 when unknown
}

// Pressure is the 10-second "some" average of each resource, in percent.
type Pressure struct {
	CPU, Memory, IO float64
	Known           bool
}

// Disk is one mounted file system as df prints it.
type Disk struct {
	Device, Mount, FSType string
	Size, Used, Avail     uint64 // bytes (df -PB1)
	Inodes, InodesUsed    uint64 // df -Pi; 0 where the file system has no fixed number
	Remote                bool   // lives on another machine: nfs, cifs, sshfs, …
	Problem               string // why a remote one has no numbers ("no answer within 2s: …"); "" usually
}

// UsedPercent is df's Use%: used over used plus available, rounded up; 0 for an empty file system.
func (d Disk) UsedPercent() int {
	if d.Used+d.Avail == 0 {
		return 0
	}
	return int((d.Used*100 + d.Used + d.Avail - 1) / (d.Used + d.Avail))
}

// InodePercent is df -i's IUse%, rounded up; 0 where there is no fixed number of inodes.
func (d Disk) InodePercent() int {
	if d.Inodes == 0 {
		return 0
	}
	return int((d.InodesUsed*100 + d.Inodes - 1) / d.Inodes)
}
