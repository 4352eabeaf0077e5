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

// Modules is the content of modules.json: every module of a compose. The file
// is written even if there is none.
type Modules struct {
	Compose Compose
	Modules []Module // in any order
}

// Module is one module in one variant and architecture.
type Module struct {
	Variant  string // uid
	Arch     string // binary arch of the tree
	Name     string
	Stream   string
	Version  string
	Context  string
	KojiTag  string            // tag with its packages; "DUMMY" if it never was in Koji
	Modulemd map[string]string // "binary", "debug" or "source" to the path of the repodata record
	RPMs     []string          // NEVRAs, in any order
}

// UID returns name:stream:version:context.
func (m *Module) UID() string {
	return m.Name + ":" + m.Stream + ":" + m.Version + ":" + m.Context
}

// Validate reports what productmd would not accept.
func (m *Module) Validate() error {
	if err := m.validate(); err != nil {
		return fmt.Errorf("module %q: %w", m.UID(), err)
	}
	return nil
}

func (m *Module) validate() error {
	if m.Variant == "" {
		return errors.New("no variant")
	}
	if err := ValidateArch(m.Arch); err != nil {
		return err
	}
	for _, part := range []string{m.Name, m.Stream, m.Version, m.Context} {
		if part == "" || strings.Contains(part, ":") {
			return errors.New("want four parts without colons: name, stream, version, context")
		}
	}
	if m.KojiTag == "" {
		return errors.New("no Koji tag, want one, or \"DUMMY\"")
	}
	for _, category := range slices.Sorted(maps.Keys(m.Modulemd)) {
		if err := validateOneOf("category", category, []string{"binary", "debug", "source"}); err != nil {
			return err
		}
		if err := validatePath(m.Modulemd[category]); err != nil {
			return err
		}
	}
	for _, nevra := range m.RPMs {
		if _, err := nevraArch(nevra); err != nil {
			return err
		}
	}
	return nil
}

// Encode writes modules.json. The packages of entries for the same module are
// not merged: a module listed twice for one variant and architecture is an
// error.
func (m *Modules) Encode(w io.Writer) error {
	if err := m.Compose.Validate(); err != nil {
		return err
	}
	for i := range m.Modules {
		if err := m.Modules[i].Validate(); err != nil {
			return err
		}
	}
	sorted := slices.SortedFunc(slices.Values(m.Modules), compareModules)
	for i := range sorted {
		if i > 0 && compareModules(sorted[i-1], sorted[i]) == 0 {
			return fmt.Errorf("module %q is listed twice in %s.%s", sorted[i].UID(), sorted[i].Variant, sorted[i].Arch)
		}
	}
	return writeDocument(w, "modules", func(e *encoder) {
		m.Compose.encode(e, false)
		e.key("modules")
		encodeNested(e, sorted, moduleLevels, func(e *encoder, modules []Module) { modules[0].encode(e) })
	})
}

func compareModules(a, b Module) int {
	return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.UID(), b.UID()))
}

// moduleLevels are the keys on the way to a module.
var moduleLevels = []func(*Module) string{
	func(m *Module) string { return m.Variant },
	func(m *Module) string { return m.Arch },
	(*Module).UID,
}

func (m *Module) encode(e *encoder) {
	e.object(func() {
		e.key("metadata")
		e.object(func() {
			e.stringField("context", m.Context)
			e.stringField("koji_tag", m.KojiTag)
			e.stringField("name", m.Name)
			e.stringField("stream", m.Stream)
			e.stringField("uid", m.UID())
			e.stringField("version", m.Version)
		})
		e.mapField("modulemd_path", m.Modulemd)
		e.listField("rpms", slices.Sorted(slices.Values(m.RPMs)))
	})
}
