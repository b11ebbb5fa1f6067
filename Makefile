# HuleEdu Edge. "make" alone prints what there is.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Tools are built once per version, outside the tree.
GOLANGCI_VERSION := v2.15.0
TOOLS            := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/huleedu-edge
GOLANGCI         := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)/golangci-lint
GOVULNCHECK_VERSION := v1.9.0
GOVULNCHECK      := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck
REPORT           := $(TOOLS)/report

# A checkout that belongs to somebody else must build too.
export GOFLAGS := $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false

# Narrow a run: make test PKG=./adapters/redis RUN=Listener
PKG      ?= ./...
RUN      ?=
ARGS     ?=
FUZZTIME ?= 10s
BENCH    ?=

.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Run both services and a simulated platform (ARGS="--redis URL --kafka ADDR" for real servers)
	@exec bin/edge up $(ARGS)

.PHONY: build
build: ## Build static binaries into bin/
	@revision=$$(git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false) # --version tells it
	CGO_ENABLED=0 go build -buildvcs=$$revision -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

.PHONY: test
test: ## Run every test, race detector on, beside a real Redis and a real Kafka
	@race=-race
	if ! command -v "$$(go env CC)" >/dev/null; then
		[ "$${CI:-}" != true ] || { echo 'ERROR: the race detector needs a C compiler' >&2; exit 1; }
		echo '** SKIPPED: the race detector, there is no C compiler' >&2; race=
	fi
	mkdir -p $(TOOLS)
	go build -o $(REPORT) ./test/report
	test/servers/with.sh bash -o pipefail -c \
		"go test -json $$race -timeout 20m -count=1 $(if $(RUN),-run '$(RUN)') $(PKG) | $(REPORT)"

.PHONY: check
check: fmt-check lint wire-diff house manifests vuln licences test ## Format, lint, wire diff, house rules, manifests, vulnerabilities, licences, test: what .ci/run does

.PHONY: fmt
fmt: $(GOLANGCI) ## Format the code
	@$(GOLANGCI) fmt

.PHONY: fmt-check
fmt-check: $(GOLANGCI)
	@echo '== format'
	$(GOLANGCI) fmt --diff

.PHONY: lint
lint: $(GOLANGCI) ## Run the linters
	@echo '== lint'
	$(GOLANGCI) run

.PHONY: wire
wire: ## Generate wire/wire_gen.go from wire/inject.go
	@go tool wire gen ./wire

.PHONY: wire-diff
wire-diff: ## Check that wire_gen.go is up to date
	@echo '== wire diff'
	go tool wire diff ./wire

.PHONY: house
house: ## Check the house rules alone (layers, lengths, comments, names)
	@echo '== house rules'
	go test -count=1 ./test/arch

.PHONY: manifests
manifests: ## Check deploy/ with the libraries of its readers; a module of its own, no service links them
	@echo '== manifests'
	cd test/deploy
	go vet ./...
	go test -v -count=1 ./...

.PHONY: vuln
vuln: $(GOVULNCHECK) ## Look for known vulnerabilities of the dependencies (VULN_DB=DIR: a copy of vuln.go.dev)
	@echo '== vulnerabilities'
	test/vuln/check.sh $(GOVULNCHECK)

.PHONY: licences
licences: ## Check that every dependency has a free licence
	@echo '== licences'
	go test -count=1 ./test/licences

# What the two services are made of, and the tests that run them whole.
COVERED := ./adapters/... ./api/... ./app/... ./domain/... ./ports/... ./wire/... ./cmd/...
comma   := ,
empty   :=

.PHONY: cover
cover: ## Measure what tests and the programs in them reach of each service; under 90 % fails (5 minutes)
	@rm -rf bin/cover
	mkdir -p bin/cover/programs
	EDGE_COVER_DIR=$(CURDIR)/bin/cover/programs test/servers/with.sh go test -count=1 -timeout 20m \
		-covermode=atomic -coverpkg=$(subst $(empty) ,$(comma),$(COVERED)) -coverprofile=bin/cover/tests.out \
		$(COVERED) ./test/e2e | sed 's/\tcoverage: .*//'
	go tool covdata textfmt -i=bin/cover/programs -o bin/cover/programs.out
	go run ./test/coverage -out bin/cover/merged.out bin/cover/tests.out bin/cover/programs.out
	go tool cover -html=bin/cover/merged.out -o bin/cover.html

.PHONY: bench
bench: ## Measure against bare baselines (ARGS="sockets/fanout -quick"), or Go benchmarks (BENCH=name PKG=./adapters/jwt)
	@if [ -n '$(BENCH)' ]; then
		exec test/servers/with.sh go test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)
	fi
	exec go run ./test/bench $(ARGS)

.PHONY: fuzz
fuzz: ## Fuzz every parser for a moment (FUZZTIME=10s)
	@for package in $$(go list $(PKG)); do
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || :); do
			echo "== $$package $$target"
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"
		done
	done

.PHONY: conformance
conformance: ## Try every case of Autobahn's suite, a browser and Node (a quarter of an hour)
	@EDGE_CONFORMANCE_FULL=1 go test -v -count=1 -timeout 90m ./test/conformance

.PHONY: clean
clean: ## Remove what was built
	@rm -rf bin

$(GOLANGCI):
	@echo 'building golangci-lint $(GOLANGCI_VERSION) (once, about four minutes)'
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(GOVULNCHECK):
	@echo 'building govulncheck $(GOVULNCHECK_VERSION) (once)'
	GOBIN=$(@D) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
