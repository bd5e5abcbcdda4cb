package step

import (
	"crypto/sha256"
	"encoding/hex"
)

// digest is the SHA-256 of content, in hex.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
