package updateinfo

import (
	"bufio"
	"io"
	"strconv"

	"github.com/pungo-build/pungo/internal/repodata"
)

// Write writes advisories in their order, in UTF-8, indented by two spaces, as
// createrepo_c does. What is empty is left out, but for references and pkglist.
func Write(w io.Writer, advisories []*Advisory) error {
	out := bufio.NewWriter(w) // its Flush returns the error of any write
	out.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
	if len(advisories) == 0 {
		out.WriteString("<updates/>\n")
		return out.Flush()
	}
	out.WriteString("<updates>\n")
	var b []byte
	for _, a := range advisories {
		b = a.append(b[:0])
		out.Write(b)
	}
	out.WriteString("</updates>\n")
	return out.Flush()
}

func (a *Advisory) append(b []byte) []byte {
	b = appendTag(b, "  <update", "from", a.From, "status", a.Status, "type", a.Type, "version", a.Version)
	b = append(b, ">\n"...)
	b = appendText(b, "    ", "id", a.ID)
	b = appendText(b, "    ", "title", a.Title)
	b = appendDate(b, "    <issued", a.Issued)
	b = appendDate(b, "    <updated", a.Updated)
	b = appendText(b, "    ", "rights", a.Rights)
	b = appendText(b, "    ", "release", a.Release)
	b = appendText(b, "    ", "pushcount", a.PushCount)
	b = appendText(b, "    ", "severity", a.Severity)
	b = appendText(b, "    ", "summary", a.Summary)
	b = appendText(b, "    ", "description", a.Description)
	b = appendText(b, "    ", "solution", a.Solution)
	b = appendFlag(b, "    ", "reboot_suggested", a.RebootSuggested)
	b = appendList(b, "    ", "references", a.References, Reference.append)
	b = appendList(b, "    ", "pkglist", a.Collections, Collection.append)
	return append(b, "  </update>\n"...)
}

func (r Reference) append(b []byte) []byte {
	b = appendTag(b, "      <reference", "href", r.Href, "id", r.ID, "type", r.Type, "title", r.Title)
	return append(b, "/>\n"...)
}

func (c Collection) append(b []byte) []byte {
	b = append(appendTag(b, "      <collection", "short", c.Short), ">\n"...)
	b = appendText(b, "        ", "name", c.Name)
	if m := c.Module; m != (Module{}) {
		b = appendTag(b, "        <module", "name", m.Name, "stream", m.Stream, "version", m.Version, "context", m.Context, "arch", m.Arch)
		b = append(b, "/>\n"...)
	}
	for i := range c.Packages {
		b = c.Packages[i].append(b)
	}
	return append(b, "      </collection>\n"...)
}

func (p *Package) append(b []byte) []byte {
	epoch := strconv.FormatUint(uint64(p.Epoch), 10)
	b = appendTag(b, "        <package", "name", p.Name, "version", p.Version, "release", p.Release, "epoch", epoch, "arch", p.Arch, "src", p.Src)
	open := len(b)
	b = append(b, ">\n"...)
	start := len(b)
	b = appendText(b, "          ", "filename", p.FileName)
	for _, s := range p.Sums {
		b = append(appendTag(b, "          <sum", "type", s.Type), '>')
		b = append(repodata.AppendText(b, s.Hex), "</sum>\n"...)
	}
	b = appendFlag(b, "          ", "reboot_suggested", p.RebootSuggested)
	b = appendFlag(b, "          ", "restart_suggested", p.RestartSuggested)
	b = appendFlag(b, "          ", "relogin_suggested", p.ReloginSuggested)
	if len(b) == start {
		return append(b[:open], "/>\n"...)
	}
	return append(b, "        </package>\n"...)
}

// appendTag appends a tag that lacks its end, with those attributes, names and values by
// turns, that have one.
func appendTag(b []byte, open string, attributes ...string) []byte {
	b = append(b, open...)
	for i := 0; i < len(attributes); i += 2 {
		if attributes[i+1] != "" {
			b = append(append(append(b, ' '), attributes[i]...), `="`...)
			b = append(repodata.AppendAttr(b, attributes[i+1]), '"')
		}
	}
	return b
}

func appendDate(b []byte, open, date string) []byte {
	if date == "" {
		return b
	}
	return append(appendTag(b, open, "date", date), "/>\n"...)
}

func appendText(b []byte, indent, name, text string) []byte {
	if text == "" {
		return b
	}
	b = append(append(append(append(b, indent...), '<'), name...), '>')
	b = repodata.AppendText(b, text)
	return append(append(append(b, "</"...), name...), ">\n"...)
}

func appendFlag(b []byte, indent, name string, is bool) []byte {
	if !is {
		return b
	}
	return appendText(b, indent, name, "True")
}

func appendList[T any](b []byte, indent, name string, list []T, add func(T, []byte) []byte) []byte {
	b = append(append(append(b, indent...), '<'), name...)
	if len(list) == 0 {
		return append(b, "/>\n"...)
	}
	b = append(b, ">\n"...)
	for _, e := range list {
		b = add(e, b)
	}
	return append(append(append(append(b, indent...), "</"...), name...), ">\n"...)
}
