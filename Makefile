# make demo    builds pungo and composes examples/tiny
# make bootable  composes examples/bootable, and boots its DVD
# make test    installs what the tests need (Debian's packages) and runs them all
# make test-root  tests on a btrfs of their own, which to mount needs root
# make test-large  makes and reads an image with a file of more than 4 GiB
# make check   the quick part: format, vet, tests that need no other program
# make bench   ratios against peer programs; SCALE=20 for a twentieth of the size
# make golden  rewrites expected outputs; make fuzz fuzzes every parser briefly
# make docs    regenerates docs/rules.md from the rules' own docs

GO ?= go
SCALE ?= 1
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# What the tests run besides pungo: the programs that read what it writes.
TEST_PACKAGES = bubblewrap createrepo-c cpio curl dnf dnf-plugins-core dosfstools gdisk genisoimage gir1.2-modulemd-2.0 gnupg isolinux \
	isomd5sum mtools ninja-build ovmf procps python3 python3-createrepo-c python3-gi python3-rpm python3-solv qemu-system-x86 rpm \
	syslinux-common xorriso xz-utils zstd

.PHONY: build demo bootable test test-root test-large check bench golden fuzz docs deps debs

build:
	$(GO) build -o bin/pungo ./cmd/pungo

demo: build
	bin/pungo build --dir examples/tiny

deps:
	$(SUDO) apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $(TEST_PACKAGES) >/dev/null

# Debian's packages that tests turn into RPMs: these and all they depend on, as
# apt would install them where nothing is. The folder appears when it is complete.
DEBS = .testdata/software
DEB_ROOTS = bash coreutils python3-minimal systemd openssl perl libstdc++6 libgomp1 libgfortran5 libatm1 curl \
	openssh-server rsync sudo nginx-light python3-requests tmux lsof mtr-tiny tcpdump htop less man-db gnupg \
	iproute2 procps libwww-perl libxml-libxml-perl
DEBS_MAX_MB = 150
APT_NOTHING = apt-get -qq -o Dir::State::status=/dev/null -o APT::Sandbox::User=root

$(DEBS):
	-$(SUDO) apt-get update -qq
	rm -rf $@.part && mkdir -p $@.part
	cd $@.part && $(APT_NOTHING) download $$($(APT_NOTHING) -s --no-install-recommends install $(DEB_ROOTS) | sed -n 's/^Inst \([^ ]*\).*/\1/p')
	for root in $(DEB_ROOTS); do ls $@.part/$${root}_*.deb || exit 1; done >/dev/null
	[ "$$(du -sm $@.part | cut -f1)" -le $(DEBS_MAX_MB) ]
	mv $@.part $@

# Debian's packages that examples/bootable is made of, without what they depend on.
BOOT_DEBS = .testdata/bootable
BOOT_ROOTS = busybox-static isolinux syslinux-common grub-efi-amd64-bin
KERNEL = $$($(APT_NOTHING) -s --no-install-recommends install linux-image-cloud-amd64 | sed -n 's/^Inst \(linux-image-[^ ]*-cloud-amd64\) .*/\1/p' | head -n 1)

$(BOOT_DEBS):
	-$(SUDO) apt-get update -qq
	rm -rf $@.part && mkdir -p $@.part
	cd $@.part && $(APT_NOTHING) download $(BOOT_ROOTS) $(KERNEL)
	for root in $(BOOT_ROOTS) 'linux-image-*'; do ls $@.part/$${root}_*.deb || exit 1; done >/dev/null
	mv $@.part $@

debs: $(DEBS) $(BOOT_DEBS)

BOOTABLE = examples/bootable/rpms
bootable: deps build $(BOOTABLE)
	bin/pungo build --dir examples/bootable

$(BOOTABLE): | $(BOOT_DEBS)
	$(GO) run ./internal/deb2rpm $(BOOT_DEBS) $@

test: deps build debs
	$(GO) vet ./...
	$(GO) test ./...

# What is shared on file systems with reflinks: an image in a file, mounted for as long
# as the test takes. Without loop devices it fails; a test that is asked for is run.
ROOT_TMP = .testdata/btrfs
test-root:
	$(SUDO) apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends btrfs-progs mount >/dev/null
	rm -f $(ROOT_TMP).img && mkdir -p $(ROOT_TMP) && truncate -s 256M $(ROOT_TMP).img
	$(SUDO) mkfs.btrfs -q $(ROOT_TMP).img >/dev/null
	$(GO) vet -tags reflink ./cache/materialize
	trap '$(SUDO) umount $(ROOT_TMP) && rmdir $(ROOT_TMP) && rm -f $(ROOT_TMP).img' EXIT; \
	$(SUDO) mount -o loop $(ROOT_TMP).img $(ROOT_TMP) && $(SUDO) chmod 1777 $(ROOT_TMP) && \
	PUNGO_REFLINK_DIR=$(CURDIR)/$(ROOT_TMP) $(GO) test -count=1 -tags reflink -run '^TestReflink$$' -v ./cache/materialize

# An image with a file of more than 4 GiB: a minute, and 9 GB in TMPDIR.
test-large: deps
	$(GO) vet -tags large ./cmd/pungo
	$(GO) test -count=1 -tags large -run '^TestLargeFile$$' -v ./cmd/pungo

# The packages whose tests run no program but the compiler's.
QUICK = . ./cache/... ./executor/... ./starlark ./rules ./cmd/pungo/output ./cmd/pungo/difference \
	$(addprefix ./rules/, createiso createrepo extrafiles gather images layout metadata packages pkgset rpm universe) \
	$(addprefix ./internal/, accepted comps crew docgen fetch glob heap modulemd multilib openpgp solve spell template updateinfo volid)

check:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) test $(QUICK)

golden:
	for p in $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | xargs -n1 dirname | sort -u); do $(GO) test ./$$p -update || exit 1; done

FUZZTIME ?= 10s
fuzz:
	git grep -o 'func Fuzz[A-Za-z]*' -- '*_test.go' | sed 's/:func / /' | while read file name; do \
	  echo "$$name in $$file"; \
	  $(GO) test ./$$(dirname $$file) -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x || exit 1; \
	done

docs:
	$(GO) run ./internal/docgen > docs/rules.md

bench: build
	$(GO) run ./internal/bench -scale $(SCALE)
