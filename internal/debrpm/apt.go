package debrpm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// AptLists are the Packages files of Debian's main component that `apt-get update` left
// on this machine, for its own architecture.
type AptLists struct {
	Release []string
	Updates []string // of pockets, such as bookworm-security
}

// FindAptLists asks apt where its lists are. That there are none is an error.
func FindAptLists(ctx context.Context) (lists AptLists, err error) {
	arch, err := exec.CommandContext(ctx, "dpkg", "--print-architecture").Output()
	if err != nil {
		return lists, fmt.Errorf("dpkg: %w", err)
	}
	told, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(CODENAME) $(FILENAME)",
		"Created-By: Packages", "Origin: Debian", "Component: main", "Architecture: "+string(bytes.TrimSpace(arch))).Output()
	if err != nil {
		return lists, fmt.Errorf("apt-get: %w", err)
	}
	for line := range strings.Lines(string(told)) {
		// Updates are in pockets called bookworm-updates and bookworm-security.
		codename, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		list := &lists.Release
		if strings.Contains(codename, "-") {
			list = &lists.Updates
		}
		*list = append(*list, file)
	}
	if len(lists.Release) == 0 {
		return lists, errors.New("apt has no list of Debian's packages\n  hint: apt-get update makes them")
	}
	return lists, nil
}

// ReadAptList reads a Packages file of apt, however it is packed.
func ReadAptList(ctx context.Context, file string) ([]*Control, error) {
	text, err := exec.CommandContext(ctx, "/usr/lib/apt/apt-helper", "cat-file", file).Output()
	if err != nil {
		return nil, fmt.Errorf("apt-helper: %s: %w", file, err)
	}
	list, err := ParseIndex(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return list, nil
}
