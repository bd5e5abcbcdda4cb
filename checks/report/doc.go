// Package report writes what checks found: as the JSON of the contract, as SARIF for code hosts, as
// Markdown for a ticket, as text for a terminal, and one page about each check. It is pure: it returns
// texts and writes nowhere. What came from hosts is cleaned here.
package report
