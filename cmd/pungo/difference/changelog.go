package difference

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pungo-build/pungo/internal/rpm"
)

// maxEntry bounds the text of an entry that is told, in bytes.
const maxEntry = 4 << 10

// update is a source package that went up in some cells, with the package whose
// changelog tells of it.
type update struct {
	Changelog
	pair Pair
}

// updatesOf lists the source packages that went up in cells, or on the way there, each
// once.
func updatesOf(groups map[Cell][]*sourceGroup) []*update {
	byKey := map[[3]string]*update{}
	for cell, list := range groups {
		for _, g := range list {
			if g.kind() != Up {
				continue
			}
			pair, ok := teller(g.pairs)
			if !ok {
				continue
			}
			key := [3]string{g.name, evrOf(g.before), evrOf(g.after)}
			u := byKey[key]
			if u == nil {
				u = &update{Changelog: Changelog{Source: key[0], Before: key[1], After: key[2], Entries: []Entry{}}, pair: pair}
				byKey[key] = u
			}
			u.Cells = append(u.Cells, cell.String())
			if better(pair, u.pair) {
				u.pair = pair
			}
		}
	}
	var all []*update
	for _, u := range byKey {
		slices.Sort(u.Cells)
		u.Cells = slices.Compact(u.Cells)
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *update) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.After, b.After), cmp.Compare(a.Before, b.Before))
	})
	return all
}

// teller is the package among those of one source whose changelog is told. All have the
// same, as a rule.
func teller(pairs []Pair) (best Pair, found bool) {
	for _, p := range pairs {
		if p.Kind() == Up && (!found || better(p, best)) {
			best, found = p, true
		}
	}
	return best, found
}

// better reports whether a is rather to be read than b: a binary package, the one that is
// called like its source, the first by path.
func better(a, b Pair) bool {
	other := func(p Pair) int {
		if p.After.Name == p.After.Source.Name {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(a.After.rank(), b.After.rank()), cmp.Compare(other(a), other(b)),
		cmp.Compare(a.After.Path, b.After.Path), cmp.Compare(a.Before.Path, b.Before.Path),
	) < 0
}

// logs are the changelogs of packages, newest entry first.
type logs map[*Package][]rpm.Change

// readChangelogs reads what is wanted from the metadata of repositories, and of packages
// that are in none, or in one without changelogs, from the headers of their files. Those
// whose file cannot be read have none: a mirror may have nothing but metadata, and Pungi
// may have made links to where they came from. How many they are is noted.
func (c *comparison) readChangelogs(ctx context.Context, side *Side, packages []*Package) (logs, error) {
	all := logs{}
	byRepo := map[*repository]map[string]bool{}
	for _, p := range packages {
		if p.in != nil {
			if byRepo[p.in] == nil {
				byRepo[p.in] = map[string]bool{}
			}
			byRepo[p.in][p.Checksum.Hex] = true
		}
	}
	found := map[*repository]map[string][]rpm.Change{}
	var unknown []error
	for repo, ids := range byRepo {
		read, err := repo.changelogs(ctx, ids)
		if err != nil {
			return nil, err
		}
		found[repo] = read
	}
	for _, p := range packages {
		if log, ok := found[p.in][p.Checksum.Hex]; ok {
			all[p] = log
			continue
		}
		header, _, _, err := side.in.header(p.Path)
		if err != nil {
			unknown = append(unknown, err)
			continue
		}
		all[p] = cloned(header.Text.Changelog)
	}
	if len(unknown) > 0 {
		c.note("the changelogs of %d packages of %s are not known: no repository has them; %v", len(unknown), side.Path, unknown[0])
	}
	return all, ctx.Err()
}

// tellChangelogs reads the changelogs of updates and keeps of each the newest entries that
// the old package had not, as many as are wanted.
func (c *comparison) tellChangelogs(ctx context.Context, updates []*update) ([]Changelog, error) {
	told, limit := []Changelog{}, c.o.Changelog
	if limit == 0 || len(updates) == 0 {
		return told, nil
	}
	var old, new []*Package
	for _, u := range updates {
		old, new = append(old, u.pair.Before), append(new, u.pair.After)
	}
	was, err := c.readChangelogs(ctx, c.before, old)
	if err != nil {
		return nil, err
	}
	is, err := c.readChangelogs(ctx, c.after, new)
	if err != nil {
		return nil, err
	}
	for _, u := range updates {
		entries := newer(was[u.pair.Before], is[u.pair.After])
		for i, e := range entries {
			if i == limit {
				u.More = len(entries) - limit
				break
			}
			u.Entries = append(u.Entries, entryOf(e))
		}
		if len(u.Entries) > 0 {
			told = append(told, u.Changelog)
		}
	}
	return told, nil
}

// newer returns the entries that are newer than the newest of before. If that is in the
// log no more, because the log was cut off or written anew, times tell, and of one day
// what was not there.
func newer(before, log []rpm.Change) []rpm.Change {
	if len(before) == 0 {
		return log
	}
	known := map[[2]string]bool{}
	for _, c := range before {
		known[entryKey(c)] = true
	}
	const day = 24 * 60 * 60
	for i, c := range log {
		if known[entryKey(c)] || c.Time/day < before[0].Time/day {
			return log[:i]
		}
	}
	return log
}

// entryKey knows an entry again. Times are not in it: repodata has others than headers.
func entryKey(c rpm.Change) [2]string {
	return [2]string{strings.TrimSpace(c.Author), strings.TrimSpace(c.Text)}
}

func entryOf(c rpm.Change) Entry {
	text := strings.TrimSpace(strings.ToValidUTF8(c.Text, "\ufffd"))
	if len(text) > maxEntry {
		text = strings.ToValidUTF8(text[:maxEntry], "") + " …"
	}
	author := strings.TrimSpace(strings.ToValidUTF8(c.Author, "\ufffd"))
	return Entry{Date: time.Unix(c.Time, 0).UTC().Format(time.DateOnly), Author: author, Text: text}
}

// firstLine is what is before the first end of a line.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(line)
}
