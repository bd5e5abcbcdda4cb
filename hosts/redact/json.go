package redact

import (
	"bytes"
	"encoding/json"
	"strings"

	"midwatch/hosts"
)

// JSON takes secrets out of any JSON document of the API.
func JSON(doc []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber() // sizes and times must come out as they went in
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(redactValue("", v)); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

func redactValue(key string, v any) any {
	switch v := v.(type) {
	case string:
		return redactString(key, v)
	case []any:
		return redactList(key, v)
	case map[string]any:
		for k, e := range v {
			s, isText := e.(string)
			switch {
			case isText && (key == "Labels" || key == "Options" || key == "DriverOpts"):
				v[k] = Label(k, s)
			case isText && s != "" && namesSecret(k):
				v[k] = hosts.Dots
			default:
				v[k] = redactValue(k, e)
			}
		}
		return v
	default:
		return v
	}
}

// namesSecret is for keys of the API itself; SecretID and the like are names, not secrets.
func namesSecret(key string) bool {
	switch strings.ToLower(key) {
	case "password", "auth", "identitytoken", "registrytoken", "unlockkey", "jointokens", "worker_token", "manager_token":
		return true
	}
	return false
}

func redactString(key, s string) string {
	if key == "Command" {
		return strings.Join(Args(strings.Split(s, " ")), " ")
	}
	return Text(s)
}

func redactList(key string, v []any) any {
	texts := make([]string, 0, len(v))
	for _, e := range v {
		s, ok := e.(string)
		if !ok {
			texts = nil
			break
		}
		texts = append(texts, s)
	}
	switch {
	case texts == nil:
		for i := range v {
			v[i] = redactValue("", v[i])
		}
		return v
	case key == "Env":
		for i, s := range texts {
			texts[i] = Env(s)
		}
	default:
		texts = Args(texts)
	}
	for i := range v {
		v[i] = texts[i]
	}
	return v
}
