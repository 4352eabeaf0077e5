# make demo    builds pungo and composes examples/tiny
# make test    installs what the tests need (Debian's packages) and runs them all
# make check   the quick part: format, vet, tests that need no other program
# make bench   ratios against peer programs; SCALE=20 for a twentieth of the size
# make golden  rewrites expected outputs; make fuzz fuzzes every parser briefly
# make docs    regenerates docs/rules.md from the rules' own docs

GO ?= go
SCALE ?= 1
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# What the tests run besides pungo: the programs that read what it writes.
TEST_PACKAGES = bubblewrap createrepo-c dnf dnf-plugins-core ninja-build python3 python3-rpm rpm zstd

.PHONY: build demo test check bench golden fuzz docs deps

build:
	$(GO) build -o bin/pungo ./cmd/pungo

demo: build
	bin/pungo build --dir examples/tiny

deps:
	$(SUDO) apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES) >/dev/null

test: deps build
	$(GO) vet ./...
	$(GO) test ./...


docs:
	$(GO) run ./internal/docgen > docs/rules.md

bench: build
	$(GO) run ./internal/bench -scale $(SCALE)
