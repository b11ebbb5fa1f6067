# HuleEdu Edge. "make" alone prints what there is.

ifneq ($(filter 3.%,$(MAKE_VERSION)),)
$(error GNU make 4 or newer is needed, this is $(MAKE_VERSION). On macOS: brew install make, then gmake)
endif

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
GOTESTSUM_VERSION := v1.13.0
export GOTESTSUM := $(TOOLS)/gotestsum-$(GOTESTSUM_VERSION)/gotestsum
GORELEASER_VERSION := v2.15.1
GORELEASER       := $(TOOLS)/goreleaser-$(GORELEASER_VERSION)/goreleaser
CYCLONEDX_VERSION := v1.10.0
CYCLONEDX        := $(TOOLS)/cyclonedx-gomod-$(CYCLONEDX_VERSION)/cyclonedx-gomod

# A checkout that belongs to another user must build too.
# -trimpath: clones at other paths share the build cache. nomsgpack leaves out gin's
# MessagePack codec, which no route uses: 6 MB a program and 40 s of CPU to compile.
export GOFLAGS := $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false -trimpath -tags=nomsgpack

# One way of compiling without the race detector, that of the release: what one step has compiled, the others find
# in the cache. (The race detector needs cgo.)
lint house manifests vuln licences release-config: export CGO_ENABLED := 0

# A program with the race detector waits for a second at its end, by default.
export GORACE ?= atexit_sleep_ms=50

# Narrow a run: make test PKG=./adapters/redis RUN=Listener
PKG      ?= ./...
RUN      ?=
ARGS     ?=
FUZZTIME ?= 10s
BENCH    ?=

.PHONY: help
help: ## Print the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Run both services and a simulated platform (ARGS="--redis URL --kafka ADDR" for real servers)
	@exec bin/edge up $(ARGS)

.PHONY: build
build: ## Build static binaries into bin/
	@revision=$$(git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false) # --version tells it
	CGO_ENABLED=0 go build -buildvcs=$$revision -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

# What external programs judge: Autobahn, Chromium, Node, schemathesis, generators.
EXTERNAL := ./test/console ./test/conformance ./test/clients ./test/conformance/openapi

# Packages that run first, because a long one at the end leaves a core idle.
LONGEST := ./test/e2e ./test/matrix ./adapters/redis ./test/faults ./adapters/kafka ./adapters/websocket ./adapters/httpclient \
	./test/redisreplies ./adapters/httpserver ./test/bench ./cmd/edge ./wire ./test/model ./test/servers
# Without debug information a test program is linked in a third of the time.
# "make quick" and the linters vet the code.
# Most tests wait more than they compute: three of a package run at a time, not one per core.
TESTFLAGS := -count=1 -vet=off -ldflags=-w -parallel=3

.PHONY: quick
quick: $(GOTESTSUM) fmt-check ## Format, vet, and the tests without real servers and race detector that a change affects (90 s)
	@echo '== vet'
	go vet ./...
	echo '== test: embedded servers only, without the race detector; results of unchanged packages are cached'
	env -u EDGE_TEST_REDIS -u EDGE_TEST_KAFKA -u EDGE_TEST_REQUIRE_REAL \
		$(GOTESTSUM) --format pkgname --format-icons text --format-hide-empty-pkg --hide-summary skipped -- \
		-p=6 -ldflags=-w $(QUICK)

# What "make quick" tests: the services, and the tests that need neither programs nor real servers.
QUICK := ./adapters/... ./api/... ./app/... ./domain/... ./ports/... ./wire/... ./cmd/... \
	./test/arch ./test/docs ./test/frames ./test/metrics ./test/world

# race is -race, or empty without a C compiler; that is an error in CI.
define race
	race=-race
	if ! command -v "$$(go env CC)" >/dev/null; then
		[ "$${CI:-}" != true ] || { echo 'ERROR: the race detector needs a C compiler' >&2; exit 1; }
		echo '** SKIPPED: the race detector, there is no C compiler' >&2; race=
	fi
endef

# "make house" and "make licences" check the source, without the race detector. -short lets rapid draw a fifth of its
# examples; "make cover" draws all.
TESTED = $(LONGEST) $$(go list ./... | grep -v -e /test/conformance -e /test/clients -e /test/console -e /test/arch -e '/test/licences$$')

.PHONY: test
test: $(GOTESTSUM) ## Run every test of the Go code, race detector on, beside a real Redis and a real Kafka (8 minutes on two cores)
	@$(race)
	packages=($(PKG))
	[ '$(PKG)' != ./... ] || packages=($(TESTED))
	exec test/run.sh $$race -short -timeout=20m $(TESTFLAGS) $(if $(RUN),-run='$(RUN)') "$${packages[@]}"

.PHONY: mutate
mutate: ## Change the code in small ways and report what no unit test notices (ARGS="-only app/delivery"); see docs/mutation.md
	@go run ./test/mutate $(ARGS)

.PHONY: conformance
conformance: $(GOTESTSUM) ## Let external programs judge the services: Autobahn, Chromium, Node, schemathesis, generators (4 minutes)
	@$(race)
	exec test/run.sh $$race -timeout=20m $(TESTFLAGS) $(if $(RUN),-run='$(RUN)') $(EXTERNAL)

.PHONY: test-all
test-all: $(GOTESTSUM) ## Run what "make test" and "make conformance" run, at the same time: one waits while the other computes
	@$(race)
	exec test/run.sh $$race -short -timeout=20m $(TESTFLAGS) ./test/e2e $(EXTERNAL) $(TESTED)

# The tests that have a full form beside the one that "make test" runs.
FULL := ./test/matrix $(EXTERNAL) ./test/faults ./test/e2e ./test/model

.PHONY: test-full
test-full: $(GOTESTSUM) ## Run the whole failure matrix, long outages, all cases of Autobahn and more requests of schemathesis
	@EDGE_TEST_FULL=1 test/run.sh -race -timeout=90m $(TESTFLAGS) $(FULL)
	cd test/deploy
	EDGE_TEST_FULL=1 ../servers/with.sh go test -count=1 -v -timeout=60m -run 'FireByRealFaults' . # all alerts; "make manifests" has some

.PHONY: check-slow
check-slow: ## Run in full what "make test" runs in part, fuzz every parser, measure coverage, and build a release (about 100 minutes)
	@summary= code=0
	for part in test-full fuzz cover vet-darwin release-slow; do
		SECONDS=0 result=passed
		$(MAKE) --no-print-directory "$$part" || { result=FAILED; code=1; }
		summary+="$$(printf '%-12s %-7s %5d s' "$$part" "$$result" "$$SECONDS")"$$'\n'
	done
	printf '\n== summary\n%s' "$$summary"
	exit "$$code"

.PHONY: check
check: fmt-check lint vet-windows wire-diff house manifests vuln licences release-config reproducible test-all ## Format, lint, wire diff, house rules, manifests, vulnerabilities, licences, release, conformance, test: what .ci/run does

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
	go test -count=1 -vet=off -ldflags=-w ./test/arch

.PHONY: manifests
manifests: ## Check deploy/ with the libraries of its readers; a module of its own, no service links them
	@echo '== manifests'
	cd test/deploy
	go vet ./...
	go test -v -count=1 -vet=off -ldflags=-w ./...

.PHONY: vuln
vuln: $(GOVULNCHECK) ## Look for known vulnerabilities of the dependencies (VULN_DB=DIR: a copy of vuln.go.dev)
	@echo '== vulnerabilities'
	test/vuln/check.sh $(GOVULNCHECK)

.PHONY: licences
licences: ## Check that every dependency has a free licence
	@echo '== licences'
	go test -count=1 -vet=off -ldflags=-w ./test/licences

.PHONY: notices
notices: ## Write the licences of everything that the programs contain into bin/
	@mkdir -p bin
	go run ./test/licences/notices > bin/THIRD_PARTY_NOTICES.txt

.PHONY: sbom
sbom: build $(CYCLONEDX) ## Write a bill of materials (CycloneDX) for each program into bin/
	@for program in gateway websocket edge; do
		$(CYCLONEDX) bin -json -noserial -output "bin/$$program.cdx.json" "bin/$$program"
	done

.PHONY: release-config
release-config: ## Check .goreleaser.yaml; a module of its own, no service links GoReleaser
	@echo '== release configuration'
	cd test/release
	go vet ./...
	go test -count=1 -vet=off -ldflags=-w ./...

.PHONY: reproducible
reproducible: ## Build the last commit in two directories and compare the programs
	@echo '== reproducible programs'
	test/release/reproducible.sh

.PHONY: release-slow
release-slow: $(GORELEASER) $(CYCLONEDX) ## Check .goreleaser.yaml with GoReleaser, build a release without images, and compare with a build without cache
	@PATH="$(dir $(CYCLONEDX)):$$PATH"
	$(GORELEASER) check
	$(GORELEASER) release --snapshot --clean --skip=docker
	test/release/reproducible.sh fresh

.PHONY: vet-windows vet-darwin
vet-windows vet-darwin: ## Vet the code for Windows or macOS, where "edge" runs and the tests must at least compile
	@echo '== $@'
	GOOS=$(@:vet-%=%) go vet ./...

# What the two services are made of.
COVERED := ./adapters/... ./api/... ./app/... ./domain/... ./ports/... ./wire/... ./cmd/...
comma   := ,
empty   :=

.PHONY: cover
cover: $(GOTESTSUM) ## Measure what tests and the programs in them cover of each service; under 90 % fails (5 minutes)
	@rm -rf bin/cover
	data=$(CURDIR)/bin/cover/data
	mkdir -p $$data
	EDGE_COVER_DIR=$$data test/run.sh -count=1 -timeout=20m -covermode=atomic \
		-coverpkg=$(subst $(empty) ,$(comma),$(COVERED)) $(COVERED) ./test/e2e -args -test.gocoverdir=$$data
	code=0
	for service in gateway websocket; do
		packages=$$(go list -deps ./cmd/$$service | grep '^github.com/huleedu/edge/' | paste -sd,)
		go tool covdata percent -i=$$data -pkg=$$packages
		go tool covdata textfmt -i=$$data -pkg=$$packages -o=bin/cover/$$service.out
		go tool cover -html=bin/cover/$$service.out -o=bin/cover/$$service.html
		total=$$(go tool cover -func=bin/cover/$$service.out | awk 'END { print $$NF }')
		echo "== $$service: $$total of the statements, in bin/cover/$$service.html"
		awk "BEGIN { exit $${total%\%} < 90 }" || { echo 'ERROR: less than 90 %' >&2; code=1; }
	done
	exit $$code

.PHONY: bench
bench: ## Measure against bare baselines and other products (ARGS="sockets/fanout -quick"), or Go benchmarks (BENCH=name PKG=./adapters/jwt)
	@if [ -n '$(BENCH)' ]; then
		exec test/servers/with.sh go test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)
	fi
	exec go run ./test/bench $(ARGS)

# How long "make soak" lasts, and its connections. SEED repeats the faults of a run.
DURATION ?= 10m
SOCKETS  ?= 2000
SEED     ?=

.PHONY: soak
soak: $(GOTESTSUM) ## Hold thousands of connections while one fault after the other happens (DURATION=10m SOCKETS=2000 SEED=)
	@ulimit -n "$$(ulimit -Hn)"
	EDGE_SOAK_DURATION=$(DURATION) EDGE_SOAK_CONNECTIONS=$(SOCKETS) EDGE_SOAK_SEED=$(SEED) EDGE_TEST_REQUIRE_REAL=1 \
		test/servers/with.sh go test -race -v -timeout=120m $(TESTFLAGS) -run='^TestSoak$$' ./test/faults

.PHONY: fuzz
fuzz: ## Fuzz every parser for a moment (FUZZTIME=10s)
	@for package in $$(go list $(PKG)); do
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || :); do
			echo "== $$package $$target"
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"
		done
	done

.PHONY: clean
clean: ## Remove what was built
	@rm -rf bin

$(GOLANGCI):
	@echo 'building golangci-lint $(GOLANGCI_VERSION) (once, about four minutes)'
	GOBIN=$(@D) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)

$(GOTESTSUM):
	@echo 'building gotestsum $(GOTESTSUM_VERSION) (once)'
	GOBIN=$(@D) go install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)

$(GOVULNCHECK):
	@echo 'building govulncheck $(GOVULNCHECK_VERSION) (once)'
	GOBIN=$(@D) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

$(GORELEASER):
	@echo 'building goreleaser $(GORELEASER_VERSION) (once, some minutes)'
	GOBIN=$(@D) go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)

$(CYCLONEDX):
	@echo 'building cyclonedx-gomod $(CYCLONEDX_VERSION) (once)'
	GOBIN=$(@D) go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)
