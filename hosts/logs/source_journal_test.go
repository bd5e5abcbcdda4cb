package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"midwatch/hosts"
)

func journalLine(n int, text string) string {
	return fmt.Sprintf(`{"__CURSOR":"c%d","__REALTIME_TIMESTAMP":"%d","MESSAGE":%q,"PRIORITY":"6"}`, n, time.Now().UnixMicro()+int64(n), text)
}

func TestJournalResumesByCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &script{steps: []step{
			{line: "-- Journal begins at Mon --"},
			{line: journalLine(1, "one")},
			{line: journalLine(2, "two")},
			{fail: hosts.ErrClosed},
			{line: journalLine(3, "three")},
			{line: `{"MESSAGE":"cut`},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/u": j}), hosts.LogQuery{Sources: []hosts.LogSource{unit("h", "u")}, Follow: true})
		defer s.Close()
		g := collect(t, s, 10*time.Second)
		if len(g.texts) != 4 || !slices.Equal(g.texts[:3], []string{"one", "two", "three"}) || !strings.Contains(g.texts[3], "could not be read") {
			t.Errorf("lines %q", g.texts)
		}
		if len(j.argvs) != 2 || !slices.Contains(j.argvs[1], "--after-cursor=c2") || !slices.Contains(j.argvs[1], "--no-tail") {
			t.Errorf("commands %q", j.argvs)
		}
		if want := "retrying: connection closed"; !slices.Contains(g.states["u"], want) {
			t.Errorf("states %q lack %q", g.states["u"], want)
		}
	})
}

func TestJournalDoesWithoutWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		say := func(s string) hosts.Result { return hosts.Result{Exit: 1, Stderr: []byte(s)} }
		j := &script{steps: []step{
			{fail: io.EOF, exit: say("journalctl: unrecognized option '--output-fields=MESSAGE'\n")},
			{fail: io.EOF, exit: say("Compiled without pattern matching support\n")},
			{line: journalLine(1, "a.b")},
			{line: journalLine(2, "axb")},
			{fail: io.EOF},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/u": j}), hosts.LogQuery{Sources: []hosts.LogSource{unit("h", "u")}, Grep: "a.b"})
		defer s.Close()
		g := collect(t, s, time.Minute)
		if !slices.Equal(g.texts, []string{"a.b"}) || len(j.argvs) != 3 || !g.done {
			t.Errorf("lines %q after %d commands", g.texts, len(j.argvs))
		}
		last := strings.Join(j.argvs[2], " ")
		if strings.Contains(last, "output-fields") || strings.Contains(last, "grep") {
			t.Errorf("last command %q", last)
		}
	})
}

func TestJournalLostCursorGoesOnByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &script{steps: []step{
			{line: journalLine(1, "one")},
			{fail: hosts.ErrClosed},
			{fail: io.EOF, exit: hosts.Result{Exit: 1, Stderr: []byte("Failed to seek to cursor: Invalid argument\n")}},
			{line: journalLine(5, "two")},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/u": j}), hosts.LogQuery{Sources: []hosts.LogSource{unit("h", "u")}, Follow: true})
		defer s.Close()
		g := collect(t, s, 10*time.Second)
		if len(g.texts) != 3 || g.texts[2] != "two" || g.entries[1].Kind != hosts.EntryGap || g.status["u"].Gaps != 1 || len(j.argvs) != 3 || !strings.Contains(strings.Join(j.argvs[2], " "), "--since=@") {
			t.Errorf("lines %q, commands %q", g.texts, j.argvs)
		}
	})
}

func TestJournalEnds(t *testing.T) {
	for name, c := range map[string]struct {
		res  hosts.Result
		want string
	}{
		"no match":       {hosts.Result{Exit: 1}, "ended"},
		"not installed":  {hosts.Result{Exit: 127, Stderr: []byte("sh: journalctl: command not found")}, "failed: journalctl on h: not installed on the host"},
		"not allowed":    {hosts.Result{Exit: 1, Stderr: []byte("No journal files were opened due to insufficient permissions.")}, "failed: journalctl on h: No journal files were opened due to insufficient permissions.: not permitted by the host: add the user to group systemd-journal or allow sudo"},
		"killed":         {hosts.Result{Exit: 137, Signal: "KILL"}, "failed: journalctl on h: ended by signal KILL"},
		"something else": {hosts.Result{Exit: 1, Stderr: []byte("Failed to add match: \x1b[31mx\nmore")}, "failed: journalctl on h: Failed to add match: x"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := &script{steps: []step{{fail: io.EOF, exit: c.res}}}
				s := Open(t.Context(), sources(map[string]*script{"h/u": j}), hosts.LogQuery{Sources: []hosts.LogSource{unit("h", "u")}})
				defer s.Close()
				g := collect(t, s, time.Minute)
				if st := g.states["u"]; st[len(st)-1] != c.want {
					t.Errorf("states %q, want %q", st, c.want)
				}
			})
		})
	}
}

func TestJournalRightsAreAskedOncePerHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rights := &script{notes: "Hint: You are currently not seeing messages from other users and the system.\n"}
		scripts := map[string]*script{"h/rights": rights, "h/u": {}, "h/v": {}}
		q := hosts.LogQuery{Sources: []hosts.LogSource{unit("h", "u"), unit("h", "v")}, Follow: true}
		s := Open(t.Context(), sources(scripts), q)
		g := collect(t, s, 2*time.Second)
		_ = s.Close()
		for _, name := range []string{"u", "v"} {
			if st := g.status[name]; st.State != "following" || !strings.Contains(st.Reason, "systemd-journal") {
				t.Errorf("%s: %+v", name, st)
			}
		}
		if rights.asked != 1 {
			t.Errorf("asked %d times", rights.asked)
		}
		from := sources(scripts)
		from.Sudo = func(string) bool { return true }
		s = Open(t.Context(), from, q)
		defer s.Close()
		if g := collect(t, s, 2*time.Second); g.status["u"].Reason != "" || rights.asked != 1 {
			t.Errorf("with sudo: %+v, asked %d times", g.status["u"], rights.asked)
		}
	})
}

func TestReadLineIsBounded(t *testing.T) {
	t.Parallel()
	in := "short\r\n" + strings.Repeat("x", 100) + "\n\nlast"
	br := bufio.NewReaderSize(strings.NewReader(in), 16)
	var got []string
	for {
		line, over, err := readLine(br, 40)
		if err != nil && !errors.Is(err, errPart) {
			break
		}
		got = append(got, fmt.Sprintf("%d+%d", len(line), over))
	}
	if want := []string{"5+0", "40+61", "0+0", "4+0"}; !slices.Equal(got, want) {
		t.Errorf("lines %v, want %v", got, want)
	}
}

// TestHugeJournalEntryIsSaid: an entry over the limit leaves a mark and the next one is read.
func TestHugeJournalEntryIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &script{steps: []step{
			{line: `{"MESSAGE":"` + strings.Repeat("x", maxJournalLine) + `"}`},
			{line: journalLine(1, "next")},
			{fail: io.EOF},
		}}
		s := Open(t.Context(), sources(map[string]*script{"h/u": j}), hosts.LogQuery{Sources: []hosts.LogSource{unit("h", "u")}})
		defer s.Close()
		g := collect(t, s, time.Minute)
		if len(g.texts) != 2 || !strings.Contains(g.texts[0], "left out") || g.texts[1] != "next" {
			t.Errorf("%d lines: %.80q", len(g.texts), g.texts)
		}
	})
}
