# 'make' lists the targets. All of them need Go and git; the race detector of
# 'make test' needs a C compiler too. What else they use, they fetch, pinned,
# into bin/tools.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSITYGW   := github.com/versity/versitygw/cmd/versitygw@v1.8.0

VERSION  ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null || echo v0.0.0)
COMMIT   ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
SEED     ?= 1

tools   := $(CURDIR)/bin/tools
linked  := -s -w -X s3bundler/internal/cli.version=$(VERSION) -X s3bundler/internal/cli.commit=$(COMMIT)
export PATH := $(tools):$(PATH)

##@ Using it

.PHONY: build
build: ## build every command into bin/
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(linked)' -o bin/ ./cmd/...

.PHONY: demo
demo: build ## show the whole job on this machine: an inventory becomes archives
	@go run ./internal/demo $(DEMOFLAGS)

.PHONY: images
images: ## build both images for amd64 and arm64; REGISTRY=… PUSH=1 pushes them
	@VERSION='$(VERSION)' COMMIT='$(COMMIT)' deploy/images.sh

##@ Checking it

.PHONY: test
test: format vet lint tidy stale race memory bench-short ## all that CI runs

.PHONY: format
format: ## fail if a file is not gofmt'd
	@files="$$(gofmt -l .)"; if [ -n "$$files" ]; then echo "not gofmt'd (make fmt):"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet; pairs and locations, our own types, may go without field names
	go vet -composites=false ./...

.PHONY: lint
lint: $(tools)/staticcheck ## staticcheck, as staticcheck.conf says
	staticcheck ./...

.PHONY: tidy
tidy: ## fail if go.mod or go.sum is not tidy
	go mod tidy -diff

.PHONY: stale
stale: ## fail if a generated file is not what its generator writes
	@before="$$(git ls-files -z --cached --others --exclude-standard | xargs -0 cksum 2>&1 || true)"; \
	$(MAKE) --no-print-directory generate; \
	after="$$(git ls-files -z --cached --others --exclude-standard | xargs -0 cksum 2>&1 || true)"; \
	if ! diff <(echo "$$before") <(echo "$$after"); then echo "stale: these generated files have changed; commit them"; exit 1; fi

.PHONY: race
race: $(tools)/versitygw ## all tests with the race detector, fuzz seeds and conformance included
	go test -race -timeout 30m ./...

.PHONY: memory
memory: ## how much memory s3bundler takes: the race detector would only slow the S3 it is tested with
	go test -run TestMemory ./cmd/s3bundler

.PHONY: bench-short
bench-short: bench-programs ## find out whether the benchmarks work; their figures mean nothing
	bin/bench/bench -short -bin bin/bench -out bin/bench

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZTIME (30s) each
	@for package in $$(go list ./...); do \
		for name in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$name"; \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

##@ Measuring it

.PHONY: bench
bench: bench-programs ## measure the commands beside their floors, and write results and README's figures
	bin/bench/bench -bin bin/bench -readme README.md

.PHONY: bench-programs
bench-programs:
	@mkdir -p bin/bench
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(linked)' -o bin/bench/ ./cmd/s3bundler ./cmd/s3grouper ./internal/bench/...

.PHONY: chaos
chaos: ## kill workers at every step under ten seeds, and look for every row; SEED=n begins there
	go test -v -count 1 -timeout 60m ./internal/chaos -args -chaos.seed $(SEED) -chaos.runs 10 -chaos.manifests 48

##@ Changing it

.PHONY: generate
generate: ## write the generated files anew
	go generate ./...

.PHONY: fmt
fmt: ## gofmt every file
	gofmt -w .

.PHONY: clean
clean: ## remove what make has made
	rm -rf bin demo-out

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The file's name holds no version: a changed pin rebuilds because this file
# is a prerequisite.
$(tools)/staticcheck: Makefile
	@mkdir -p $(tools)
	GOBIN=$(tools) go install $(STATICCHECK)
	@touch $@

$(tools)/versitygw: Makefile
	@mkdir -p $(tools)
	GOBIN=$(tools) go install $(VERSITYGW)
	@touch $@
