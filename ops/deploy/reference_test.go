package deploy

import (
	"strings"
	"testing"
)

func TestReference(t *testing.T) {
	t.Parallel()
	got := Reference()
	for _, want := range []string{
		"kind = \"sync\"\n  from                   text; needed\n",
		"  mode                   staged, release, inplace\n",
		"    stop_start_after     duration such as \"30s\"\n", // of systemd's drain
		"a probe\n  http                   text\n",
		"    busy                 a probe\n",
		"  checks                 list: a probe\n",
		"  env                    table: name = text, may hold secrets\n",
		"  after                  list: list: text\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	for _, k := range Kinds() {
		if !strings.Contains(got, "kind = \""+k+"\"\n") {
			t.Errorf("kind %s is missing", k)
		}
	}
}
