// Package hostrules holds the checks about what a snapshot of the fleet tells beside configurations:
// containers, units, disks, clocks, swarm, certificates, logs. Rules of one area share a file; their
// samples are in testdata/ID.
package hostrules

import "midwatch/checks"

// All lists the rules.
func All() []checks.Check {
	return []checks.Check{
		diskFull(), inodeFull(), readOnlyMount(), clockSkew(), memoryPressure(), hostDisconnected(),
		containerOOM(), restartLoop(), deadOrCreated(), healthcheckBroken(), portGrab(), networkAlias(), composeDrift(),
		systemdDraining(), systemdStartLimit(), systemdRestartStorm(), systemdFailed(), systemdNotEnabled(),
		walGrowth(), shmMissing(), sqliteShared(), dockerDisk(), partialDeploy(), urlList(), sharedRecordings(),
		taskPending(), swarmQuorum(), swarmUpdate(), swarmVIP(),
		shallowVsDeep(), probeFails(), agentSkew(),
		oidcEmptyClient(), oidcUnknownClient(), oidcRedirect(), sqliteLocked(), noSpace(), kernelOOM(), conntrackFull(), nfsStall(), logIncomplete(),
		uvicornForwarded(), bindLoopback(), publishedMismatch(), loopbackPublished(), circularDeploy(),
		chainProbe(), daemonReload(), systemdMasked(), timerMissed(), bypassedProcess(), wrongInstancePort(), portOwners(),
		tlsExpiry(), tlsNameMismatch(), tlsChain(),
	}
}
