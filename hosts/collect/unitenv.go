package collect

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
)

// unitEnvSection reads the names of the variables that the environment files of units set. Values never
// leave the host, but for what must agree with what runs: plain numbers of workers and of calls at once, the
// port, paths of recordings, and the hosts in lists of URLs.
func unitEnvSection() Section {
	return Section{
		ID: "unitenv", Title: "environment files of units",
		Source: "systemctl show -p EnvironmentFiles '*.service'; the names in those files, and numbers of workers",
		Needs:  "systemd", Root: RootHelps,
		Script: noSystemd + shellGone + `systemctl show --all --no-pager -p Id -p Environment '*.service' | awk '
/^Id=/ { id = substr($0, 4) }
/^Environment=/ { e = " " substr($0, 13) " "; if (match(e, /[ "]PORT=[0-9]+[ "]/)) port = substr(e, RSTART + 6, RLENGTH - 7) }
/^$/ { if (port != "") print "mw-port", port, id; port = "" }
END { if (port != "") print "mw-port", port, id }'
systemctl show --all --no-pager -p EnvironmentFiles '*.service' |
sed -n 's/^EnvironmentFiles=\(.*\) (ignore_errors=.*)$/\1/p' | sort -u | head -n 500 |
while IFS= read -r p; do
if [ -d "$p" ]; then continue
elif [ -r "$p" ]; then
printf 'mw-file %s\n' "$p"
head -c 65536 "$p" | awk '` + envTold + `'
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

// envTold prints the names of a file's variables, and of a few values what may be told.
const envTold = `{ sub(/^[ \t]+/, ""); i = index($0, "="); n = substr($0, 1, i - 1); if (i < 2 || n !~ /^[A-Za-z_][A-Za-z0-9_]*$/) next
print n
v = substr($0, i + 1); sub(/[ \t\r]+$/, "", v); gsub(/^["\047]|["\047]$/, "", v)
if (v ~ /^[0-9]+$/ && length(v) < 10 && (n ~ /_WORKERS$/ || n ~ /^MAX_CONCURRENT_[A-Z]*$/ || n == "PORT")) print "mw-number", n, v
else if (n ~ /RECORDING/ && n ~ /(DIR|PATH|FOLDER|ROOT)$/ && v ~ /^\/[A-Za-z0-9._\/-]*$/ && length(v) < 200) print "mw-path", n, v
else if (n ~ /_URLS$/) { m = split(v, l, /[,; ]+/); split("", seen)
for (i = 1; i <= m && i <= 200; i++) { u = l[i]; again = (u in seen); seen[u] = 1
if (u ~ /^(https?|wss?):\/\/[A-Za-z0-9.-]+(:[0-9]+)?(\/.*)?$/) { o = u; k = index(o, "://"); r = substr(o, k + 3); sub(/\/.*/, "", r); print "mw-url", n, again + 0, substr(o, 1, k + 2) r } } } }`

// fromEnvironment is where UnitEnv keeps what a unit's own Environment= says.
func fromEnvironment(unit string) string { return "Environment= of " + unit }

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
		if strings.HasPrefix(line, "mw-") {
			setTold(out, cur, line)
			continue
		}
		if f := out[cur]; cur != "" && line != "" && len(f.Names) < 1000 {
			f.Names = append(f.Names, line)
			out[cur] = f
		}
	}
	return out
}

// setTold takes a line that tells a value.
func setTold(files map[string]hosts.EnvFile, cur, line string) {
	w := strings.SplitN(line, " ", 4)
	f := files[cur]
	switch {
	case w[0] == "mw-port" && len(w) == 3:
		at := fromEnvironment(w[2])
		if n, err := strconv.Atoi(w[1]); err == nil && n < 1<<16 && len(files) < 2000 {
			files[at] = hosts.EnvFile{Path: at, Numbers: map[string]int{"PORT": n}}
		}
		return
	case cur == "" || len(w) < 3:
		return
	case w[0] == "mw-number" && len(w) == 3:
		n, err := strconv.Atoi(w[2])
		if err != nil || len(f.Numbers) >= 100 {
			return
		}
		if f.Numbers == nil {
			f.Numbers = map[string]int{}
		}
		f.Numbers[w[1]] = n
	case w[0] == "mw-path" && len(w) == 3 && strings.HasPrefix(w[2], "/") && len(f.Paths) < 100:
		if f.Paths == nil {
			f.Paths = map[string]string{}
		}
		f.Paths[w[1]] = w[2]
	case w[0] == "mw-url" && len(w) == 4 && len(f.URLs[w[1]]) < 200:
		if f.URLs == nil {
			f.URLs = map[string][]hosts.ListedURL{}
		}
		f.URLs[w[1]] = append(f.URLs[w[1]], hosts.ListedURL{Origin: w[3], Again: w[2] == "1"})
	}
	files[cur] = f
}

// setEnv puts what was read of environment files into the units that name them.
func setEnv(units []hosts.Unit, files map[string]hosts.EnvFile) {
	for i := range units {
		if f, ok := files[fromEnvironment(units[i].Name)]; ok {
			units[i].Port = f.Numbers["PORT"]
		}
		if len(units[i].EnvFiles) == 0 {
			continue
		}
		list := slices.Clone(units[i].EnvFiles)
		for j := range list {
			if f, ok := files[list[j].Path]; ok {
				p, optional := list[j].Path, list[j].Optional
				list[j] = f
				list[j].Path, list[j].Optional = p, optional
			}
		}
		units[i].EnvFiles = list
	}
}

// keepEnv brings what was read of environment files over from an older list.
func keepEnv(units, old []hosts.Unit) {
	files := map[string]hosts.EnvFile{}
	for i := range old {
		if old[i].Port > 0 {
			at := fromEnvironment(old[i].Name)
			files[at] = hosts.EnvFile{Path: at, Numbers: map[string]int{"PORT": old[i].Port}}
		}
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
