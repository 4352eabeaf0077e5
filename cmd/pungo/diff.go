package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/pungo-build/pungo/cmd/pungo/difference"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/internal/spell"
)

// diffCmd tells what changed between two composes, repositories, folders or locks.
type diffCmd struct {
	Before string `arg:"" help:"What was: a compose (its folder, the folder compose or metadata in it, or its name in the output folder), a folder with repodata or packages, or a compose.lock."`
	After  string `arg:"" help:"What is: the same again."`

	Format    string `help:"Format: text, markdown or json; by default ${default}." enum:"text,markdown,json" default:"text" placeholder:"FORMAT"`
	Changelog int    `help:"How many entries of the changelog of a package that went up to show: 0 is none, -1 all that are new; by default ${default}." default:"5" placeholder:"N"`
	cellFlags
	Define map[string]string `mapsep:"none" help:"Value of define(\"NAME\") in the definition, for each NAME; of locks." placeholder:"NAME=VALUE"`
	outputFlag
	folderFlags
}

// Help implements kong.HelpProvider.
func (c *diffCmd) Help() string {
	return `Tells what changed, for each variant and arch: packages added, removed, up, down, rebuilt or
signed by another key, by source package, with what is new in their changelogs; which moved to
another variant; groups, modules, images, sizes; and what composes say of themselves.
docs/diff.md has an example, and the form of --json.

  pungo diff latest-Tiny-1.0 Tiny-1.0-20261122.n.0     two composes of the output folder
  pungo diff /mnt/compose/Tiny-1.0-20261121.n.0 .      a compose of Pungi, and one that is here
  pungo diff --format=markdown A B >report.md          for a mail or a tracker
  pungo diff --variant Server --arch x86_64 A rpms/    a compose and a folder of packages
  pungo diff --changelog=0 old/os new/os               two repositories
  git show HEAD~:compose.lock >old.lock
  pungo diff old.lock compose.lock                     what a new lock means

Of locks those pins are shown that changed; and the packages that the definition here makes of
them, if the metadata of both is in the cache: nothing is downloaded.

Exits with 0 whether or not anything changed: "nothing changed" is a line of text.`
}

func (c *diffCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	if c.Changelog < -1 {
		return usagef("--changelog %d: want a number of entries, or -1 for all", c.Changelog)
	}
	if g.JSON {
		c.Format = "json"
	}
	before, err := c.open(g, c.Before)
	if err != nil {
		return err
	}
	defer before.Close()
	after, err := c.open(g, c.After)
	if err != nil {
		return err
	}
	defer after.Close()
	var report *difference.Report
	if before.Type == difference.Lock && after.Type == difference.Lock {
		report, err = c.locks(ctx, p, g, before, after)
	} else {
		report, err = difference.Compare(ctx, before, after, difference.Options{Changelog: c.Changelog, Variants: c.Variant, Arches: c.Arch})
	}
	if err != nil {
		return inputError(err)
	}
	return c.print(p, report)
}

// inputError is a mistake in how the command was called, if it is one of what was named.
func inputError(err error) error {
	var input *difference.InputError
	if errors.As(err, &input) {
		return usagef("%v", input)
	}
	return err
}

// open opens what an argument names: a path, else a name in the output folder.
func (c *diffCmd) open(g *Globals, name string) (*difference.Side, error) {
	side, err := difference.Open(name)
	if err == nil || filepath.Base(name) != name {
		return side, inputError(err)
	}
	if _, missing := os.Lstat(name); missing == nil {
		return nil, inputError(err)
	}
	folder := c.Output
	if folder == "" {
		root, _, none := findRoot(g.Dir)
		if none != nil {
			return nil, inputError(err)
		}
		folder = filepath.Join(root, outputDir)
	}
	there, none := os.ReadDir(folder)
	if none != nil {
		return nil, inputError(err)
	}
	var names []string
	for _, e := range there {
		names = append(names, e.Name())
	}
	if !slices.Contains(names, name) {
		return nil, usagef("%v%s", err, spell.DidYouMean(name, names))
	}
	if side, err = difference.Open(filepath.Join(folder, name)); err == nil {
		side.Path = name
	}
	return side, inputError(err)
}

// locks compares two locks.
func (c *diffCmd) locks(ctx context.Context, p process, g *Globals, before, after *difference.Side) (*difference.Report, error) {
	old, err := remote.ReadLock(before.Path)
	if err != nil {
		return nil, usagef("%v", err)
	}
	new, err := remote.ReadLock(after.Path)
	if err != nil {
		return nil, usagef("%v", err)
	}
	repositories := repositoryChanges(old, new)
	if len(repositories) == 0 {
		return difference.Locks(before.Subject, after.Subject, repositories, nil, nil), nil
	}
	made, unknown, err := c.made(ctx, p, g, before, after, old, new)
	if err != nil {
		return nil, err
	}
	if unknown != "" {
		return difference.Locks(before.Subject, after.Subject, repositories, nil, nil, "which packages change is not known: "+unknown), nil
	}
	return difference.Locks(before.Subject, after.Subject, repositories, made[0], made[1]), nil
}

// made returns the packages that the definition makes of two locks, or why they cannot
// be told.
func (c *diffCmd) made(ctx context.Context, p process, g *Globals, before, after *difference.Side, old, new *remote.Lock) (made [2]map[difference.Cell][]difference.Package, unknown string, err error) {
	if _, _, err := findRoot(g.Dir); err != nil {
		return made, "there is no definition here, and --dir names none", nil
	}
	s, err := openSession(p, g, cacheFlags{
		outputFlag: c.outputFlag, Cache: c.Cache, DigestFunction: c.DigestFunction, Offline: true, Attempts: 1, Patience: time.Second,
	})
	if err != nil {
		return made, "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	graph, err := evaluateRoot(ctx, p, s.root, matrixFlags{Define: c.Define}, identityFlags{})
	if err != nil {
		return made, "", err
	}
	if err := c.check(graph.Compose); err != nil {
		return made, "", err
	}
	for i, lock := range []*remote.Lock{old, new} {
		side := []*difference.Side{before, after}[i]
		if !pinsAll(lock, graph) {
			return made, side.Path + " does not pin all repositories of the definition", nil
		}
		switch made[i], err = s.shipped(ctx, graph, lock); {
		case errors.Is(err, remote.ErrOffline):
			return made, "the metadata that " + side.Path + " pins is not in the cache", nil
		case ctx.Err() != nil:
			return made, "", ctx.Err()
		case err != nil:
			reason, _, _ := strings.Cut(err.Error(), "\n")
			return made, side.Path + " makes no compose: " + reason, nil
		}
		maps.DeleteFunc(made[i], func(cell difference.Cell, _ []difference.Package) bool {
			return !c.has(cell.Variant, cell.Arch)
		})
	}
	return made, "", nil
}

// changeColors are those of lines about a change.
var changeColors = map[difference.Kind]string{
	difference.Added: green, difference.Removed: red, difference.Down: yellow, difference.Rebuilt: yellow, difference.Resigned: yellow,
}

func (c *diffCmd) print(p process, r *difference.Report) error {
	switch c.Format {
	case "json":
		return printJSON(p.stdout, r)
	case "markdown":
		_, err := fmt.Fprint(p.stdout, harmless(r.Markdown(size)))
		return err
	}
	return printLines(p, r.Lines(size))
}

// printLines prints a report, in colors on a terminal.
func printLines(p process, lines []difference.Line) error {
	f, isFile := p.stdout.(*os.File)
	color := isFile && !plain(p) && term.IsTerminal(int(f.Fd()))
	var b strings.Builder
	for _, line := range lines {
		text := harmless(line.Text)
		if color {
			text = painted(text, changeColors[line.Change])
		}
		b.WriteString(text + "\n")
	}
	_, err := fmt.Fprint(p.stdout, b.String())
	return err
}
