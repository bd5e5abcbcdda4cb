package hostrules

import (
	"fmt"
	"strings"

	"midwatch/checks"
)

func diskFull() checks.Check {
	return checks.Check{
		ID:        "disk-full",
		Title:     "a file system is full",
		Area:      checks.AreaHost,
		Severity:  checks.Error,
		Why:       "What writes there fails: databases stop, containers do not start, logs end, uploads break. On ext4 root may still write when applications no longer can.",
		Fix:       "Free space: old images and build cache (docker system df), logs (journalctl --disk-usage), deleted files that are still open (lsof +L1); or make the file system larger.",
		Verify:    "df -P MOUNT is below 85 %",
		Sources:   []string{"https://man7.org/linux/man-pages/man1/df.1.html"},
		Diagnoses: []string{"disk-inodes"},
		Needs:     []checks.Need{checks.NeedDisks},
		Eval:      checks.OnHost(evalDiskFull),
	}
}

func evalDiskFull(h *checks.Host) []checks.Finding {
	var out []checks.Finding
	seen := map[string]bool{}
	for _, d := range h.Disks.Value {
		if d.Problem != "" {
			out = append(out, checks.Unsure("disk "+d.Mount, d.Mount+": "+d.Problem))
			continue
		}
		used := d.UsedPercent()
		// A device that is mounted in several places is one disk; "tmpfs" is the name of each of them.
		if used < 85 || seen[d.Device] && strings.HasPrefix(d.Device, "/") || d.FSType == "squashfs" || d.FSType == "iso9660" {
			continue
		}
		seen[d.Device] = true
		f := h.Find("disk "+d.Mount, checks.NeedDisks, fmt.Sprintf("%s %s %d%% %s", d.Device, d.FSType, used, d.Mount))
		f.Title = fmt.Sprintf("%s is %d %% full", d.Mount, used)
		switch {
		case used >= 98:
			f.Severity = checks.Critical
		case used < 95:
			f.Severity = checks.Warning
		}
		out = append(out, f)
	}
	return out
}
