package step

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"midwatch/hosts"
)

// fileState is what lies at a path of a machine.
type fileState struct {
	Path     string `json:"path"`
	Type     string `json:"type"` // "absent", "file", "dir", "link", "other"
	Mode     uint32 `json:"mode"` // permission bits with set-id and sticky
	UID, GID int
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256,omitempty"`
	Link     string `json:"link,omitempty"`
	Attrs    string `json:"attrs,omitempty"` // extended attributes as getfattr prints them, "" also where it is missing
	NoParent bool   `json:"no_parent,omitempty"`
}

func (s fileState) exists() bool { return s.Type != "absent" }

// same reports that two states are equal in all that an undo has to bring back.
func (s fileState) same(o fileState) bool { return s.differs(o) == "" }

// differs says in which way o is not s, "" when it is.
func (s fileState) differs(o fileState) string {
	switch {
	case s.Type != o.Type:
		return fmt.Sprintf("is %s, was %s", word(o), word(s))
	case s.Type == "absent":
		return ""
	case s.Link != o.Link:
		return fmt.Sprintf("points at %s, not %s", hosts.CleanLine(o.Link), hosts.CleanLine(s.Link))
	case s.SHA256 != o.SHA256:
		return "has another content"
	case s.Mode != o.Mode && s.Type != "link":
		return fmt.Sprintf("has mode %04o, not %04o", o.Mode, s.Mode)
	case s.UID != o.UID || s.GID != o.GID:
		return fmt.Sprintf("belongs to %d:%d, not %d:%d", o.UID, o.GID, s.UID, s.GID)
	case s.Attrs != o.Attrs:
		return "has other extended attributes"
	}
	return ""
}

func word(s fileState) string {
	return map[string]string{"absent": "absent", "file": "a file", "dir": "a directory", "link": "a symlink"}[s.Type]
}

const scriptLook = `d=$(dirname -- "$1")
[ -d "$d" ] || { echo noparent; exit 0; }
[ -x "$d" ] || { echo "$d: Permission denied" >&2; exit 5; }
[ -e "$1" ] || [ -L "$1" ] || { echo absent; exit 0; }
stat -c '%f %u %g %s' -- "$1" || exit 3
if [ -L "$1" ]; then readlink -- "$1"; exit 0; fi
if [ -f "$1" ]; then sha256sum <"$1" || exit 4; else echo -; fi
if command -v getfattr >/dev/null 2>&1; then getfattr --absolute-names -h -d -m - -- "$1" 2>/dev/null | grep -v '^#' | sort; fi
exit 0`

// lookFile reads what lies at a path. It follows no symlink.
func (m machine) lookFile(ctx context.Context, p string) (fileState, error) {
	out, err := m.script(ctx, "look at "+p, nil, scriptLook, p)
	if err != nil {
		return fileState{}, err
	}
	s := fileState{Path: p, Type: "absent"}
	lines := strings.SplitN(strings.TrimSuffix(out, "\n"), "\n", 3)
	switch lines[0] {
	case "noparent":
		s.NoParent = true
		return s, nil
	case "absent":
		return s, nil
	}
	if err := s.parseStat(lines[0]); err != nil {
		return s, fmt.Errorf("%s: look at %s: %w", m.name, p, err)
	}
	if len(lines) < 2 {
		return s, fmt.Errorf("%s: look at %s: the answer is cut", m.name, p)
	}
	switch s.Type {
	case "link":
		s.Link = strings.Join(lines[1:], "\n")
	case "file":
		s.SHA256, _, _ = strings.Cut(lines[1], " ")
		if len(s.SHA256) != 64 {
			return s, fmt.Errorf("%s: look at %s: %q is no SHA-256", m.name, p, hosts.CleanLine(s.SHA256))
		}
	}
	if len(lines) == 3 && s.Type != "link" {
		s.Attrs = strings.TrimSpace(lines[2])
	}
	return s, nil
}

// The file types of st_mode.
const (
	typeMask = 0o170000
	typeDir  = 0o040000
	typeFile = 0o100000
	typeLink = 0o120000
)

// parseStat reads "mode(hex) uid gid size".
func (s *fileState) parseStat(line string) error {
	var raw uint32
	if _, err := fmt.Sscanf(line, "%x %d %d %d", &raw, &s.UID, &s.GID, &s.Size); err != nil {
		return fmt.Errorf("%q is not what stat prints", hosts.CleanLine(line))
	}
	s.Mode = raw & 0o7777
	switch raw & typeMask {
	case typeDir:
		s.Type = "dir"
	case typeFile:
		s.Type = "file"
	case typeLink:
		s.Type = "link"
	default:
		s.Type = "other"
	}
	if s.Type != "file" {
		s.Size = 0
	}
	return nil
}

// readFile returns a file's content, at most limit bytes.
func (m machine) readFile(ctx context.Context, p string, limit int64) ([]byte, error) {
	res, err := m.exec(ctx, hosts.Cmd{Argv: []string{"cat", "--", p}, Timeout: scriptTime, Limit: limit})
	switch {
	case err != nil:
		return nil, err
	case res.Exit != 0:
		return nil, m.explain(&failure{m.name, "read " + p, res})
	case res.Truncated:
		return nil, fmt.Errorf("%s: read %s: larger than %d bytes", m.name, p, limit)
	}
	return res.Stdout, nil
}

// saveFile copies a file with everything that belongs to it (mode, owner, times, extended attributes) to a
// path on the same machine, durable when it returns.
func (m machine) saveFile(ctx context.Context, p, to string) error {
	_, err := m.script(ctx, "save "+p, nil, `umask 077; rm -f -- "$2.tmp"; cp -a -- "$1" "$2.tmp" || exit 1
sync "$2.tmp" 2>/dev/null || sync; mv -f -- "$2.tmp" "$2" && { sync "$(dirname -- "$2")" 2>/dev/null || sync; }`, p, to)
	return err
}

// newFile is a file to be put in place.
type newFile struct {
	Path    string
	Content []byte
	Mode    uint32
	Owner   string // "user:group", names or numbers; "" as it is, or the login's
	InPlace bool   // written into the same inode
	Was     string // SHA-256 it must have at the last moment, "absent", or "" for whatever it has
}

// candidate is where the next content of a file waits: beside it, under a name that include patterns of
// configurations do not take.
func candidate(p, run string) string {
	return path.Join(path.Dir(p), ".midwatch-"+plainName(run)+"-"+plainName(path.Base(p))+"~")
}

// plainName makes a name of letters, digits, dots and dashes.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '-'
	}, s)
}

// The content is counted: a connection that is cut looks like its end.
const scriptStage = `umask 077
rm -f -- "$2"
if [ -f "$1" ]; then cp -a -- "$1" "$2" && chmod 600 -- "$2" || { rm -f -- "$2"; exit 21; }; fi
cat >"$2" || { rm -f -- "$2"; exit 22; }
[ "$(wc -c <"$2")" -eq "$3" ] || { rm -f -- "$2"; echo "the content came incomplete" >&2; exit 23; }
if [ -n "$5" ]; then chown -- "$5" "$2" || { rm -f -- "$2"; exit 24; }; fi
chmod -- "$4" "$2" || { rm -f -- "$2"; exit 25; }
sync "$2" 2>/dev/null || sync`

// stageFile writes the candidate of a file with the attributes it will have and returns its path.
func (m machine) stageFile(ctx context.Context, f newFile, run string) (string, error) {
	tmp := candidate(f.Path, run)
	_, err := m.script(ctx, "write "+f.Path, bytes.NewReader(f.Content), scriptStage,
		f.Path, tmp, strconv.Itoa(len(f.Content)), fmt.Sprintf("%04o", f.Mode), f.Owner)
	return tmp, err
}

const scriptPlace = `case "$3" in
absent) if [ -e "$1" ] || [ -L "$1" ]; then rm -f -- "$2"; exit 31; fi ;;
?*) [ "$(sha256sum <"$1" | cut -c1-64)" = "$3" ] || { rm -f -- "$2"; exit 31; } ;;
esac
if [ -d "$1" ]; then rm -f -- "$2"; echo "is a directory" >&2; exit 32; fi
if [ "$4" = yes ] && [ -e "$1" ]; then
	cat -- "$2" >"$1" && chown -- "$(stat -c %u:%g -- "$2")" "$1" && chmod -- "$5" "$1" && touch -r "$2" -- "$1" || exit 33
	rm -f -- "$2"
	sync "$1" 2>/dev/null || sync
else
	mv -f -- "$2" "$1" || exit 34
fi
sync "$(dirname -- "$1")" 2>/dev/null || sync`

// exitChanged is scriptPlace's word for a file that is not what it was.
const exitChanged = 31

// placeFile puts a candidate where it belongs: renamed over the file, or written into it.
func (m machine) placeFile(ctx context.Context, f newFile, tmp string) error {
	in := "no"
	if f.InPlace {
		in = "yes"
	}
	_, err := m.script(ctx, "put "+f.Path, nil, scriptPlace, f.Path, tmp, f.Was, in, fmt.Sprintf("%04o", f.Mode))
	if exitOf(err) == exitChanged {
		return refused("%s: %s was changed by someone else since the plan: look at it and plan again", m.name, f.Path)
	}
	return err
}

// restoreFile puts a copy that saveFile made back, with all that belongs to it.
func (m machine) restoreFile(ctx context.Context, p, saved, run string, inPlace bool) error {
	tmp, in := candidate(p, run), "no"
	if inPlace {
		in = "yes"
	}
	_, err := m.script(ctx, "restore "+p, nil, `umask 077; rm -f -- "$2"; cp -a -- "$3" "$2" || exit 1
if [ "$4" = yes ] && [ -e "$1" ]; then
	cat -- "$2" >"$1" && chown -- "$(stat -c %u:%g -- "$2")" "$1" && chmod -- "$(stat -c %a -- "$2")" "$1" && touch -r "$2" -- "$1" || exit 1
	rm -f -- "$2"
	sync "$1" 2>/dev/null || sync
else
	if [ -d "$1" ] && [ ! -L "$1" ]; then rm -f -- "$2"; echo "is a directory" >&2; exit 1; fi
	sync "$2" 2>/dev/null || sync
	mv -f -- "$2" "$1" || exit 1
fi
sync "$(dirname -- "$1")" 2>/dev/null || sync`, p, tmp, saved, in)
	return err
}

// removeFile removes a file; one that is not there is no error.
func (m machine) removeFile(ctx context.Context, p string) error {
	_, err := m.script(ctx, "remove "+p, nil, `rm -f -- "$1" && { sync "$(dirname -- "$1")" 2>/dev/null || sync; }`, p)
	return err
}
