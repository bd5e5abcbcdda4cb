package collect

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"midwatch/hosts"
	"midwatch/hosts/logline"
	"midwatch/hosts/redact"
)

// symptomsSection reads the lines of the last half hour's journal that speak of known troubles. The
// host itself looks for them (journalctl --grep), so that a busy journal costs a few lines; where its
// journalctl is built without that, the answer says so.
func symptomsSection() Section {
	fill, fail := part(func(f *hosts.HostFacts) *hosts.Part[[]hosts.Symptom] { return &f.Symptoms },
		func(data []byte) ([]hosts.Symptom, error) {
			if !strings.HasPrefix(string(data), "mw-symptoms") {
				return nil, errors.New("the answer is not complete")
			}
			return ParseSymptoms(data), nil
		})
	return Section{
		ID: "symptoms", Title: "known troubles in the journal",
		Source: "journalctl --since -30min --grep PATTERN", Needs: "root, or the group systemd-journal or adm", Root: RootHelps,
		Script: `command -v journalctl >/dev/null || { echo 'no journalctl on this host' >&2; exit 1; }
echo mw-symptoms
journalctl -q --no-pager -o json --since '-30min' -n 400 --grep '` + strings.ReplaceAll(logline.SymptomPattern(), `'`, `'\''`) + `' || :`,
		Limit: 8 * time.Second, Every: 5 * time.Minute, Max: 1 << 20, Watch: hosts.TopicSymptoms, Faster: 5,
		Redact: func(data []byte) []byte { return []byte(redact.Text(string(data))) },
		Fill: func(f *hosts.HostFacts, ev hosts.Evidence) error {
			if err := fill(f, ev); err != nil {
				return err
			}
			for i := range f.Symptoms.Value { // made just now: nobody else has it
				f.Symptoms.Value[i].Source.Host = f.Host.Name
			}
			return nil
		},
		Fail: fail,
	}
}

// ParseSymptoms reads the answer of the symptoms section: one JSON object of journalctl a line.
func ParseSymptoms(data []byte) []hosts.Symptom {
	var t logline.Tally
	for line := range lines(data) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var e struct {
			Message   any    `json:"MESSAGE"` // a list of numbers where it is not UTF-8
			At        string `json:"__REALTIME_TIMESTAMP"`
			Unit      string `json:"_SYSTEMD_UNIT"`
			Container string `json:"CONTAINER_NAME"`
			Ident     string `json:"SYSLOG_IDENTIFIER"`
		}
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		text, ok := e.Message.(string)
		us, err := strconv.ParseInt(e.At, 10, 64)
		if !ok || err != nil {
			continue
		}
		src := hosts.LogSource{Kind: hosts.LogUnit, Name: e.Unit}
		switch {
		case e.Container != "":
			src = hosts.LogSource{Kind: hosts.LogContainer, Name: e.Container}
		case e.Unit == "":
			src = hosts.LogSource{Kind: hosts.LogJournal, Name: e.Ident} // the kernel, journald itself
		}
		t.Add(src, time.UnixMicro(us), hosts.CleanLine(text))
	}
	return t.List()
}
