package comps

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// doctype is what yum, dnf and createrepo_c have always seen at the top of a
// group file; the DTD itself is never fetched.
const doctype = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps
  PUBLIC '-//Red Hat, Inc.//DTD Comps info//EN'
  'comps.dtd'>
`

// Write writes the canonical form of a document: UTF-8, indented by two
// spaces; groups and environments sorted by id, references by id, packages by
// type (mandatory, default, optional, conditional) and name, langpacks by name,
// translations by language; categories in their order, with those groups only
// that exist. What has no place in that form is lost: arch and variant
// attributes above all. Equal documents give equal bytes.
//
// A package of unknown type is an error that names group and package; nothing
// is written then.
func Write(w io.Writer, c *Comps) error {
	if err := checkTypes(c.Groups); err != nil {
		return err
	}
	x := &xmlWriter{w: bufio.NewWriter(w)}
	x.raw(doctype)
	x.open("comps")
	writeGroups(x, c.Groups)
	writeCategories(x, c.Categories, c.Groups)
	writeEnvironments(x, c.Environments)
	writeLangpacks(x, c.Langpacks)
	x.close("comps")
	return x.w.Flush()
}

// packageTypes is the order of package types in a group.
var packageTypes = []PackageType{Mandatory, Default, Optional, Conditional}

func checkTypes(groups []Group) error {
	for _, g := range groups {
		for _, p := range g.Packages {
			if slices.Contains(packageTypes, p.Type) {
				continue
			}
			line := ""
			if p.Line > 0 {
				line = fmt.Sprintf("line %d: ", p.Line)
			}
			return fmt.Errorf("%sgroup %q: package %q: type %q, want mandatory, default, optional or conditional", line, g.ID, p.Name, p.Type)
		}
	}
	return nil
}

func writeGroups(x *xmlWriter, groups []Group) {
	for _, g := range sortedBy(groups, func(g Group) string { return g.ID }) {
		x.open("group")
		x.element("id", g.ID)
		writeText(x, "name", g.Name)
		writeText(x, "description", g.Description)
		x.element("default", strconv.FormatBool(g.Default))
		x.element("uservisible", strconv.FormatBool(g.UserVisible))
		if g.LangOnly != "" {
			x.element("langonly", g.LangOnly)
		}
		writePackages(x, g.Packages)
		x.close("group")
	}
}

func writePackages(x *xmlWriter, packages []PackageReq) {
	if len(packages) == 0 {
		x.element("packagelist", "")
		return
	}
	packages = slices.SortedStableFunc(slices.Values(packages), func(a, b PackageReq) int {
		return cmp.Or(
			cmp.Compare(slices.Index(packageTypes, a.Type), slices.Index(packageTypes, b.Type)),
			cmp.Compare(a.Name, b.Name),
		)
	})
	x.open("packagelist")
	for _, p := range packages {
		var attrs []attribute
		if p.BaseArchOnly {
			attrs = append(attrs, attribute{"basearchonly", "true"})
		}
		if p.Type == Conditional && p.Requires != "" {
			attrs = append(attrs, attribute{"requires", p.Requires})
		}
		x.element("packagereq", p.Name, append(attrs, attribute{"type", string(p.Type)})...)
	}
	x.close("packagelist")
}

func writeCategories(x *xmlWriter, categories []Category, groups []Group) {
	exists := make(map[string]bool, len(groups))
	for _, g := range groups {
		exists[g.ID] = true
	}
	for _, c := range filterCategories(categories, exists) {
		x.open("category")
		x.element("id", c.ID)
		writeText(x, "name", c.Name)
		writeOptionalText(x, "description", c.Description)
		writeDisplayOrder(x, c.DisplayOrder)
		x.open("grouplist")
		for _, id := range slices.Compact(slices.Sorted(slices.Values(c.GroupList))) {
			x.element("groupid", id)
		}
		x.close("grouplist")
		x.close("category")
	}
}

func writeEnvironments(x *xmlWriter, environments []Environment) {
	for _, e := range sortedBy(environments, func(e Environment) string { return e.ID }) {
		x.open("environment")
		x.element("id", e.ID)
		writeText(x, "name", e.Name)
		writeOptionalText(x, "description", e.Description)
		writeDisplayOrder(x, e.DisplayOrder)
		writeGroupIDs(x, "grouplist", e.GroupList)
		if len(e.OptionList) > 0 {
			writeGroupIDs(x, "optionlist", e.OptionList)
		}
		x.close("environment")
	}
}

func writeGroupIDs(x *xmlWriter, name string, ids []GroupID) {
	if len(ids) == 0 {
		x.element(name, "")
		return
	}
	x.open(name)
	for _, id := range sortedBy(ids, func(id GroupID) string { return id.ID }) {
		if id.Default {
			x.element("groupid", id.ID, attribute{"default", "true"})
		} else {
			x.element("groupid", id.ID)
		}
	}
	x.close(name)
}

func writeLangpacks(x *xmlWriter, langpacks []Langpack) {
	if len(langpacks) == 0 {
		return
	}
	x.open("langpacks")
	for _, l := range sortedBy(langpacks, func(l Langpack) string { return l.Name }) {
		x.element("match", "", attribute{"install", l.Install}, attribute{"name", l.Name})
	}
	x.close("langpacks")
}

func writeDisplayOrder(x *xmlWriter, n *int) {
	if n != nil {
		x.element("display_order", strconv.Itoa(*n))
	}
}

// writeText writes a text and its translations by language.
func writeText(x *xmlWriter, name string, t Text) {
	x.element(name, t.Value)
	for _, lang := range slices.Sorted(maps.Keys(t.ByLang)) {
		x.element(name, t.ByLang[lang], attribute{"xml:lang", lang})
	}
}

// writeOptionalText is writeText for an element that is left out when empty.
func writeOptionalText(x *xmlWriter, name string, t Text) {
	if t.Value != "" || len(t.ByLang) > 0 {
		writeText(x, name, t)
	}
}

// sortedBy returns a sorted copy; elements with equal keys keep their order.
func sortedBy[T any](list []T, key func(T) string) []T {
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

// attribute is a name and a value, not escaped.
type attribute struct{ name, value string }

// xmlWriter writes one element a line. The error of a write is kept by the
// buffer and comes back from its Flush.
type xmlWriter struct {
	w     *bufio.Writer
	depth int
}

func (x *xmlWriter) raw(s string) { x.w.WriteString(s) }

func (x *xmlWriter) indent() {
	for range x.depth {
		x.raw("  ")
	}
}

// open begins an element with children.
func (x *xmlWriter) open(name string) {
	x.indent()
	x.raw("<" + name + ">\n")
	x.depth++
}

// close ends an element with children.
func (x *xmlWriter) close(name string) {
	x.depth--
	x.indent()
	x.raw("</" + name + ">\n")
}

// element writes an element with text, or an empty one.
func (x *xmlWriter) element(name, text string, attrs ...attribute) {
	x.indent()
	x.raw("<" + name)
	for _, a := range attrs {
		x.raw(" " + a.name + `="`)
		x.raw(escapeAttribute.Replace(a.value))
		x.raw(`"`)
	}
	if text == "" {
		x.raw("/>\n")
		return
	}
	x.raw(">")
	x.raw(escapeText.Replace(text))
	x.raw("</" + name + ">\n")
}

// A carriage return is written as a reference, since readers turn a plain one
// into a line feed; so they do with any whitespace in attributes.
var (
	escapeText      = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
	escapeAttribute = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\t", "&#9;", "\n", "&#10;", "\r", "&#13;")
)
