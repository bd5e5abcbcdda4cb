package worlds

import (
	"time"

	"midwatch/hosts/demo/sim"
	"midwatch/hosts/demo/vfs"
)

// logFile is a log that a server writes into a file of the host. The site's lock guards it.
type logFile struct {
	s    *sim.Site
	text []byte // only ever grows, so that readers may keep what they were given
}

// logFileMax is when a log begins anew, as logrotate's copytruncate does.
const logFileMax = 2 * mib

func newLogFile(h *sim.Host, name string) *logFile {
	l := &logFile{s: h.Site}
	h.FS.Put(name, vfs.Node{Mode: 0o640, Owner: "www-data", Group: "adm", MTime: h.Site.Now(), Gen: func() []byte {
		l.s.Lock()
		defer l.s.Unlock()
		return l.text[:len(l.text):len(l.text)]
	}})
	return l
}

// add writes a line, at its moment when that is still to come.
func (l *logFile) add(at time.Time, line string) {
	if at.After(l.s.Now()) {
		l.s.At(at, func(now time.Time) { l.add(now, line) })
		return
	}
	if len(l.text) > logFileMax {
		l.text = nil
	}
	l.text = append(append(l.text, line...), '\n')
}
