# Needs Go, git and make. Everything else is installed by `make test` itself.

export GOFLAGS := -mod=readonly -buildvcs=false
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X pabal/cli.released=$(VERSION)
PACKAGES := ./...

.PHONY: all build deb image release release-test demo test plain host torture check race staticcheck fuzz generated bench microbench clean

all: build

build: ## the binary, as bin/pabal
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/pabal .

deb: ## the Debian packages, in bin/deb; docs/install.md
	packaging/deb/build bin/deb

image: ## the container image, as bin/image/*.tar; docs/container.md
	packaging/image/build bin/image

release: ## everything above for amd64 and arm64 with checksums, in bin/release; docs/release.md
	packaging/release/build bin/release

demo: build ## 200 sample customers, a campaign, an application's mail, an unsubscribe
	bin/pabal demo --keep pabal-demo

test: ## both tiers of tests; installs the tools of the second
	testdata/apt-install
	$(MAKE) plain host

plain: ## offline, without root, in under two minutes
	test -z "$$(gofmt -l $$(git ls-files '*.go'))"
	go vet $(PACKAGES)
	go test $(PACKAGES)
	cd packaging/image && go vet . && go test .
	cd packaging/release && go vet . && go test .

host: ## with the real tools of this host
	go vet -tags host $(PACKAGES)
	go test -tags host -timeout 20m $(PACKAGES)
	cd packaging/deb && go vet -tags host . && go test -tags host -timeout 10m .

torture: ## the whole fault suite, an hour; the table goes into docs/reliability.md
	testdata/apt-install
	TORTURE=whole TORTURE_REPORT=../docs/reliability.md go test -tags host -count=1 -timeout 12h -run '^TestTorture' -v ./cli

release-test: ## the real packages, image and release: a Debian that boots, podman; as root, 20 minutes
	testdata/apt-install
	testdata/apt-install release-apt.txt
	cd packaging/deb && go vet -tags release . && go test -tags release -count=1 -timeout 60m -v .
	cd packaging/image && go vet -tags release . && go test -tags release -count=1 -timeout 30m -v .
	cd packaging/release && go vet -tags release . && go test -tags release -count=1 -timeout 30m -v .

check: race staticcheck fuzz generated ## what a reviewer runs besides

race:
	CGO_ENABLED=1 go test -race $(PACKAGES)

staticcheck:
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(PACKAGES)

FUZZ_SECONDS := 600

fuzz: ## every fuzz target, ten minutes in all
	set -e; targets=$$(for package in $$(go list $(PACKAGES)); do \
		go test -list '^Fuzz' $$package | sed -n "s|^Fuzz.*|$$package &|p"; done); \
	each=$$(($(FUZZ_SECONDS) / $$(echo "$$targets" | wc -l) + 1)); \
	echo "$$targets" | while read -r package target; do \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $${each}s $$package; done

generated: ## go.mod is tidy, and what is generated is as it would be generated
	go mod tidy -diff
	cd packaging/image && go mod tidy -diff
	go generate $(PACKAGES)
	git diff --exit-code

bench: ## the promised speeds, each beside its peer or limit; as root (Postfix); 20 minutes
	testdata/apt-install bench-apt.txt
	go test -tags bench -run Bench -v -count 1 -timeout 90m ./cli

microbench: ## the Go benchmarks of all packages
	go test -run '^$$' -bench . -benchtime 1x $(PACKAGES)

clean:
	rm -rf bin pabal-demo
