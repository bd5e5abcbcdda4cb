package main

import (
	"os"
	"path/filepath"
	"strings"

	"midwatch/checks/compose"
)

// buildContext looks into the folder that an image is built from: for files of secrets, and for what
// keeps them out. It is nil when the folder or its Dockerfile is not there.
func buildContext(file string, b *compose.Build) *compose.Context {
	dir := b.Context
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(file), dir)
	}
	name := b.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	recipe := name
	if !filepath.IsAbs(recipe) {
		recipe = filepath.Join(dir, name)
	}
	text, err := readFileLimited(recipe)
	if err != nil {
		return nil
	}
	c := &compose.Context{Dir: dir, Dockerfile: string(text)}
	// The one named after the Dockerfile counts before the one of the folder.
	for _, ignore := range []string{recipe + ".dockerignore", filepath.Join(dir, ".dockerignore")} {
		if text, err := readFileLimited(ignore); err == nil {
			c.IgnoreFile, c.Ignore = ignore, string(text)
			break
		}
	}
	c.EnvFiles = envFiles(dir)
	return c
}

// envFiles finds files named .env or .env.* in a folder and below, by name only.
func envFiles(dir string) []string {
	var out []string
	visited := 0
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		visited++
		switch {
		case visited > maxVisited:
			return filepath.SkipAll
		case err != nil:
			return nil
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == ".venv"):
			return filepath.SkipDir
		case d.IsDir() || d.Name() != ".env" && !strings.HasPrefix(d.Name(), ".env."):
			return nil
		}
		if rel, err := filepath.Rel(dir, p); err == nil {
			out = append(out, filepath.ToSlash(rel))
		}
		return nil
	})
	return out
}
