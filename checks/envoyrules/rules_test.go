package envoyrules

import (
	"testing"

	"midwatch/checks/checktest"
)

func TestSamples(t *testing.T) {
	t.Parallel()
	checktest.Run(t, All(), "testdata")
}
