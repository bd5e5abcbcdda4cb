package collect

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// unitEnvSection reads the names of the variables that the environment files of units set. Values never
// leave the host, but for plain numbers of workers and of calls at once, which must agree with what runs.
func unitEnvSection() Section {
	return Section{
		ID: "unitenv", Title: "environment files of units",
		Source: "systemctl show -p EnvironmentFiles '*.service'; the names in those files, and numbers of workers",
		Needs:  "systemd", Root: RootHelps,
		Script: noSystemd + shellGone + `systemctl show --all --no-pager -p EnvironmentFiles '*.service' |
sed -n 's/^EnvironmentFiles=\(.*\) (ignore_errors=.*)$/\1/p' | sort -u | head -n 500 |
while IFS= read -r p; do
if [ -d "$p" ]; then continue
elif [ -r "$p" ]; then
printf 'mw-file %s\n' "$p"
head -c 65536 "$p" | sed -n 's/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'
head -c 65536 "$p" | sed -n -e 's/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_]*_WORKERS\)="*\([0-9][0-9]*\)"*[[:space:]]*$/mw-number \1 \2/p' -e 's/^[[:space:]]*\(MAX_CONCURRENT_[A-Z]*\)="*\([0-9][0-9]*\)"*[[:space:]]*$/mw-number \1 \2/p'
else case $p in *[*?[]*) printf 'mw-none pattern %s\n' "$p";;
*) if mw_gone "$p"; then printf 'mw-none missing %s\n' "$p"; else printf 'mw-none not-readable %s\n' "$p"; fi;; esac
fi
done; exit 0`,
		Limit: 10 * time.Second, Every: 5 * time.Minute,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			if _, ok := absent(ev.Data); ok {
				return nil
			}
			units := slices.Clone(f.Units.Value)
			f.UnitEnv = ParseUnitEnv(ev.Data)
			setEnv(units, f.UnitEnv)
			f.Units.Value = units
			return nil
		},
		// That the files were not read is said by each of them.
		Fail: func(*hosts.HostFacts, hosts.Evidence) {},
	}
}

// ParseUnitEnv reads the names that each file sets, by path.
func ParseUnitEnv(data []byte) map[string]hosts.EnvFile {
	out := map[string]hosts.EnvFile{}
	cur := ""
	for line := range lines(data) {
		if path, ok := strings.CutPrefix(line, "mw-file "); ok {
			cur = path
			out[cur] = hosts.EnvFile{Path: path, Read: true}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "mw-none "); ok {
			cur = ""
			if why, path, ok := strings.Cut(rest, " "); ok {
				out[path] = hosts.EnvFile{Path: path, Error: strings.ReplaceAll(why, "-", " ")}
			}
			continue
		}
		if rest, ok := strings.CutPrefix(line, "mw-number "); ok {
			if name, text, ok := strings.Cut(rest, " "); ok && cur != "" {
				setNumber(out, cur, name, text)
			}
			continue
		}
		if f := out[cur]; cur != "" && line != "" && len(f.Names) < 1000 {
			f.Names = append(f.Names, line)
			out[cur] = f
		}
	}
	return out
}

func setNumber(files map[string]hosts.EnvFile, path, name, text string) {
	n, err := strconv.Atoi(text)
	f := files[path]
	if err != nil || len(f.Numbers) >= 100 {
		return
	}
	if f.Numbers == nil {
		f.Numbers = map[string]int{}
	}
	f.Numbers[name] = n
	files[path] = f
}

// setEnv puts what was read of environment files into the units that name them.
func setEnv(units []hosts.Unit, files map[string]hosts.EnvFile) {
	for i := range units {
		if len(units[i].EnvFiles) == 0 {
			continue
		}
		list := slices.Clone(units[i].EnvFiles)
		for j := range list {
			if f, ok := files[list[j].Path]; ok {
				list[j].Names, list[j].Numbers, list[j].Read, list[j].Error = f.Names, f.Numbers, f.Read, f.Error
			}
		}
		units[i].EnvFiles = list
	}
}

// keepEnv brings what was read of environment files over from an older list.
func keepEnv(units, old []hosts.Unit) {
	files := map[string]hosts.EnvFile{}
	for i := range old {
		for _, f := range old[i].EnvFiles {
			if f.Read || f.Error != "" {
				files[f.Path] = f
			}
		}
	}
	setEnv(units, files)
}

// keepJobs brings the jobs over, which only the list of states tells.
func keepJobs(units, old []hosts.Unit) {
	jobs := map[string]string{}
	for i := range old {
		if old[i].Job != "" {
			jobs[old[i].Name] = old[i].Job
		}
	}
	for i := range units {
		if units[i].Draining() || units[i].Active == "activating" {
			units[i].Job = jobs[units[i].Name]
		}
	}
}
