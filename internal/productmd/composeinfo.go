package productmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Compose is the section that every JSON file has in common.
type Compose struct {
	ID     string // contains Date
	Date   string // YYYYMMDD
	Type   ComposeType
	Respin int
	Label  string // milestone as in ParseLabel, or ""; only composeinfo.json records it
	Final  bool   // recorded together with a label
}

// Validate reports what productmd would not accept.
func (c Compose) Validate() error {
	if !datePattern.MatchString(c.Date) {
		return fmt.Errorf("compose date %q, want YYYYMMDD", c.Date)
	}
	if !strings.Contains(c.ID, c.Date) {
		return fmt.Errorf("compose id %q, want one with the date %s", c.ID, c.Date)
	}
	if err := c.Type.Validate(); err != nil {
		return err
	}
	if c.Respin < 0 {
		return fmt.Errorf("compose respin %d, want 0 or more", c.Respin)
	}
	if c.Label == "" {
		return nil
	}
	_, err := ParseLabel(c.Label)
	return err
}

// encode writes the section, with the label if there is one and the file is to
// have it.
func (c Compose) encode(e *encoder, withLabel bool) {
	withLabel = withLabel && c.Label != ""
	e.key("compose")
	e.object(func() {
		e.stringField("date", c.Date)
		if withLabel {
			e.boolField("final", c.Final)
		}
		e.stringField("id", c.ID)
		if withLabel {
			e.stringField("label", c.Label)
		}
		e.intField("respin", int64(c.Respin))
		e.stringField("type", string(c.Type))
	})
}

// ComposeInfo is the content of composeinfo.json: what a compose is, and where
// its parts are.
type ComposeInfo struct {
	Compose     Compose
	Release     Product
	Internal    bool      // the release is not for the public
	BaseProduct *Product  // what a layered release is based on, else nil
	Variants    []Variant // in any order
}

// Variant describes one variant.
type Variant struct {
	ID       string // letters and digits
	UID      string // parent's uid, dash, id; without a parent the id, or the id with dashes in it
	Parent   string // uid, "" for a variant of its own
	Name     string // for people
	Type     string // one of VariantTypes
	Arches   []string
	Paths    map[string]map[string]string // one of PathFields to arch to path
	Release  *Product                     // of a layered-product variant, else nil
	Internal bool                         // Release is not for the public
}

// PathFields are the names of paths that a variant can have, in sorted order.
func PathFields() []string {
	return []string{
		"debug_packages", "debug_repository", "debug_tree",
		"images", "isos", "jigdos", "os_tree", "packages", "repository",
		"source_isos", "source_jigdos", "source_packages", "source_repository", "source_tree",
	}
}

// Validate reports what productmd would not accept.
func (c *ComposeInfo) Validate() error {
	if err := c.Compose.Validate(); err != nil {
		return err
	}
	if err := c.Release.Validate(); err != nil {
		return err
	}
	if c.BaseProduct != nil {
		if err := c.BaseProduct.Validate(); err != nil {
			return fmt.Errorf("base product: %w", err)
		}
	}
	byUID := make(map[string]*Variant, len(c.Variants))
	for i := range c.Variants {
		v := &c.Variants[i]
		if byUID[v.UID] != nil {
			return fmt.Errorf("variant %q is listed twice", v.UID)
		}
		byUID[v.UID] = v
	}
	for i := range c.Variants {
		if err := c.Variants[i].validate(byUID); err != nil {
			return fmt.Errorf("variant %q: %w", c.Variants[i].UID, err)
		}
	}
	return nil
}

func (v *Variant) validate(byUID map[string]*Variant) error {
	if err := ValidateVariantID(v.ID); err != nil {
		return err
	}
	if err := validateOneOf("variant type", v.Type, VariantTypes()); err != nil {
		return err
	}
	if strings.TrimSpace(v.Name) == "" {
		return fmt.Errorf("variant name %q, want some text", v.Name)
	}
	if err := v.validateRelease(); err != nil {
		return err
	}
	if len(v.Arches) == 0 {
		return errors.New("no arches, want at least one")
	}
	for _, arch := range v.Arches {
		if err := ValidateArch(arch); err != nil {
			return err
		}
	}
	if err := v.validateParent(byUID); err != nil {
		return err
	}
	return v.validatePaths()
}

func (v *Variant) validateRelease() error {
	switch layered := v.Type == "layered-product"; {
	case layered && v.Release == nil:
		return errors.New("a layered product without a release")
	case !layered && v.Release != nil:
		return errors.New("a release of its own, want only with the type layered-product")
	case layered:
		return v.Release.Validate()
	}
	return nil
}

// validateParent checks the uid, and that the parent has all arches.
func (v *Variant) validateParent(byUID map[string]*Variant) error {
	if v.Parent == "" {
		if strings.ReplaceAll(v.UID, "-", "") != v.ID {
			return fmt.Errorf("id %q, want the uid without dashes", v.ID)
		}
		return nil
	}
	parent := byUID[v.Parent]
	if parent == nil {
		return fmt.Errorf("parent %q is not listed", v.Parent)
	}
	if v.UID != parent.UID+"-"+v.ID {
		return fmt.Errorf("uid %q, want %q", v.UID, parent.UID+"-"+v.ID)
	}
	for _, arch := range v.Arches {
		if !slices.Contains(parent.Arches, arch) {
			return fmt.Errorf("arch %q is not one of its parent, which has %s", arch, strings.Join(parent.Arches, ", "))
		}
	}
	return nil
}

func (v *Variant) validatePaths() error {
	for _, field := range slices.Sorted(maps.Keys(v.Paths)) {
		if err := validateOneOf("path field", field, PathFields()); err != nil {
			return err
		}
		for _, arch := range slices.Sorted(maps.Keys(v.Paths[field])) {
			if !slices.Contains(v.Arches, arch) {
				return fmt.Errorf("%s: arch %q is not one of the variant, which has %s", field, arch, strings.Join(v.Arches, ", "))
			}
			if err := validatePath(v.Paths[field][arch]); err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
		}
	}
	return nil
}

// Encode writes composeinfo.json.
func (c *ComposeInfo) Encode(w io.Writer) error {
	if err := c.Validate(); err != nil {
		return err
	}
	children := make(map[string][]string)
	for _, v := range c.Variants {
		children[v.Parent] = append(children[v.Parent], v.ID)
	}
	return writeDocument(w, "composeinfo", func(e *encoder) {
		if c.BaseProduct != nil {
			e.key("base_product")
			e.object(func() {
				e.stringField("name", c.BaseProduct.Name)
				e.stringField("short", c.BaseProduct.Short)
				e.stringField("type", cmp.Or(c.BaseProduct.Type, "ga"))
				e.stringField("version", c.BaseProduct.Version)
			})
		}
		c.Compose.encode(e, true)
		encodeRelease(e, c.Release, c.Internal, c.BaseProduct != nil)
		e.key("variants")
		e.object(func() {
			for _, v := range slices.SortedFunc(slices.Values(c.Variants), func(a, b Variant) int { return cmp.Compare(a.UID, b.UID) }) {
				e.key(v.UID)
				e.object(func() { v.encode(e, children[v.UID]) })
			}
		})
	})
}

func encodeRelease(e *encoder, p Product, internal, layered bool) {
	e.key("release")
	e.object(func() {
		e.boolField("internal", internal)
		if layered {
			e.boolField("is_layered", true)
		}
		e.stringField("name", p.Name)
		e.stringField("short", p.Short)
		e.stringField("type", cmp.Or(p.Type, "ga"))
		e.stringField("version", p.Version)
	})
}

func (v *Variant) encode(e *encoder, children []string) {
	e.listField("arches", slices.Sorted(slices.Values(v.Arches)))
	e.stringField("id", v.ID)
	e.stringField("name", v.Name)
	e.key("paths")
	e.object(func() {
		for _, field := range slices.Sorted(maps.Keys(v.Paths)) {
			if len(v.Paths[field]) > 0 {
				e.mapField(field, v.Paths[field])
			}
		}
	})
	if v.Release != nil {
		encodeRelease(e, *v.Release, v.Internal, true)
	}
	e.stringField("type", v.Type)
	e.stringField("uid", v.UID)
	if len(children) > 0 {
		e.listField("variants", slices.Sorted(slices.Values(children)))
	}
}

// composeJSON is the section compose of a file that is read.
type composeJSON struct {
	ID     string      `json:"id"`
	Date   string      `json:"date"`
	Type   ComposeType `json:"type"`
	Respin int         `json:"respin"`
	Label  string      `json:"label"`
	Final  bool        `json:"final"`
}
