// Package mend forms, from a finding and the facts it was found in, the change that takes the finding away:
// the new text of a file, the unit to start, the cluster to send to a control plane.
//
// It is pure. It changes nothing and promises nothing: whoever carries a Mend out compares the file with
// the text the Mend was made from, keeps the way back, and asks the check again afterwards. A finding whose
// mend cannot be formed from the facts with certainty gets a reason instead.
package mend
