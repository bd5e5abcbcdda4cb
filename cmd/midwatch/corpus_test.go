package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"midwatch/checks"
	"midwatch/checks/catalog"
	"midwatch/checks/lint"
)

// The corpus is real files with labels, kept outside the tree: MIDWATCH_CORPUS, or the folder "corpus"
// of what is shared beside it. `make corpus` prints how well the checks agree with it.

// labelled is one label of the corpus and how it is read off findings. Both sides are sets of items;
// an item is a class of the file ("hard-coded-upgrade") or an object in it ("db", "api->db").
type labelled struct {
	column string
	kind   lint.Kind
	want   func(label string) []string
	got    func(fs []checks.Finding) []string
}

func corpusDir(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("MIDWATCH_CORPUS"), filepath.Join("..", "..", "..", "shared", "corpus")} {
		if _, err := os.Stat(filepath.Join(dir, "INDEX.tsv")); dir != "" && err == nil {
			return dir
		}
	}
	t.Skip("no corpus here: MIDWATCH_CORPUS names its folder")
	return ""
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	dir := corpusDir(t)
	rows := readTSV(t, filepath.Join(dir, "INDEX.tsv"))
	byFile := map[string][]checks.Finding{}
	for _, row := range rows {
		byFile[row["file"]] = lintCorpus(t, dir, row["file"], "", catalog.All())
	}
	var report strings.Builder
	fmt.Fprintf(&report, "%-22s %6s %6s %6s %9s %9s\n", "label", "agree", "extra", "missed", "precision", "recall")
	var notes []string
	for _, l := range labels() {
		var s score
		for _, row := range rows {
			if lint.Kind(row["kind"]) != l.kind || row[l.column] == "-" || row[l.column] == "parse-error" {
				continue
			}
			notes = append(notes, s.add(l.column+" "+row["file"], l.want(row[l.column]), l.got(byFile[row["file"]]), row["why"])...)
		}
		s.line(&report, l.column)
		if s.precision() < wanted || s.recall() < wanted {
			t.Errorf("%s: precision %.3f, recall %.3f, want %.2f of both", l.column, s.precision(), s.recall(), wanted)
		}
	}
	pairs, pairNotes := scorePairs(t, dir, rows)
	pairs.line(&report, "compose-port-pairs")
	if pairs.precision() < wanted || pairs.recall() < wanted {
		t.Errorf("port pairs: precision %.3f, recall %.3f, want %.2f of both", pairs.precision(), pairs.recall(), wanted)
	}
	t.Logf("\n%s\ndisagreements:\n%s", report.String(), strings.Join(append(notes, pairNotes...), "\n"))
}

// wanted is the least precision and recall of every label.
const wanted = 0.95

// score counts items.
type score struct{ agree, extra, missed int }

func (s *score) precision() float64 { return ratio(s.agree, s.agree+s.extra) }
func (s *score) recall() float64    { return ratio(s.agree, s.agree+s.missed) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

func (s *score) line(b *strings.Builder, name string) {
	fmt.Fprintf(b, "%-22s %6d %6d %6d %9.3f %9.3f\n", name, s.agree, s.extra, s.missed, s.precision(), s.recall())
}

// add compares the items of one file and tells where the two differ.
func (s *score) add(where string, want, got []string, why string) []string {
	var notes []string
	for _, w := range want {
		// A label that is ambiguous says what else may be accepted.
		other := slices.IndexFunc(got, func(g string) bool { return !slices.Contains(want, g) && strings.Contains(why, "accept "+g) })
		if slices.Contains(got, w) || other >= 0 {
			s.agree++
			if other >= 0 {
				got = slices.Delete(slices.Clone(got), other, other+1)
			}
			continue
		}
		s.missed++
		notes = append(notes, fmt.Sprintf("missed %s: %s (label says: %s)", where, w, why))
	}
	for _, g := range got {
		if !slices.Contains(want, g) {
			s.extra++
			notes = append(notes, fmt.Sprintf("extra  %s: %s (label says: %s)", where, g, why))
		}
	}
	return notes
}

func readTSV(t *testing.T, file string) []map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	head := strings.Split(lines[0], "\t")
	var out []map[string]string
	for _, l := range lines[1:] {
		row := map[string]string{}
		for i, cell := range strings.Split(l, "\t") {
			row[head[i]] = cell
		}
		out = append(out, row)
	}
	return out
}

func lintCorpus(t *testing.T, dir, file, live string, list []checks.Check) []checks.Finding {
	t.Helper()
	a := &app{}
	o := lint.Options{Now: time.Unix(0, 0), Env: dotEnv, Include: findInclude}
	if live != "" {
		o.Live = []lint.File{a.lintFile(filepath.Join(dir, "compose", live))}
	}
	w, looked := lint.Load([]lint.File{a.lintFile(filepath.Join(dir, file))}, o)
	for _, k := range looked {
		if k.Error != "" {
			t.Logf("%s: %s", file, k.Error)
		}
	}
	return checks.Run(w, list, checks.Options{}).Shown()
}

// scorePairs deploys each compose file while each earlier one is live.
func scorePairs(t *testing.T, dir string, rows []map[string]string) (score, []string) {
	t.Helper()
	expected := map[string]string{}
	for _, row := range readTSV(t, filepath.Join(dir, "compose-port-pairs.tsv")) {
		expected[row["live"]+" "+row["deploy"]] = row["bindings"]
	}
	var files []string
	for _, row := range rows {
		if row["kind"] == "compose" {
			files = append(files, filepath.Base(row["file"]))
		}
	}
	slices.Sort(files)
	list, _ := catalog.Select(catalog.All(), "port-collision-deploy")
	var s score
	var notes []string
	for i, deploy := range files {
		for _, live := range files[:i] {
			var want, got []string
			for b := range strings.SplitSeq(expected[live+" "+deploy], ",") {
				if port, _, _ := strings.Cut(b, "("); port != "" {
					want = add(want, port)
				}
			}
			for _, f := range lintCorpus(t, dir, "compose/"+deploy, live, list) {
				if port, _, ok := strings.Cut(f.Key, " live "); ok {
					got = add(got, port)
				}
			}
			notes = append(notes, s.add(live+" then "+deploy, want, got, "")...)
		}
	}
	return s, notes
}

func add(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// classes splits a label such as "ok+missing-xfp" and keeps what is a fault.
func classes(faults ...string) func(string) []string {
	return func(label string) []string {
		var out []string
		for c := range strings.SplitSeq(label, "+") {
			if slices.Contains(faults, c) {
				out = append(out, c)
			}
		}
		return out
	}
}

// items splits a list of objects, each cut by trim.
func items(trim func(string) string) func(string) []string {
	return func(label string) []string {
		var out []string
		for x := range strings.SplitSeq(label, ",") {
			if x = trim(strings.TrimSpace(x)); x != "" && x != "no" && x != "profile-exclusive" {
				out = add(out, x)
			}
		}
		return out
	}
}

func upToColon(s string) string {
	s, _, _ = strings.Cut(s, ":")
	return strings.TrimSuffix(s, "(build)")
}

// class gives one class for a check, when it has any finding that keep takes.
func class(name, id string, keep func(f checks.Finding) bool) func([]checks.Finding) []string {
	return func(fs []checks.Finding) []string {
		if slices.ContainsFunc(fs, func(f checks.Finding) bool { return f.Check == id && (keep == nil || keep(f)) }) {
			return []string{name}
		}
		return nil
	}
}

// objects gives the services or volumes that a check names.
func objects(id string, keep func(f checks.Finding) bool, name func(f checks.Finding) string) func([]checks.Finding) []string {
	return func(fs []checks.Finding) []string {
		var out []string
		for _, f := range fs {
			if f.Check == id && (keep == nil || keep(f)) {
				out = add(out, name(f))
			}
		}
		return out
	}
}

// object is the last word of a finding's object: "db" of "service db".
func object(f checks.Finding) string { return f.Object[strings.LastIndexByte(f.Object, ' ')+1:] }

func anyOf(ask ...func([]checks.Finding) []string) func([]checks.Finding) []string {
	return func(fs []checks.Finding) []string {
		var out []string
		for _, a := range ask {
			out = append(out, a(fs)...)
		}
		return out
	}
}

// upgradeClass is the one class a file has: the incident before the note before the missing header.
func upgradeClass(fs []checks.Finding) []string {
	const id = "nginx-hardcoded-connection-upgrade"
	for _, ask := range []func([]checks.Finding) []string{
		class("hard-coded-upgrade", id, func(f checks.Finding) bool { return f.Severity >= checks.Warning }),
		class("hard-coded-ws-path", id, nil),
		class("missing", "nginx-websocket-missing-upgrade", nil),
		class("missing", "nginx-websocket-http10", nil),
	} {
		if got := ask(fs); got != nil {
			return got
		}
	}
	return nil
}

func labels() []labelled {
	keyIs := func(keys ...string) func(checks.Finding) bool {
		return func(f checks.Finding) bool { return slices.Contains(keys, strings.SplitN(f.Key, "#", 2)[0]) }
	}
	return []labelled{
		{column: "upgrade_header", kind: lint.KindNginx, want: classes("hard-coded-upgrade", "hard-coded-ws-path", "missing"), got: upgradeClass},
		{
			column: "redirect_scheme", kind: lint.KindNginx, want: classes("hard-coded-scheme", "missing-xfp"),
			got: anyOf(class("hard-coded-scheme", "xfp-overwritten-behind-tls-proxy", nil), class("missing-xfp", "xfp-missing-at-tls-edge", nil)),
		},
		{column: "sse_buffering", kind: lint.KindNginx, want: classes("buffered"), got: class("buffered", "nginx-sse-buffered", nil)},
		{column: "inherit_drop", kind: lint.KindNginx, want: classes("yes"), got: class("yes", "nginx-proxy-set-header-drop", nil)},
		{column: "stale_dns", kind: lint.KindNginx, want: classes("yes"), got: class("yes", "nginx-stale-upstream-dns", nil)},
		{column: "latest_tag", kind: lint.KindCompose, want: items(upToColon), got: objects("image-latest-or-untagged", keyIs("latest", "untagged", "built"), object)},
		{column: "floating_tag", kind: lint.KindCompose, want: items(upToColon), got: objects("image-latest-or-untagged", keyIs("floating"), object)},
		{column: "nfs_volume", kind: lint.KindCompose, want: items(upToColon), got: objects("volume-on-network-fs", nil, object)},
		{
			column: "embedded_db_on_netfs", kind: lint.KindCompose, want: func(label string) []string {
				if strings.HasPrefix(label, "yes") {
					return []string{"yes"}
				}
				return nil
			},
			got: func(fs []checks.Finding) []string {
				embedded := func(f checks.Finding) bool { return f.Severity >= checks.Warning }
				return add2(class("yes", "sqlite-on-network-fs", embedded)(fs), class("yes", "embedded-db-on-netfs", embedded)(fs))
			},
		},
		{
			column: "duplicate_host_port", kind: lint.KindCompose, want: items(func(s string) string { return s }),
			got: objects("port-collision-deploy", func(f checks.Finding) bool { return f.Severity >= checks.Error }, func(f checks.Finding) string { return f.Key }),
		},
		{column: "published_internal", kind: lint.KindCompose, want: items(upToColon), got: objects("internal-service-published", nil, object)},
		{
			column: "weak_depends", kind: lint.KindCompose, want: items(func(s string) string { return s }),
			got: anyOf(
				objects("weak-depends-on", nil, func(f checks.Finding) string { return object(f) + "->" + f.Key }),
				objects("depends-on-undefined", nil, func(f checks.Finding) string { return "undefined:" + object(f) + "->" + f.Key }),
			),
		},
	}
}

func add2(a, b []string) []string {
	for _, s := range b {
		a = add(a, s)
	}
	return a
}
