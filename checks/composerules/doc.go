// Package composerules holds the checks about compose files and about what was deployed from them:
// images, ports, dependencies, volumes. One rule is one file; its samples are in testdata/ID.
package composerules

import "midwatch/checks"

// All lists the rules.
func All() []checks.Check {
	return []checks.Check{
		envInContext(),
		latestImage(),
		mergeSurprise(),
		networkMissing(),
		privileged(),
		internalPublished(),
		dependsUndefined(),
		missingHealthcheck(),
		networkVolume(),
		portCollision(),
		sqliteOnNetFS(),
		embeddedOnNetFS(),
		serverOnNetFS(),
		envUnset(),
		loopbackDefault(),
		outboxEphemeral(),
		logNoRotation(),
		dockerSocket(),
		swarmStateful(),
		swarmMigrations(),
		swarmNoHealthcheck(),
		swarmIgnored(),
		swarmRestart(),
		weakDependsOn(),
	}
}
