package collect

import (
	"errors"
	"path"
	"strings"
	"time"

	"midwatch/hosts"
)

// AgentSection reads the version of a self-updating agent from its VERSION file, and whether a
// process of the agent's folder runs. It is not in All: the inventory says which hosts have agents.
func AgentSection(name, versionFile string) Section {
	id := "agent." + name
	return Section{
		ID: id, Title: "version of agent " + name, Source: "cat " + versionFile, Root: RootHelps,
		Script: shellGone + `p=` + quote(versionFile) + `; d=` + quote(path.Dir(versionFile)) + `
if mw_gone "$p"; then echo "$p does not exist" >&2; exit 1; fi
[ -r "$p" ] || { echo "$p is not readable" >&2; exit 1; }
printf 'mw-version %s\n' "$(head -c 200 "$p" | head -n 1)"
case $d in /) exit 0;; esac
grep -lsF "$d/" /proc/[0-9]*/cmdline | grep -vE "^/proc/(self|$$|$PPID)/" | head -n 3 | sed 's/^/mw-process /'
exit 0`,
		// With the others that may want root: each of its uses is a line in the host's log.
		Every: 5 * time.Minute,
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			a, err := ParseAgent(ev.Data)
			if err != nil {
				return err
			}
			a.Name, a.Path = name, versionFile
			list := []hosts.Agent{a}
			for _, old := range f.Agents.Value {
				if old.Name != name {
					list = append(list, old)
				}
			}
			f.Agents = hosts.Read(list, ev.Source, ev.At)
			return nil
		},
		Fail: func(f *hosts.HostFacts, ev hosts.Evidence) {
			f.Agents = f.Agents.Failed(ev.Error, ev.Needs, ev.Source, ev.At)
		},
	}
}

// ParseAgent reads the answer of an agent section.
func ParseAgent(data []byte) (hosts.Agent, error) {
	var a hosts.Agent
	for line := range lines(data) {
		if v, ok := strings.CutPrefix(line, "mw-version "); ok && a.Version == "" {
			a.Version = strings.TrimSpace(v)
		}
		a.Running = a.Running || strings.HasPrefix(line, "mw-process ")
	}
	if a.Version == "" {
		return a, errors.New("the version file is empty")
	}
	return a, nil
}
