# midwatch. `make help` lists the targets; README.md tells what they need.

.DEFAULT_GOAL := help
.PHONY: help build run demo test race lint lint-install fmt golden docs bench cover corpus lab-up lab-test lab-down lab ci clean

GO       ?= go
CACHE    := $(shell printf %s "$${XDG_CACHE_HOME:-$${HOME:-/tmp}/.cache}")/midwatch
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
BIN      := bin/midwatch

# One way of compiling for the binary, the tests and the linter: they share the build cache, and the
# binary is static. Only the race detector needs C.
export CGO_ENABLED := 0

# The linter is built from its module with our own Go, once per version of either, outside the tree.
LINT_VERSION := v2.15.0
LINT_DIR     = $(CACHE)/golangci-lint-$(LINT_VERSION)-$(shell $(GO) env GOVERSION)
LINT         = $(LINT_DIR)/golangci-lint

# Packages whose tests know golden files: only those have the -update flag.
GOLDEN_PKGS = $(shell $(GO) list -test -f '{{.ForTest}} {{.Deps}}' ./... | grep x/exp/golden | cut -d' ' -f1 | sort -u)

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/midwatch, one static binary
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/midwatch

run: build ## the console on your own inventory; without one, on this machine
	./$(BIN)

demo: build ## the console on the embedded demo fleet; needs nothing else
	./$(BIN) demo

test: ## all tests that need no Docker, no root and no network
	$(GO) test ./...

race: ## the same tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race ./...

lint: $(LINT_DIR)/.built ## golangci-lint with our rules; installs it in the cache directory first
	$(LINT) run ./...

lint-install: $(LINT_DIR)/.built ## only install the linter

$(LINT_DIR)/.built:
	mkdir -p $(LINT_DIR)
	GOBIN=$(LINT_DIR) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	touch $@

fmt: $(LINT_DIR)/.built ## gofumpt and goimports, in place
	$(LINT) fmt ./...

golden: ## rewrite the golden files; read the diff like code
	$(GO) test $(GOLDEN_PKGS) -update

docs: ## rewrite the parts of README.md that come from the code
	MIDWATCH_UPDATE_DOCS=1 $(GO) test -count=1 -run TestReadme ./cmd/midwatch

bench: ## benchmarks with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

cover: ## test coverage, total and per function, in bin/cover.out
	mkdir -p bin
	$(GO) test -coverprofile=bin/cover.out ./...
	$(GO) tool cover -func=bin/cover.out | tail -1

corpus: ## how well the checks agree with the labelled files of MIDWATCH_CORPUS
	$(GO) test -count=1 -v -run TestCorpus ./cmd/midwatch

lab-up: ## start the lab: real hosts as containers (root, Docker, debootstrap)
	testdata/lab/lab.sh up

lab-test: build ## run the lab tests against bin/midwatch; needs lab-up
	MIDWATCH_LAB="$$(testdata/lab/lab.sh state)" MIDWATCH_BIN="$(CURDIR)/$(BIN)" \
		$(GO) test -tags lab -count=1 -v -timeout 55m ./cmd/midwatch/internal/lab/...

lab-down: ## stop the lab and remove everything it made
	testdata/lab/lab.sh down

lab: ## lab-up, lab-test and lab-down in one
	$(MAKE) lab-up
	$(MAKE) lab-test; s=$$?; $(MAKE) lab-down; exit $$s

ci: ## what CI runs: tests, lint, race, lab
	.ci/run

clean: ## remove what was built in the tree
	rm -rf bin dist
