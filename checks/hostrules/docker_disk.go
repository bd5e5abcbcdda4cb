package hostrules

import (
	"fmt"
	"strings"

	"midwatch/checks"
	"midwatch/hosts"
)

func dockerDisk() checks.Check {
	return checks.Check{
		ID:       "docker-disk",
		Title:    "the disk of a container engine gets full, and the engine keeps what nobody uses",
		Area:     checks.AreaContainer,
		Severity: checks.Warning,
		Why: "Every build and every pull leaves layers behind, and nothing removes them by itself. When the disk is full no image can be pulled, no container made, and the log of none can be written: " +
			"the next deploy fails half-way.",
		Fix:       "Look at docker system df -v first; then docker image prune -a, docker builder prune, docker container prune. A volume that no container uses may still be somebody's data.",
		Verify:    "docker system df shows little to reclaim, df DATAROOT is below 85 %",
		Sources:   []string{"https://docs.docker.com/reference/cli/docker/system/df/", "https://docs.docker.com/engine/manage-resources/pruning/"},
		Diagnoses: []string{"disk-inodes", "log-rotation"},
		Needs:     []checks.Need{checks.NeedEngine, checks.NeedDisks},
		Also:      []checks.Need{checks.NeedUsage, checks.NeedImages},
		Eval:      checks.OnHost(evalDockerDisk),
	}
}

func evalDockerDisk(h *checks.Host) []checks.Finding {
	d, ok := hosts.EngineDiskOf(h.HostFacts)
	if !ok {
		if h.Engine.Value.RootDir == "" {
			return checks.NotHere("no engine")
		}
		return []checks.Finding{checks.Unsure("disk of the engine", h.Engine.Value.RootDir+" is on no file system that df tells of")}
	}
	used := max(d.UsedPercent(), d.InodePercent())
	if used < 85 {
		return nil
	}
	kept, source, known := unused(h)
	if !known {
		return []checks.Finding{checks.Unsure("disk "+d.Mount, fmt.Sprintf("%s is %d %% full; what the engine keeps: %s", d.Mount, used, h.Part(checks.NeedUsage).Why()))}
	}
	var sum uint64
	var parts []string
	for _, k := range kept {
		sum += k.size
		if k.size > 0 {
			parts = append(parts, k.what+" "+gib(k.size))
		}
	}
	if sum < d.Size/20 {
		return nil // something else fills it
	}
	f := h.Find("disk "+d.Mount, checks.NeedDisks, fmt.Sprintf("%s %s %d%% %s, data root %s", d.Device, d.FSType, used, d.Mount, h.Engine.Value.RootDir))
	f.Title = fmt.Sprintf("%s is %d %% full, and the engine keeps %s that nobody uses: %s", d.Mount, used, gib(sum), strings.Join(parts, ", "))
	if used >= 95 {
		f.Severity = checks.Error
	}
	f.Evidence = append(f.Evidence, checks.Evidence{Source: source, Text: strings.Join(parts, ", "), Host: h.Name, At: h.Part(checks.NeedUsage).At})
	return []checks.Finding{f}
}

// keeping is what an engine could let go.
type keeping struct {
	what string
	size uint64
}

// unused is what the engine said it could let go, or, where it did not count in time, what its images tell.
// Volumes are left out: what lies in them may be wanted.
func unused(h *checks.Host) (list []keeping, source string, known bool) {
	if h.DiskUsage.Known() {
		u := h.DiskUsage.Value
		return []keeping{{"images", u.ImagesUnused}, {"build cache", u.CacheUnused}, {"stopped containers", u.ContainersStopped}}, h.DiskUsage.Source, true
	}
	if !h.Images.Known() || h.DiskUsage.Standing() == hosts.Unasked {
		return nil, "", false
	}
	var sum uint64
	for _, i := range h.Images.Value {
		if i.InUse == 0 {
			sum += i.Size
		}
	}
	return []keeping{{"images (layers they share counted twice)", sum}}, h.Images.Source, true
}

func gib(n uint64) string {
	if n < 1<<30 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
