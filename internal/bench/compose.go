package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// composing compares whole composes of Debian, Everything and three smaller variants,
// with a script that makes them with dnf and createrepo_c. Both must ship the same
// packages, and dnf must find nothing lacking in what its script made.
//
// "cold" has no cache on either side. "the next night" has the release with all its
// updates, and what either side kept of the first night. Pungo pins what it finds each
// night, as there is no lock.
//
// The growth is ours alone: from a tenth of the packages to four arches of them, each
// with nothing in the cache.
func composing(ctx context.Context, l *lab) error {
	c := &composes{lab: l, script: l.path("compose-with-tools.sh")}
	if err := os.WriteFile(c.script, toolScript, 0o777); err != nil {
		return err
	}
	n, err := l.nights(ctx)
	if err != nil {
		return err
	}
	c.first, c.next = &night{n.first, l.path("first")}, &night{n.next, l.path("next")}
	err = errors.Join(l.writeArchive(ctx, n.first, c.first.dir, ""), l.writeArchive(ctx, n.next, c.next.dir, c.first.dir))
	if err != nil {
		return err
	}
	if err := c.againstTools(ctx); err != nil {
		return err
	}
	return c.growth(ctx)
}

//go:embed compose-with-tools.sh
var toolScript []byte

// composes compares composes of two nights.
type composes struct {
	*lab
	script      string
	first, next *night
	cold        usage // ours, of the first night
}

// againstTools has no run to warm up: the first one is to be cold.
func (c *composes) againstTools(ctx context.Context) error {
	var taken [2][2][]usage // by night and side
	for range c.often() {
		b := c.bench("nights", c.first)
		if err := errors.Join(c.fresh(b.ws, b.cache, c.path("tools"))(0), os.MkdirAll(c.path("tools"), 0o777)); err != nil {
			return err
		}
		for i, n := range []*night{c.first, c.next} {
			ours, err := b.compose(ctx, n)
			if err != nil {
				return err
			}
			theirs, err := c.withTools(ctx, b, i, n)
			if err != nil {
				return err
			}
			if err := b.compare(c.path("tools", strconv.Itoa(i)), n.arch); err != nil {
				return err
			}
			taken[i][0], taken[i][1] = append(taken[i][0], ours), append(taken[i][1], theirs)
		}
	}
	c.cold = medians(taken[0][0])
	claim := fmt.Sprintf("compose: %d packages, %d variants", len(c.first.packages), len(variantsOf(c.first.comps())))
	c.table.faster(claim+", cold", 3, c.cold, medians(taken[0][1]))
	claim += fmt.Sprintf(", the next night: %d changed, %d added", c.next.changed(c.first.debian), len(c.next.since(c.first.debian)))
	c.table.faster(claim, 10, medians(taken[1][0]), medians(taken[1][1]))
	return nil
}

// withTools makes the compose of a night with the script.
func (c *composes) withTools(ctx context.Context, b *composeBench, i int, n *night) (usage, error) {
	variants := c.path("variants")
	if err := os.WriteFile(variants, []byte(variantLines(b.variants)), 0o666); err != nil {
		return usage{}, err
	}
	command := []string{
		"sh", c.script, filepath.Join(b.mirror, n.arch), n.dir + ".comps.xml", variants, strconv.Itoa(c.jobs),
		c.path("tools", "cache"), c.path("tools", strconv.Itoa(i)),
	}
	if i > 0 {
		command = append(command, c.path("tools", strconv.Itoa(i-1)))
	}
	unix.Sync()
	u, _, err := measure(ctx, "", command)
	return u, err
}

// growth composes a tenth of the first night, and four arches of all of it.
func (c *composes) growth(ctx context.Context) error {
	tenth := &night{c.first.subset(len(c.first.packages)/10, nil), c.path("tenth")}
	if err := c.writeArchive(ctx, tenth.debian, tenth.dir, c.first.dir); err != nil {
		return err
	}
	small, err := c.alone(ctx, "tenth", tenth)
	if err != nil {
		return err
	}
	c.grew(len(tenth.packages), small, len(c.first.packages), c.cold)
	all := []*night{c.first}
	for _, arch := range []string{"x86_64", "aarch64", "ppc64le", "s390x"} {
		if arch == c.first.arch {
			continue
		}
		n := &night{c.first.of(arch), c.path(arch)}
		if err := c.writeArchive(ctx, n.debian, n.dir, c.first.dir); err != nil {
			return err
		}
		all = append(all, n)
	}
	large, err := c.alone(ctx, "arches", all...)
	if err != nil {
		return err
	}
	packages := len(all) * len(c.first.packages)
	c.grew(len(tenth.packages), small, packages, large)
	c.table.below(fmt.Sprintf("compose: peak memory of %d packages of %d arches", packages, len(all)), 2000, large)
	return nil
}

// alone composes nights of several arches with an empty cache.
func (c *composes) alone(ctx context.Context, name string, nights ...*night) (usage, error) {
	b := c.bench(name, nights...)
	if err := c.fresh(b.ws, b.cache)(0); err != nil {
		return usage{}, err
	}
	return b.compose(ctx, nights...)
}

// grew claims that a package costs as much among many as among few.
func (c *composes) grew(few int, small usage, many int, large usage) {
	got := large.Wall.Seconds() / float64(many) / (small.Wall.Seconds() / float64(few))
	c.table.add(row{
		claim: fmt.Sprintf("compose: %d packages, cold, time of one against one of %d", many, few),
		ratio: fmt.Sprintf("%.2fx", got), target: "<= 1.50x", missed: got > 1.5, ours: large, peer: small,
	})
}

// composeBench is a workspace whose repositories are in the folder mirror.
type composeBench struct {
	*lab
	ws, cache, mirror string
	arches            []string
	variants          []chosen
}

func (c *composes) bench(name string, nights ...*night) *composeBench {
	b := &composeBench{lab: c.lab, ws: c.path(name, "workspace"), cache: c.path(name, "cache"), mirror: c.path(name, "mirror")}
	b.variants = variantsOf(nights[0].comps())
	for _, n := range nights {
		b.arches = append(b.arches, n.arch)
	}
	return b
}

// compose makes the compose of nights, one for each arch, with what is in the cache.
func (b *composeBench) compose(ctx context.Context, nights ...*night) (usage, error) {
	err := errors.Join(
		mirror(b.mirror, nights...),
		writeWorkspace(b.ws, mirrorDefinition(b.mirror, b.arches, b.variants), nil),
		writeComps(filepath.Join(b.ws, "comps.xml"), nights[0].comps()),
		removeAll(filepath.Join(b.ws, "compose.lock")),
	)
	if err != nil {
		return usage{}, err
	}
	unix.Sync()
	u, _, err := measure(ctx, "", []string{b.pungo, "build", "-C", b.ws, "--cache", b.cache, "--jobs", strconv.Itoa(b.jobs), "--json"})
	return u, err
}

// compare compares the packages of each variant with those of a compose of the peer.
func (b *composeBench) compare(theirs, arch string) error {
	for _, v := range b.variants {
		got, err := packagesIn(filepath.Join(b.ws, "pungo-out", "latest-Bench-1", "compose", v.variant, arch, "os", "Packages", "*", "*.rpm"))
		if err != nil {
			return err
		}
		want, err := packagesIn(filepath.Join(theirs, v.variant, "*.rpm"))
		if err != nil {
			return err
		}
		if len(want) == 0 || !maps.Equal(got, want) {
			return fmt.Errorf("%s has %d packages, with tools %d; these differ: %v", v.variant, len(got), len(want), different(got, want))
		}
	}
	return nil
}

func packagesIn(pattern string) (map[string]bool, error) {
	paths, err := filepath.Glob(pattern)
	names := make(map[string]bool, len(paths))
	for _, path := range paths {
		names[filepath.Base(path)] = true
	}
	return names, err
}

// different returns some of the names that only one of two sets has.
func different(a, b map[string]bool) []string {
	var names []string
	for _, pair := range [][2]map[string]bool{{a, b}, {b, a}} {
		for name := range pair[0] {
			if !pair[1][name] {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names[:min(len(names), 10)]
}
