package debrpm

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Control is what the control data of a Debian package say, in rpm's terms.
type Control struct {
	rpm.NEVRA
	// Source is the package's source package.
	Source rpm.NEVRA
	// Time is that of the control file, in seconds since 1970.
	Time int64

	fields map[string]string // of the control file, by lower-case name
	files  map[string][]byte // of the control archive, by name: "postinst"
}

// ReadControl reads the control data of a Debian package, and nothing behind it.
func ReadControl(deb io.Reader) (*Control, error) {
	a, err := openArchive(deb)
	if err != nil {
		return nil, err
	}
	return openControl(a)
}

// arches are rpm's names of Debian's architectures.
var arches = map[string]string{
	"all": "noarch", "amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7hl",
	"i386": "i686", "loong64": "loongarch64", "ppc64el": "ppc64le",
	"riscv64": "riscv64", "s390x": "s390x",
}

// parseControl reads the archive of control data.
func parseControl(archive []byte) (*Control, error) {
	c := &Control{files: map[string][]byte{}}
	if err := c.readFiles(tar.NewReader(bytes.NewReader(archive))); err != nil {
		return nil, fmt.Errorf("control archive: %w", err)
	}
	text, ok := c.files["control"]
	if !ok {
		return nil, errors.New("control archive has no file control")
	}
	var err error
	if c.fields, err = parseFields(string(text)); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if err := c.identify(); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	return c, nil
}

func (c *Control) readFiles(t *tar.Reader) error {
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := path.Clean(h.Name)
		if c.files[name], err = io.ReadAll(t); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		if name == "control" {
			c.Time = h.ModTime.Unix()
		}
	}
}

// identify sets the names and versions of the package and its source package.
func (c *Control) identify() error {
	var err error
	c.Name = c.fields["package"]
	if err := checkName(c.Name); err != nil {
		return fmt.Errorf("package %w", err)
	}
	if c.EVR, err = parseVersion(c.fields["version"]); err != nil {
		return err
	}
	var ok bool
	if c.Arch, ok = arches[c.fields["architecture"]]; !ok {
		return fmt.Errorf("architecture %q, want one that rpm has a name for", c.fields["architecture"])
	}
	c.Source = c.NEVRA
	c.Source.Arch = "src"
	name, version, versioned := strings.Cut(cmp.Or(c.fields["source"], c.Name), "(")
	c.Source.Name = strings.TrimSpace(name)
	if err := checkName(c.Source.Name); err != nil {
		return fmt.Errorf("source %w", err)
	}
	if versioned {
		version = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(version), ")"))
		if c.Source.EVR, err = parseVersion(version); err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	return nil
}

// parseFields reads a paragraph of "Name: value" lines. Lines that begin with
// white space continue the value before them, newline included.
func parseFields(text string) (map[string]string, error) {
	fields := map[string]string{}
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return nil, fmt.Errorf("line %q continues nothing", line)
			}
			fields[last] += "\n" + line[1:]
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf("line %q, want NAME: VALUE", line)
			}
			last = strings.ToLower(name)
			if _, twice := fields[last]; twice {
				return nil, fmt.Errorf("field %q is there twice", name)
			}
			fields[last] = strings.TrimSpace(value)
		}
	}
	return fields, nil
}

// text is the prose of the package. Debian has no field for the licence.
func (c *Control) text() rpm.Text {
	summary, rest, _ := strings.Cut(c.fields["description"], "\n")
	lines := strings.Split(rest, "\n")
	for i, line := range lines {
		if line == "." {
			lines[i] = ""
		}
	}
	return rpm.Text{
		Summary:     cmp.Or(summary, c.Name),
		Description: cmp.Or(strings.Join(lines, "\n"), summary, c.Name),
		License:     "LicenseRef-Debian",
		URL:         c.fields["homepage"],
		Group:       c.fields["section"],
		Vendor:      "Debian",
		Packager:    c.fields["maintainer"],
	}
}

// conffiles are the paths of the configuration files.
func (c *Control) conffiles() map[string]bool {
	paths := map[string]bool{}
	for line := range strings.Lines(string(c.files["conffiles"])) {
		paths[strings.TrimSpace(line)] = true
	}
	return paths
}

// scripts are Debian's names of rpm's scriptlets, what dpkg calls them with, and
// when. rpm tells in $1 how many versions of the package will be there after.
var scripts = []struct{ rpm, debian, prologue string }{
	{"prein", "preinst", "set -- install\n"},
	{"postin", "postinst", "set -- configure ''\n"},
	{"preun", "prerm", "[ \"$1\" = 0 ] || exit 0\nset -- remove\n"},
	{"postun", "postrm", "[ \"$1\" = 0 ] || exit 0\nset -- remove\n"},
}

// scriptlets are the maintainer scripts for rpm, which runs them by /bin/sh.
func (c *Control) scriptlets() (map[string]string, error) {
	m := map[string]string{}
	for _, k := range scripts {
		script, ok := c.files[k.debian]
		if !ok {
			continue
		}
		if p := interpreter(script); p != "/bin/sh" {
			return nil, fmt.Errorf("%s: interpreter %q, want /bin/sh", k.debian, p)
		}
		m[k.rpm] = k.prologue + string(script)
	}
	return m, nil
}
