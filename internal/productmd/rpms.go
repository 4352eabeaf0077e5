package productmd

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// RPMs is the content of rpms.json: every package of a compose.
type RPMs struct {
	Compose Compose
	RPMs    []RPM // in any order
}

// RPM is one package in one variant and architecture. A source package has an
// entry for each architecture with packages made of it.
type RPM struct {
	Variant  string // uid
	Arch     string // binary arch of the tree, never src
	Source   string // NEVRA of the source package; of a source package its own
	NEVRA    string // name-epoch:version-release.arch, the epoch always present
	Path     string
	SigKey   string // lower-case hex key id, "" if unsigned
	Category string // "binary", "debug" or "source"
}

// Validate reports what productmd would not accept.
func (r *RPM) Validate() error {
	if r.Variant == "" {
		return fmt.Errorf("rpm %q without a variant", r.NEVRA)
	}
	if err := ValidateArch(r.Arch); err != nil {
		return fmt.Errorf("rpm %q: %w", r.NEVRA, err)
	}
	arch, err := nevraArch(r.NEVRA)
	if err != nil {
		return fmt.Errorf("rpm: %w", err)
	}
	sourceArch, err := nevraArch(r.Source)
	if err != nil || !isSource(sourceArch) {
		return fmt.Errorf("rpm %q: source %q, want the NEVRA of a source package", r.NEVRA, r.Source)
	}
	if err := validateOneOf("category", r.Category, []string{"binary", "debug", "source"}); err != nil {
		return fmt.Errorf("rpm %q: %w", r.NEVRA, err)
	}
	if isSource(arch) != (r.Category == "source") {
		return fmt.Errorf("rpm %q: category %q, want source for source packages and no others", r.NEVRA, r.Category)
	}
	if isSource(arch) && r.Source != r.NEVRA {
		return fmt.Errorf("rpm %q: source %q, want its own NEVRA", r.NEVRA, r.Source)
	}
	if strings.Trim(r.SigKey, "0123456789abcdef") != "" {
		return fmt.Errorf("rpm %q: sigkey %q, want lower-case hexadecimal digits", r.NEVRA, r.SigKey)
	}
	if err := validatePath(r.Path); err != nil {
		return fmt.Errorf("rpm %q: %w", r.NEVRA, err)
	}
	return nil
}

func isSource(arch string) bool { return arch == "src" || arch == "nosrc" }

// nevraArch checks the form of a NEVRA and returns its architecture. It reads
// from the end, where the dashes of names do no harm; with a regular expression
// it would take half the time of writing the file.
func nevraArch(nevra string) (string, error) {
	dot := strings.LastIndexByte(nevra, '.')
	release := strings.LastIndexByte(nevra[:max(dot, 0)], '-')
	version := strings.LastIndexByte(nevra[:max(release, 0)], '-')
	if version < 1 || release+1 == dot || dot+1 == len(nevra) || strings.ContainsAny(nevra, "/ ") {
		return "", errNEVRA(nevra)
	}
	epoch, rest, found := strings.Cut(nevra[version+1:release], ":")
	if !found || epoch == "" || strings.Trim(epoch, "0123456789") != "" || rest == "" {
		return "", errNEVRA(nevra)
	}
	return nevra[dot+1:], nil
}

func errNEVRA(nevra string) error {
	return fmt.Errorf("NEVRA %q, want name-epoch:version-release.arch", nevra)
}

// Validate reports what productmd would not accept, and a package that is
// listed twice for one variant and architecture.
func (r *RPMs) Validate() error {
	_, err := r.sorted()
	return err
}

// sorted returns the valid entries in the order of the file.
func (r *RPMs) sorted() ([]RPM, error) {
	if err := r.Compose.Validate(); err != nil {
		return nil, err
	}
	for i := range r.RPMs {
		if err := r.RPMs[i].Validate(); err != nil {
			return nil, err
		}
	}
	sorted := slices.Clone(r.RPMs)
	slices.SortFunc(sorted, func(a, b RPM) int { return compareRPMs(&a, &b) })
	for i := range sorted {
		if i > 0 && compareRPMs(&sorted[i-1], &sorted[i]) == 0 {
			return nil, fmt.Errorf("rpm %q is listed twice in %s.%s", sorted[i].NEVRA, sorted[i].Variant, sorted[i].Arch)
		}
	}
	return sorted, nil
}

func compareRPMs(a, b *RPM) int {
	return cmp.Or(
		cmp.Compare(a.Variant, b.Variant),
		cmp.Compare(a.Arch, b.Arch),
		cmp.Compare(a.Source, b.Source),
		cmp.Compare(a.NEVRA, b.NEVRA),
	)
}

// Encode writes rpms.json.
func (r *RPMs) Encode(w io.Writer) error {
	sorted, err := r.sorted()
	if err != nil {
		return err
	}
	return writeDocument(w, "rpms", func(e *encoder) {
		r.Compose.encode(e, false)
		e.key("rpms")
		encodeNested(e, sorted, rpmLevels, func(e *encoder, entries []RPM) { entries[0].encode(e) })
	})
}

// rpmLevels are the keys on the way to an entry.
var rpmLevels = []func(*RPM) string{
	func(r *RPM) string { return r.Variant },
	func(r *RPM) string { return r.Arch },
	func(r *RPM) string { return r.Source },
	func(r *RPM) string { return r.NEVRA },
}

// encodeNested writes a sorted list as objects within objects, one for each
// level of keys, and leaf for what is below the last key.
func encodeNested[T any](e *encoder, sorted []T, levels []func(*T) string, leaf func(*encoder, []T)) {
	if len(levels) == 0 {
		leaf(e, sorted)
		return
	}
	e.object(func() {
		for key, part := range runs(sorted, levels[0]) {
			e.key(key)
			encodeNested(e, part, levels[1:], leaf)
		}
	})
}

func (r *RPM) encode(e *encoder) {
	e.object(func() {
		e.stringField("category", r.Category)
		e.stringField("path", r.Path)
		e.nullableField("sigkey", r.SigKey)
	})
}

// ParseRPMs reads rpms.json. The entries come sorted by variant, arch, source
// and NEVRA.
func ParseRPMs(r io.Reader) (*RPMs, error) {
	type entry struct {
		Path     string `json:"path"`
		SigKey   string `json:"sigkey"` // null leaves it empty
		Category string `json:"category"`
	}
	var payload struct {
		Compose composeJSON                                       `json:"compose"`
		RPMs    map[string]map[string]map[string]map[string]entry `json:"rpms"`
	}
	if err := readDocument(r, "rpms", &payload); err != nil {
		return nil, err
	}
	rpms := &RPMs{Compose: Compose(payload.Compose)}
	for _, variant := range slices.Sorted(maps.Keys(payload.RPMs)) {
		for _, arch := range slices.Sorted(maps.Keys(payload.RPMs[variant])) {
			bySource := payload.RPMs[variant][arch]
			for _, source := range slices.Sorted(maps.Keys(bySource)) {
				for _, nevra := range slices.Sorted(maps.Keys(bySource[source])) {
					p := bySource[source][nevra]
					rpms.RPMs = append(rpms.RPMs, RPM{
						Variant: variant, Arch: arch, Source: source, NEVRA: nevra,
						Path: p.Path, SigKey: p.SigKey, Category: p.Category,
					})
				}
			}
		}
	}
	return rpms, rpms.Validate()
}
