package catalog

import (
	"slices"

	"midwatch/checks"
	"midwatch/checks/composerules"
	"midwatch/checks/envoyrules"
	"midwatch/checks/hostrules"
	"midwatch/checks/nginxrules"
)

// All lists every check, in the order of their packages.
func All() []checks.Check {
	return slices.Concat(nginxrules.All(), composerules.All(), envoyrules.All(), hostrules.All())
}
