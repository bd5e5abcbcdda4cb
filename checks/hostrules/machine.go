package hostrules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"midwatch/checks"
	"midwatch/hosts"
)

func inodeFull() checks.Check {
	return checks.Check{
		ID:        "inode-full",
		Title:     "a file system has no room for more files",
		Area:      checks.AreaHost,
		Severity:  checks.Error,
		Why:       "df shows free space and every new file fails with \"no space left on device\". Sessions, mail queues and caches of many small files do it.",
		Fix:       "Find the folder with the most files (du --inodes -xd1 /), and thin it out; ext4 cannot be given more inodes.",
		Verify:    "df -Pi MOUNT is below 85 %",
		Sources:   []string{"https://man7.org/linux/man-pages/man1/df.1.html"},
		Diagnoses: []string{"disk-inodes"},
		Needs:     []checks.Need{checks.NeedDisks},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			seen := map[string]bool{}
			for _, d := range h.Disks.Value {
				used := d.InodePercent()
				if used < 85 || seen[d.Device] && strings.HasPrefix(d.Device, "/") || d.FSType == "squashfs" || d.FSType == "iso9660" {
					continue
				}
				seen[d.Device] = true
				f := h.Find("disk "+d.Mount, checks.NeedDisks, fmt.Sprintf("%s inodes %d%% of %d on %s", d.Device, used, d.Inodes, d.Mount))
				f.Title = fmt.Sprintf("%d %% of the inodes of %s are used", used, d.Mount)
				f.Key = "inodes"
				switch {
				case used >= 98:
					f.Severity = checks.Critical
				case used < 95:
					f.Severity = checks.Warning
				}
				out = append(out, f)
			}
			return out
		}),
	}
}

func readOnlyMount() checks.Check {
	return checks.Check{
		ID:        "disk-read-only",
		Title:     "a file system has become read-only",
		Area:      checks.AreaHost,
		Severity:  checks.Critical,
		Why:       "The kernel does this when the disk gives errors. Nothing can be written: databases stop, containers do not start, logs end.",
		Fix:       "Look at dmesg for the error, save what matters, check the disk; remount only after fsck.",
		Verify:    "findmnt -no OPTIONS MOUNT begins with rw",
		Sources:   []string{"https://man7.org/linux/man-pages/man5/ext4.5.html"},
		Diagnoses: []string{"disk-inodes"},
		Needs:     []checks.Need{checks.NeedMounts},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			for _, m := range h.Mounts.Value {
				// Only what is written to in every life: a mount that was made read-only on purpose is
				// elsewhere.
				if !slices.Contains([]string{"/", "/var", "/var/lib", "/var/lib/docker", "/home", "/srv", "/data"}, m.Point) || !slices.Contains([]string{"ext4", "ext3", "xfs", "btrfs"}, m.FSType) {
					continue
				}
				if first, _, _ := strings.Cut(m.Options, ","); first == "ro" {
					f := h.Find("disk "+m.Point, checks.NeedMounts, fmt.Sprintf("%s on %s type %s (%s)", m.Source, m.Point, m.FSType, m.Options))
					f.Title = m.Point + " is mounted read-only"
					out = append(out, f)
				}
			}
			return out
		}),
	}
}

func clockSkew() checks.Check {
	return checks.Check{
		ID:        "clock-skew",
		Title:     "the clock of a host is wrong",
		Area:      checks.AreaHost,
		Severity:  checks.Warning,
		Why:       "Tokens are refused as not valid yet or expired, one-time passwords do not fit, certificates seem to begin tomorrow, and logs of several hosts are in the wrong order.",
		Fix:       "Switch time synchronization on: timedatectl set-ntp true, or mend chrony (chronyc tracking).",
		Verify:    "midwatch status shows the offset below 1 s",
		Sources:   []string{"https://www.freedesktop.org/software/systemd/man/latest/timedatectl.html"},
		Diagnoses: []string{"clock-skew"},
		Needs:     []checks.Need{checks.NeedSystem},
		Eval:      checks.OnHost(evalClock),
	}
}

func evalClock(h *checks.Host) []checks.Finding {
	s := h.System.Value
	off := s.ClockOffset.Abs() - s.ClockError // what is wrong for certain
	if off < 2*time.Second {
		return nil
	}
	dir := "ahead of"
	if s.ClockOffset < 0 {
		dir = "behind"
	}
	text := fmt.Sprintf("%s ± %s %s this machine's clock", s.ClockOffset.Abs().Round(time.Millisecond), s.ClockError.Round(time.Millisecond), dir)
	// When most hosts differ in the same way it is this machine's clock that is wrong.
	agree, all := 0, 0
	for _, x := range h.World.Hosts {
		if !x.System.Known() {
			continue
		}
		all++
		if d := (x.System.Value.ClockOffset - s.ClockOffset).Abs(); d <= 2*time.Second+x.System.Value.ClockError+s.ClockError {
			agree++
		}
	}
	f := h.Find("clock", checks.NeedSystem, text)
	f.Title = "its clock is " + text
	if off >= 30*time.Second {
		f.Severity = checks.Error
	}
	if all > 2 && agree*2 > all {
		f.Severity = checks.Warning
		f.Title = "this machine's clock differs from most hosts by " + s.ClockOffset.Abs().Round(time.Second).String()
		f.Fix = "Set the clock of the machine midwatch runs on."
	}
	return []checks.Finding{f}
}

func memoryPressure() checks.Check {
	return checks.Check{
		ID:        "memory-pressure",
		Title:     "a host is short of memory",
		Area:      checks.AreaHost,
		Severity:  checks.Warning,
		Why:       "Tasks wait for memory: everything is slow before anything is killed, and then the kernel chooses what dies.",
		Fix:       "Find what grew (ps aux --sort -rss, docker stats), limit or restart it.",
		Verify:    "/proc/pressure/memory: some avg10 is below 10",
		Sources:   []string{"https://docs.kernel.org/accounting/psi.html"},
		Diagnoses: []string{"oom-restart-loop"},
		Needs:     []checks.Need{checks.NeedSystem},
		Holds:     30 * time.Second,
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			s := h.System.Value
			if s.MemTotal == 0 {
				return []checks.Finding{checks.Unsure("memory", "how much memory there is was not read")}
			}
			free := float64(s.MemAvailable) / float64(s.MemTotal) * 100
			if free >= 5 && (!s.Pressure.Known || s.Pressure.Memory < 20) {
				return nil
			}
			f := h.Find("memory", checks.NeedSystem, fmt.Sprintf("MemAvailable %d of %d MiB, pressure some avg10 %.1f, swap free %d of %d MiB",
				s.MemAvailable>>20, s.MemTotal>>20, s.Pressure.Memory, s.SwapFree>>20, s.SwapTotal>>20))
			f.Title = fmt.Sprintf("%.0f %% of the memory is available", free)
			if free < 2 || s.Pressure.Memory >= 60 {
				f.Severity = checks.Error
			}
			return []checks.Finding{f}
		}),
	}
}

func hostDisconnected() checks.Check {
	return checks.Check{
		ID:        "docker-host-disconnected",
		Title:     "a host or its engine does not answer",
		Area:      checks.AreaHost,
		Severity:  checks.Error,
		Why:       "Nothing that is shown of it is newer than its last answer. Whether its services run is not known.",
		Fix:       "The reason says which door is shut: the network, the login, the host key, Docker's socket, the daemon.",
		Verify:    "midwatch hosts test HOST",
		Sources:   []string{"https://docs.docker.com/engine/daemon/troubleshoot/"},
		Diagnoses: []string{"reachability"},
		Eval:      checks.OnHost(evalDisconnected),
	}
}

func evalDisconnected(h *checks.Host) []checks.Finding {
	switch h.Link.State {
	case hosts.StateDisconnected, hosts.StateError:
		f := checks.Finding{Object: "link", Evidence: []checks.Evidence{{Source: "link", Text: h.Link.State.String() + ": " + h.Link.Reason, Host: h.Name, At: h.Link.Since}}}
		f.Title = "it does not answer: " + h.Link.Reason
		if h.Link.State == hosts.StateError {
			f.Severity = checks.Critical
		}
		return []checks.Finding{f}
	}
	if !h.Engine.Known() && h.Engine.Reason != "" && strings.Contains(h.Engine.Reason, "permission denied") {
		f := checks.Finding{Object: "engine", Evidence: []checks.Evidence{{Source: "docker info", Text: h.Engine.Reason, Host: h.Name, At: h.Engine.Tried}}}
		f.Title = "Docker's socket may not be used by this user"
		f.Fix = "Add the user to the group docker, or let midwatch use sudo for it (sudo = … in the inventory)."
		f.Severity = checks.Warning
		return []checks.Finding{f}
	}
	return nil
}

func walGrowth() checks.Check {
	return checks.Check{
		ID:        "sqlite-wal-growth",
		Title:     "the write-ahead log of a database grows",
		Area:      checks.AreaStorage,
		Severity:  checks.Warning,
		Why:       "Some reader never lets go, so nothing is written back. The disk fills and every query is slower.",
		Fix:       "Find the connection that stays open (fuser FILE), restart it; then PRAGMA wal_checkpoint(TRUNCATE).",
		Verify:    "the -wal file is small again",
		Sources:   []string{"https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files"},
		Diagnoses: []string{"sqlite-on-nfs"},
		Needs:     []checks.Need{checks.NeedDatabases},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			var out []checks.Finding
			for _, d := range h.Databases.Value {
				if d.WALSize < 64<<20 || d.WALSize < d.Size/10 {
					continue
				}
				f := h.Find("database "+d.Path, checks.NeedDatabases, fmt.Sprintf("%s-wal is %d MiB beside %d MiB", d.Path, d.WALSize>>20, d.Size>>20))
				f.Title = fmt.Sprintf("%s-wal has %d MiB", d.Path, d.WALSize>>20)
				out = append(out, f)
			}
			return out
		}),
	}
}

func sqliteShared() checks.Check {
	return checks.Check{
		ID:        "sqlite-shared-by-replicas",
		Title:     "several containers have one database file open",
		Area:      checks.AreaStorage,
		Severity:  checks.Warning,
		Why:       "SQLite lets one write at a time, and its log needs memory that all share. Two containers on one machine get \"database is locked\"; on two machines the file is damaged.",
		Fix:       "One writer: scale the service to one, or move the data to a database server.",
		Verify:    "fuser FILE names processes of one container",
		Sources:   []string{"https://www.sqlite.org/whentouse.html"},
		Diagnoses: []string{"sqlite-on-nfs", "boot-migration-replicas"},
		Needs:     []checks.Need{checks.NeedDatabases},
		Eval: checks.OnHost(func(h *checks.Host) []checks.Finding {
			first := map[string]hosts.Database{}
			told := map[string]bool{}
			var out []checks.Finding
			for _, d := range h.Databases.Value {
				o, ok := first[d.Path]
				if !ok {
					first[d.Path] = d
					continue
				}
				if d.Container == "" || o.Container == "" || o.Container == d.Container || told[d.Path] {
					continue
				}
				told[d.Path] = true
				f := h.Find("database "+d.Path, checks.NeedDatabases, fmt.Sprintf("%s is open in %s (pid %d) and %s (pid %d)", d.Path, containerName(h, o.Container), o.PID, containerName(h, d.Container), d.PID))
				f.Title = fmt.Sprintf("%s is open in %s and %s", d.Path, containerName(h, o.Container), containerName(h, d.Container))
				out = append(out, f)
			}
			return out
		}),
	}
}

func containerName(h *checks.Host, id string) string {
	if c := h.Container(id); c != nil {
		return c.Name
	}
	return id[:min(12, len(id))]
}
