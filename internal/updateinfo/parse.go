package updateinfo

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// maxProblems bounds how many mistakes of content one error reports.
const maxProblems = 20

// Parse reads a document in UTF-8, and calls fn for each advisory in it, one by one.
// Elements and attributes that are not known are passed over, as are collections without
// packages. No entities but XML's own five are known, so none can expand. How much is read
// is up to r.
//
// Mistakes of content (an advisory without id, a package without name, version, release
// or arch, an epoch that is no number) are collected, so that one run shows them all; a
// mistake of syntax, or an error of fn, ends the reading. Each message begins with
// "line N:", the line where the advisory begins or the syntax ends.
func Parse(r io.Reader, fn func(*Advisory) error) error {
	p := &parser{dec: xml.NewDecoder(r), fn: fn}
	p.dec.CharsetReader = func(name string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("encoding %q, want UTF-8", name)
	}
	if err := p.document(); err != nil {
		p.problems = append(p.problems, err)
	}
	return errors.Join(p.problems...)
}

type parser struct {
	dec      *xml.Decoder
	fn       func(*Advisory) error
	problems []error
}

// errTooManyProblems ends the reading of a file that is beyond repair.
var errTooManyProblems = errors.New("too many mistakes, the rest is not reported")

// at prefixes an error with a line, and gives those of the decoder our form.
func at(line int, err error) error {
	if bad, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return fmt.Errorf("line %d: %s", bad.Line, bad.Msg)
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// document reads the whole file: one updates element, nothing after it.
func (p *parser) document() error {
	seen := false
	for {
		tok, err := p.dec.Token()
		line, _ := p.dec.InputPos()
		if err == io.EOF && seen {
			return nil
		}
		if err == io.EOF {
			err = errors.New("no element, want <updates>")
		}
		if err != nil {
			return at(line, err)
		}
		root, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if seen || root.Name.Local != "updates" {
			return at(line, fmt.Errorf("root element <%s>, want one <updates>", root.Name.Local))
		}
		seen = true
		if err := p.updates(); err != nil {
			return err
		}
	}
}

// updates reads the advisories in the root, to its end.
func (p *parser) updates() error {
	for {
		tok, err := p.dec.Token()
		line, _ := p.dec.InputPos()
		if err != nil {
			return at(line, err)
		}
		switch tok := tok.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if tok.Name.Local != "update" {
				err = p.dec.Skip()
			} else {
				err = p.update(line, tok)
			}
			if err == errTooManyProblems {
				return err
			}
			if err != nil {
				return at(line, err)
			}
		}
	}
}

// update reads one advisory, and notes what is wrong with it.
func (p *parser) update(line int, start xml.StartElement) error {
	var x xmlUpdate
	if err := p.dec.DecodeElement(&x, &start); err != nil {
		return err
	}
	a, problems := x.advisory()
	for _, problem := range problems {
		if len(p.problems) == maxProblems {
			return errTooManyProblems
		}
		p.problems = append(p.problems, at(line, problem))
	}
	if len(p.problems) > 0 {
		return nil
	}
	return p.fn(a)
}

// xmlUpdate is an advisory as encoding/xml sees it. Names have no namespace here.
type xmlUpdate struct {
	From        string   `xml:"from,attr"`
	Status      string   `xml:"status,attr"`
	Type        string   `xml:"type,attr"`
	Version     string   `xml:"version,attr"`
	ID          string   `xml:"id"`
	Title       string   `xml:"title"`
	Issued      xmlDate  `xml:"issued"`
	Updated     xmlDate  `xml:"updated"`
	Rights      string   `xml:"rights"`
	Release     string   `xml:"release"`
	PushCount   string   `xml:"pushcount"`
	Severity    string   `xml:"severity"`
	Summary     string   `xml:"summary"`
	Description string   `xml:"description"`
	Solution    string   `xml:"solution"`
	Reboot      *xmlFlag `xml:"reboot_suggested"`
	References  []struct {
		Href  string `xml:"href,attr"`
		ID    string `xml:"id,attr"`
		Type  string `xml:"type,attr"`
		Title string `xml:"title,attr"`
	} `xml:"references>reference"`
	Collections []xmlCollection `xml:"pkglist>collection"`
}

type xmlDate struct {
	Date string `xml:"date,attr"`
}

type xmlCollection struct {
	Short  string `xml:"short,attr"`
	Name   string `xml:"name"`
	Module struct {
		Name    string `xml:"name,attr"`
		Stream  string `xml:"stream,attr"`
		Version string `xml:"version,attr"`
		Context string `xml:"context,attr"`
		Arch    string `xml:"arch,attr"`
	} `xml:"module"`
	Packages []xmlPackage `xml:"package"`
}

type xmlPackage struct {
	Name     string `xml:"name,attr"`
	Version  string `xml:"version,attr"`
	Release  string `xml:"release,attr"`
	Epoch    string `xml:"epoch,attr"`
	Arch     string `xml:"arch,attr"`
	Src      string `xml:"src,attr"`
	FileName string `xml:"filename"`
	Sums     []struct {
		Type string `xml:"type,attr"`
		Hex  string `xml:",chardata"`
	} `xml:"sum"`
	Reboot  *xmlFlag `xml:"reboot_suggested"`
	Restart *xmlFlag `xml:"restart_suggested"`
	Relogin *xmlFlag `xml:"relogin_suggested"`
}

// xmlFlag is an element that says something by being there. Some tools write "False" into
// it instead of leaving it out.
type xmlFlag struct {
	Text string `xml:",chardata"`
}

func (f *xmlFlag) is() bool {
	if f == nil {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(f.Text)) {
	case "false", "0", "no":
		return false
	}
	return true
}

// advisory returns what was read, and all that is wrong with it.
func (x *xmlUpdate) advisory() (*Advisory, []error) {
	a := &Advisory{
		ID: strings.TrimSpace(x.ID), From: x.From, Status: x.Status, Type: x.Type, Version: x.Version,
		Title: x.Title, Issued: x.Issued.Date, Updated: x.Updated.Date, Rights: x.Rights, Release: x.Release,
		PushCount: x.PushCount, Severity: x.Severity, Summary: x.Summary, Description: x.Description,
		Solution: x.Solution, RebootSuggested: x.Reboot.is(),
	}
	for _, r := range x.References {
		a.References = append(a.References, Reference(r))
	}
	var problems []error
	if a.ID == "" {
		problems = append(problems, fmt.Errorf("advisory %q has no id", a.Title))
	}
	for _, c := range x.Collections {
		if len(c.Packages) == 0 {
			continue
		}
		to := Collection{Short: c.Short, Name: c.Name, Module: Module(c.Module), Packages: make([]Package, len(c.Packages))}
		for i := range c.Packages {
			if err := c.Packages[i].read(&to.Packages[i]); err != nil {
				problems = append(problems, fmt.Errorf("advisory %q: package %q: %w", a.ID, c.Packages[i].Name, err))
			}
		}
		a.Collections = append(a.Collections, to)
	}
	return a, problems
}

func (x *xmlPackage) read(p *Package) error {
	for _, a := range [...]struct{ name, value string }{
		{"name", x.Name}, {"version", x.Version}, {"release", x.Release}, {"arch", x.Arch},
	} {
		if a.value == "" {
			return fmt.Errorf("no %s", a.name)
		}
	}
	var epoch uint64
	if x.Epoch != "" { // which some tools leave out for 0
		var err error
		if epoch, err = strconv.ParseUint(x.Epoch, 10, 32); err != nil {
			return fmt.Errorf("epoch %q, want a number from 0", x.Epoch)
		}
	}
	*p = Package{
		NEVRA: rpm.NEVRA{Name: x.Name, EVR: rpm.EVR{Epoch: uint32(epoch), Version: x.Version, Release: x.Release}, Arch: x.Arch},
		Src:   x.Src, FileName: strings.TrimSpace(x.FileName),
		RebootSuggested: x.Reboot.is(), RestartSuggested: x.Restart.is(), ReloginSuggested: x.Relogin.is(),
	}
	for _, s := range x.Sums {
		p.Sums = append(p.Sums, Sum{Type: s.Type, Hex: strings.TrimSpace(s.Hex)})
	}
	return nil
}
