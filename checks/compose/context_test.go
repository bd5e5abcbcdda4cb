package compose

import "testing"

// What Docker itself does with these was looked up in its own tests of patterns.
func TestIgnored(t *testing.T) {
	t.Parallel()
	for _, k := range []struct {
		ignore, file string
		want         bool
	}{
		{".env", ".env", true},
		{".env", "app/.env", false},
		{"**/.env", "app/.env", true},
		{"**/.env", ".env", true},
		{"**/.env*", "a/b/.env.production", true},
		{".env*", ".env.local", true},
		{"*.env", "x.env", true},
		{"/.env", ".env", true},
		{"app", "app/.env", true},
		{"app/", "app/.env", true},
		{"*/.env", "app/.env", true},
		{"*/.env", "a/b/.env", false},
		{"**\n!.env", ".env", false},
		{"**/.env*\n!**/.env.example", "app/.env.example", false},
		{"!.env\n.env", ".env", true},
		{"# .env", ".env", false},
		{"  .env  ", ".env", true},
		{"[", ".env", false},
		{".en?", ".env", true},
	} {
		c := &Context{Ignore: k.ignore}
		if got := c.Ignored(k.file); got != k.want {
			t.Errorf("%q ignores %s: %v, want %v", k.ignore, k.file, got, k.want)
		}
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"COPY . .": true, "copy . /app": true, "ADD ./ /app/": true, `COPY ["./", "/app"]`: true, "COPY --chown=1:1 . /app": true, "COPY * /app/": true,
		"COPY --from=build . /app": false, "COPY src /app": false, "COPY package.json .": false, "# COPY . .": false, "RUN cp . x": false,
	} {
		c := &Context{Dockerfile: "FROM x\n" + line + "\n"}
		if got, _ := c.Copies(); (got != "") != want {
			t.Errorf("%s copies everything: %q, want %v", line, got, want)
		}
	}
}
