package difference

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What text and Markdown have in common.

// versions is "1-1" of what came or went, "1-1 -> 2-1" of what changed.
func versions(before, after string) string {
	switch {
	case before == "":
		return after
	case after == "", before == after:
		return before
	}
	return before + " -> " + after
}

// packageNames are those of the packages of a source package, each once: what was
// added to one that was there, or removed, is said of it. Of other arches than the
// place's, and of source packages, the arch is told.
func packageNames(list []PackageChange, whole Kind, arch string) string {
	names := map[Kind][]string{}
	seen := map[string]bool{}
	for _, p := range list {
		name := p.Name
		if p.Arch != arch && p.Arch != "noarch" || p.Category == "source" {
			name += "." + p.Arch
		}
		kind := p.Change
		if kind != Added && kind != Removed || kind == whole {
			kind = whole
		}
		if key := string(kind) + name; !seen[key] {
			seen[key] = true
			names[kind] = append(names[kind], name)
		}
	}
	parts := []string{}
	if len(names[whole]) > 0 {
		parts = append(parts, strings.Join(names[whole], ", "))
	}
	for _, k := range []Kind{Added, Removed} {
		if k != whole && len(names[k]) > 0 {
			parts = append(parts, string(k)+" "+strings.Join(names[k], ", "))
		}
	}
	return strings.Join(parts, "; ")
}

// keys says which signing keys took the place of which, if all packages have the same.
func keys(list []PackageChange) string {
	text := ""
	for _, p := range list {
		if p.SigKeyBefore == nil || p.SigKeyAfter == nil {
			continue
		}
		one := fmt.Sprintf("key %s -> %s", orNone(*p.SigKeyBefore), orNone(*p.SigKeyAfter))
		if text != "" && text != one {
			return "several keys"
		}
		text = one
	}
	return text
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// sizer writes bytes for people.
type sizer func(int64) string

// delta is "+1.2 kB", "-1.2 kB", or "" if nothing changed.
func (size sizer) delta(s Size) string {
	switch d := s.delta(); {
	case d > 0:
		return "+" + size(d)
	case d < 0:
		return "-" + size(-d)
	}
	return ""
}

// change is "1.2 MB -> 1.3 MB (+0.1 MB)", or "1.2 MB".
func (size sizer) change(s Size) string {
	if s.Before == s.After {
		return size(s.After)
	}
	return fmt.Sprintf("%s -> %s (%s)", size(s.Before), size(s.After), size.delta(s))
}

// memberText says what became of a member of a group or environment.
func memberText(m Field) string {
	switch {
	case m.Before == "":
		return fmt.Sprintf("added %s (%s)", m.Name, m.After)
	case m.After == "":
		return "removed " + m.Name
	}
	return fmt.Sprintf("%s %s -> %s", m.Name, m.Before, m.After)
}

// fieldText says what became of a value. Values are quoted: people chose them.
func fieldText(f Field) string {
	quoted := func(s string) string {
		if s == "" {
			return "none"
		}
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%s: %s -> %s", f.Name, quoted(f.Before), quoted(f.After))
}

func fieldTexts(fields []Field) []string {
	var texts []string
	for _, f := range fields {
		texts = append(texts, fieldText(f))
	}
	return texts
}

// groupText says what became of a group. Of one that came its members are all new.
func groupText(g GroupChange) string {
	texts := fieldTexts(g.Fields)
	if g.Change == Removed {
		return g.ID
	}
	for _, m := range g.Members {
		if g.Change == Added {
			texts = append(texts, m.Name)
		} else {
			texts = append(texts, memberText(m))
		}
	}
	if len(texts) == 0 {
		return g.ID
	}
	return g.ID + ": " + strings.Join(texts, ", ")
}

func moduleText(m ModuleChange) string {
	text := m.Module + ":" + m.Stream
	switch {
	case m.Change == Added:
		return text + " " + strings.Join(m.After, ", ")
	case m.Change == Removed:
		return text + " " + strings.Join(m.Before, ", ")
	}
	text += " " + versions(strings.Join(m.Before, ", "), strings.Join(m.After, ", "))
	if len(m.PackagesAdded)+len(m.PackagesRemoved) > 0 {
		text += fmt.Sprintf(", packages: %d added, %d removed", len(m.PackagesAdded), len(m.PackagesRemoved))
	}
	return text
}

func (size sizer) imageText(i ImageChange) string {
	text := i.Image + ": "
	switch i.Change {
	case Added:
		text += size(i.Size.After)
	case Removed:
		text += size(i.Size.Before)
	default:
		text += size.change(i.Size)
	}
	for _, f := range fieldTexts(i.Fields) {
		text += ", " + f
	}
	return text
}

// countsText is "1 added, 2 up", without what did not happen.
func countsText(c Counts) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what Kind
	}{{c.Added, Added}, {c.Removed, Removed}, {c.Up, Up}, {c.Down, Down}, {c.Changed, Changed}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return "no package changed"
	}
	return strings.Join(parts, ", ")
}

// name is what a subject is called.
func (s Subject) name() string {
	if s.ID != "" {
		return s.ID
	}
	return s.Path
}

// excerpt is the text of an entry, cut off after some lines.
func excerpt(text string) []string {
	const most = 20
	lines := strings.Split(text, "\n")
	if len(lines) > most {
		lines = append(lines[:most:most], "…")
	}
	return lines
}

// sameTrees puts trees together that changed in the same way, as most do: their paths,
// and how.
func sameTrees(trees []TreeChange) (paths [][]string, fields [][]Field) {
	for _, t := range trees {
		i := slices.IndexFunc(fields, func(f []Field) bool { return slices.Equal(f, t.Fields) })
		if i < 0 {
			i = len(fields)
			fields, paths = append(fields, t.Fields), append(paths, nil)
		}
		paths[i] = append(paths[i], t.Path)
	}
	return paths, fields
}
