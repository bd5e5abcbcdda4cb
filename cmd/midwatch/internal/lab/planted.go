//go:build lab

package lab

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// planted makes a secret for every place of the picture that holds one, each of its own, so that what
// leaks tells where from.
func planted() map[string]string {
	out := map[string]string{}
	for _, place := range []string{
		"CONTAINERENV", "ENVURL", "LABEL", "LABELURL", "UNITENV", "UNITEXEC", "ENVFILE", "COMPOSEENV", "COMPOSEURL",
		"NGINXURL", "NGINXAUTH", "NGINXKEY", "EDGEAUTH", "PROBE",
	} {
		out[place] = "Sx9+" + strings.ToLower(place) + "=Qz7"
	}
	// In the user part of a URL these would be written in another way.
	for _, place := range []string{"ENVURL", "LABELURL", "COMPOSEURL", "NGINXURL"} {
		out[place] = "Sx9" + strings.ToLower(place) + "Qz7"
	}
	return out
}

// secretFiles are files of h1 that hold secrets beside those of the picture.
var secretFiles = map[string]string{
	"/etc/labpic/unit.env": "ANYTHING=@ENVFILE@\n# OLD=@ENVFILE@\nexport URL='https://bob:@ENVURL@@other.test/'\n",
	"/etc/labpic/compose.yml": `services:
  api1:
    image: lab/svc:1
    environment:
      PLAIN: "@COMPOSEENV@"
      LIST_PASSWORD: @COMPOSEENV@
    labels:
      - "app.upstream=https://bob:@COMPOSEURL@@other.test/"
    command: ["serve", "--token", "@COMPOSEENV@"]
`,
}

// forms are the ways a secret may be written in.
func forms(secret string) map[string]string {
	out := map[string]string{
		"as it is": secret, "in hex": hex.EncodeToString([]byte(secret)), "URL-encoded": url.QueryEscape(secret),
		"path-encoded": url.PathEscape(secret), "as JSON": strings.ReplaceAll(secret, "+", "\\u002b"),
	}
	for skip := range 3 { // inside a longer base64 text it begins at one of three places
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", skip) + secret))
		first, last := (skip*8+5)/6, len(secret)*8/6-2
		out[fmt.Sprintf("in base64 at %d", skip)] = enc[first : first+last]
		out[fmt.Sprintf("in URL base64 at %d", skip)] = strings.NewReplacer("+", "-", "/", "_").Replace(enc[first : first+last])
	}
	return out
}
