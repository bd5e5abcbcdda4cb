// Package nginxrules holds the checks about configurations of nginx, whether they come from a host or
// from a file. One rule is one file; its samples are in testdata/ID.
package nginxrules

import "midwatch/checks"

// All lists the rules.
func All() []checks.Check {
	return []checks.Check{
		xfpOverwritten(),
		xfpMissing(),
		xfpPassthrough(),
		hardcodedUpgrade(),
		missingUpgrade(),
		websocketHTTP10(),
		setHeaderDrop(),
		sseBuffered(),
		staleDNS(),
		maxConns(),
		workerCount(),
		socketUnusable(),
		keepaliveIneffective(),
		websocketIdle(),
		noResolver(),
		hostNotFound(),
		resolverExternal(),
		timeouts504(),
		upstreamAllDown(),
		bodyTooLarge(),
		confNotLive(),
		conflictingName(),
		listenShadow(),
		defaultServer(),
		locationShadowed(),
		proxyPassURI(),
		grpcH2(),
		obsoleteSSLOn(),
		workerLimits(),
		selfRedirect(),
		invalidName(),
		forwardedForTrust(),
		tlsRenewal(),
		ifIsEvil(),
		aliasTraversal(),
		addHeaderDrop(),
		hostSpoofing(),
		httpSplitting(),
		ssrf(),
		validReferersNone(),
		originsRegex(),
		allowWithoutDeny(),
		versionDisclosure(),
		addHeaderContentType(),
	}
}
