package repodata

import (
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// PrimaryOpen is the head of a primary document of n packages.
func PrimaryOpen(n int) []byte {
	return open(`<metadata xmlns="http://linux.duke.edu/metadata/common"`+
		` xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="`, n)
}

// PrimaryClose is the end of a primary document.
func PrimaryClose() []byte { return []byte("</metadata>\n") }

// AppendPrimary appends the package's element of a primary document.
func AppendPrimary(b []byte, p *rpm.Package, at Location) []byte {
	b = append(b, "<package type=\"rpm\">\n"...)
	b = appendElement(b, "  <name>", p.Name, "</name>\n")
	b = appendElement(b, "  <arch>", arch(p), "</arch>\n")
	b = appendVersion(b, p)
	b = AppendAttr(append(b, `  <checksum type="`...), string(at.Checksum.Type))
	b = appendElement(b, `" pkgid="YES">`, at.Checksum.Hex, "</checksum>\n")
	b = appendElement(b, "  <summary>", p.Text.Summary, "</summary>\n")
	b = appendElement(b, "  <description>", p.Text.Description, "</description>\n")
	b = appendElement(b, "  <packager>", p.Text.Packager, "</packager>\n")
	b = appendElement(b, "  <url>", p.Text.URL, "</url>\n")
	b = appendNumber(b, `  <time file="`, at.FileTime)
	b = appendNumber(b, `" build="`, p.BuildTime)
	b = appendNumber(b, "\"/>\n  <size package=\"", at.PackageSize)
	b = appendNumber(b, `" installed="`, p.InstalledSize)
	b = appendNumber(b, `" archive="`, p.ArchiveSize)
	b = AppendAttr(append(b, "\"/>\n  <location href=\""...), at.Href)
	b = append(b, "\"/>\n"...)
	b = appendFormat(b, p)
	return append(b, "</package>\n"...)
}

// appendFormat appends what is particular to RPM.
func appendFormat(b []byte, p *rpm.Package) []byte {
	b = append(b, "  <format>\n"...)
	b = appendElement(b, "    <rpm:license>", p.Text.License, "</rpm:license>\n")
	b = appendElement(b, "    <rpm:vendor>", p.Text.Vendor, "</rpm:vendor>\n")
	b = appendElement(b, "    <rpm:group>", p.Text.Group, "</rpm:group>\n")
	b = appendElement(b, "    <rpm:buildhost>", p.Text.BuildHost, "</rpm:buildhost>\n")
	b = appendElement(b, "    <rpm:sourcerpm>", p.SourceRPM, "</rpm:sourcerpm>\n")
	b = appendNumber(b, `    <rpm:header-range start="`, p.HeaderStart)
	b = appendNumber(b, `" end="`, p.HeaderEnd)
	b = append(b, "\"/>\n"...)
	b = appendDependencies(b, "provides", p.Provides)
	b = appendRequires(b, p)
	b = appendDependencies(b, "conflicts", p.Conflicts)
	b = appendDependencies(b, "obsoletes", p.Obsoletes)
	b = appendDependencies(b, "suggests", p.Suggests)
	b = appendDependencies(b, "enhances", p.Enhances)
	b = appendDependencies(b, "recommends", p.Recommends)
	b = appendDependencies(b, "supplements", p.Supplements)
	for i := range p.Files {
		if PrimaryPath(p.Files[i].Path) {
			b = appendFile(append(b, "  "...), &p.Files[i])
		}
	}
	return append(b, "  </format>\n"...)
}

func appendElement(b []byte, open, text, end string) []byte {
	return append(AppendText(append(b, open...), text), end...)
}

func appendNumber(b []byte, before string, n int64) []byte {
	return strconv.AppendInt(append(b, before...), n, 10)
}

// PrimaryPath reports whether a path is listed in primary already: a solver
// that meets only dependencies on such paths need not load filelists.
func PrimaryPath(path string) bool {
	return strings.HasPrefix(path, "/etc/") ||
		strings.Contains(path, "bin/") ||
		path == "/usr/lib/sendmail"
}

// appendDependencies appends the element <rpm:kind>, if there is anything to
// put in it.
func appendDependencies(b []byte, kind string, deps []rpm.Dependency) []byte {
	if len(deps) == 0 {
		return b
	}
	b = append(append(append(b, "    <rpm:"...), kind...), ">\n"...)
	for i := range deps {
		b = appendDependency(b, &deps[i], false)
	}
	return append(append(append(b, "    </rpm:"...), kind...), ">\n"...)
}

// appendDependency appends one <rpm:entry>. Only requirements say pre.
func appendDependency(b []byte, d *rpm.Dependency, pre bool) []byte {
	if d.Name == "" {
		return b
	}
	b = AppendAttr(append(b, `      <rpm:entry name="`...), d.Name)
	if flags := flagName(d.Sense); flags != "" {
		b = append(append(b, `" flags="`...), flags...)
		b = appendEVR(b, &d.EVR)
	}
	if pre {
		b = append(b, `" pre="1`...)
	}
	return append(b, "\"/>\n"...)
}

// appendEVR continues an open attribute with the version of a dependency.
func appendEVR(b []byte, v *rpm.EVR) []byte {
	if *v == (rpm.EVR{}) {
		return b
	}
	b = strconv.AppendUint(append(b, `" epoch="`...), uint64(v.Epoch), 10)
	if v.Version != "" {
		b = AppendAttr(append(b, `" ver="`...), v.Version)
	}
	if v.Release != "" {
		b = AppendAttr(append(b, `" rel="`...), v.Release)
	}
	return b
}

// flagName is the name of a comparison in repodata. Only the usual five have
// one: a dependency that says "less or greater" is written without its
// version, as createrepo_c does.
func flagName(s rpm.Sense) string {
	switch s {
	case rpm.Less:
		return "LT"
	case rpm.Less | rpm.Equal:
		return "LE"
	case rpm.Equal:
		return "EQ"
	case rpm.Greater | rpm.Equal:
		return "GE"
	case rpm.Greater:
		return "GT"
	}
	return ""
}
