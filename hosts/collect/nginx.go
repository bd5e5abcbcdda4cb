package collect

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/nginx/read"
	"midwatch/hosts/redact"
)

// nginxSection reads the configuration of the host's own nginx as nginx itself resolves it.
func nginxSection() Section { return NginxSection("nginx", "") }

// NginxSection is the section of an nginx that is not found by its name, or that runs with another
// configuration than the one it was built for; config "" is that one.
func NginxSection(binary, config string) Section {
	run, source := quote(binary), binary+" -T"
	if config != "" {
		run, source = run+" -c "+quote(config), source+" -c "+config
	}
	script := strings.NewReplacer("@binary", quote(binary), "@nginx", run).Replace(nginxScript)
	return Section{
		ID: "nginx", Title: "configuration of nginx", Source: source,
		Needs: needsRoot, Root: RootHelps,
		Script: script,
		Limit:  10 * time.Second, Every: 5 * time.Minute, Max: 16 << 20, Watch: hosts.TopicRoutes, Faster: 10,
		Redact: redactNginx,
		Fill:   fillNginx,
		Fail:   failNginx,
	}
}

// failNginx marks the host's own nginx and leaves those in containers as they are.
func failNginx(f *hosts.HostFacts, ev hosts.Evidence) {
	if !f.Nginx.Known() {
		f.Nginx = f.Nginx.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
		return
	}
	own := hosts.Nginx{Error: ev.Error, Needs: ev.Needs}
	list := []hosts.Nginx{own}
	for _, n := range f.Nginx.Value {
		switch {
		case n.Container != "":
			list = append(list, n)
		case n.HTTP != nil:
			list[0] = n
			list[0].Stale, list[0].Needs = ev.Error, ev.Needs
		}
	}
	f.Nginx.Value = list
}

// nginxScript asks @binary, or @nginx, which has its arguments with it.
const nginxScript = `command -v @binary >/dev/null 2>&1 || { echo 'mw-absent nginx is not installed'; exit 0; }
n=$(@nginx -t 2>&1); r=$?
[ "$r" = 0 ] || { printf '%s\n' "$n" >&2; exit "$r"; }
printf 'mw-version %s\n' "$(@binary -v 2>&1 | head -n 1)"
printf '%s\n' "$n" | sed 's/^/mw-note /'
c=$(@nginx -T 2>/dev/null)
ps -C nginx -o etimes=,args= 2>/dev/null | sed -n 's/^ *\([0-9][0-9]*\) nginx: worker process.*/mw-worker \1/p'
now=$(date +%s)
printf '%s\n' "$c" | sed -n 's/^# configuration file \(.*\):$/\1/p' | while IFS= read -r f; do
m=$(stat -L -c %Y "$f" 2>/dev/null) && printf 'mw-changed %s %s\n' "$((now - m))" "$f"
done
echo mw-config
printf '%s\n' "$c"`

// fillNginx replaces the host's own nginx and leaves those in containers, which come another way.
func fillNginx(f *hosts.HostFacts, ev hosts.Evidence) error {
	var list []hosts.Nginx
	for _, n := range f.Nginx.Value {
		if n.Container != "" {
			list = append(list, n)
		}
	}
	why, none := absent(ev.Data)
	if !none {
		n, err := ParseNginx(ev.Data)
		if err != nil {
			return err
		}
		n.Read = ev.At
		n.Loaded, n.Changed, n.ChangedFile = nginxAges(ev.Data, ev.At)
		list = append([]hosts.Nginx{n}, list...)
	}
	f.Nginx = hosts.ReadNginx(list, ev.Source, ev.At)
	f.Nginx.Needs = ev.Needs
	if none {
		f.Nginx.Needs = why
	}
	return nil
}

// nginxAges tells when the newest worker started, which is when the configuration was loaded, and which
// file changed last. Workers of containers count as well where the host sees them: that can only make
// the configuration look newer than it is.
func nginxAges(data []byte, at time.Time) (loaded, changed time.Time, file string) {
	head, _, _ := strings.Cut(string(data), configMark)
	ago := func(text string) time.Time {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > 1<<32 {
			return time.Time{}
		}
		return at.Add(-time.Duration(n) * time.Second)
	}
	for line := range strings.Lines(head) {
		line = strings.TrimRight(line, "\r\n")
		if age, ok := strings.CutPrefix(line, "mw-worker "); ok {
			if t := ago(age); t.After(loaded) {
				loaded = t
			}
		}
		if rest, ok := strings.CutPrefix(line, "mw-changed "); ok {
			age, name, _ := strings.Cut(rest, " ")
			if t := ago(age); t.After(changed) {
				changed, file = t, hosts.CleanLine(name)
			}
		}
	}
	return loaded, changed, file
}

// ParseNginx reads the answer of the nginx section.
func ParseNginx(data []byte) (hosts.Nginx, error) {
	head, dump, ok := strings.Cut(string(data), configMark)
	if !ok {
		return hosts.Nginx{}, errors.New("the answer is not complete")
	}
	version, notes := "", ""
	for line := range strings.Lines(head + "\n") {
		if v, ok := strings.CutPrefix(line, "mw-version "); ok {
			version = v
		}
		if note, ok := strings.CutPrefix(line, "mw-note "); ok {
			notes += note
		}
	}
	n := read.Instance("", "", version, dump, notes)
	if n.Config == nil {
		return n, errors.New(n.Error)
	}
	return n, nil
}

const configMark = "\nmw-config\n"

// redactNginx masks secrets in the configuration, line for line.
func redactNginx(data []byte) []byte { return []byte(redact.Nginx(string(data))) }
