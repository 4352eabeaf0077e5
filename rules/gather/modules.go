package gather

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/modulemd"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// moduleSet is the modules of a variant on an arch, and what they mean for its packages.
type moduleSet struct {
	streams []packages.Module
	// dropped are streams that cannot be there, and why: the method hybrid looks.
	dropped map[string]string
	wanted  []solve.Wanted // the packages of streams
	modular map[int]bool   // by index: the same
	// absent are packages, by index, that no variant with these streams can have: those of
	// other streams, and those that a package of a stream takes the place of.
	absent map[int]string
}

// readModules reads the streams of the variant, and finds their packages.
func (p *solveParams) readModules(ctx context.Context, j *rules.Job, entries []*packages.Entry) (*moduleSet, error) {
	m := &moduleSet{dropped: map[string]string{}, modular: map[int]bool{}, absent: map[int]string{}}
	if p.Modules == "" {
		return m, nil
	}
	data, err := j.Read(ctx, p.Modules)
	if err != nil {
		return nil, err
	}
	if m.streams, err = packages.DecodeModules(data); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Modules, err)
	}
	if p.Method == hybrid {
		if err := p.settleModules(ctx, j, m, entries); err != nil {
			return nil, err
		}
	}
	m.find(entries, p.Arch, p.Method == hybrid)
	return m, nil
}

// find notes which packages the streams have. Sources come along with binary packages, and
// so do debug packages, unless debug says that those count which the streams have.
func (m *moduleSet) find(entries []*packages.Entry, arch string, debug bool) {
	streams := map[string]string{} // by NEVRA
	for _, s := range m.streams {
		for _, nevra := range s.Artifacts {
			streams[nevra] = s.NSVC
		}
	}
	arches := format.ValidArches(arch, true)
	for i, e := range entries {
		if len(streams) == 0 || !slices.Contains(arches, e.Arch) {
			continue
		}
		nevra := e.NEVRA.String()
		nsvc, ok := streams[nevra]
		if !ok {
			continue
		}
		m.modular[i] = true
		if kind := solve.KindOf(&e.Package); kind == solve.Binary || kind == solve.Debug && debug {
			m.wanted = append(m.wanted, solve.Wanted{Index: i, Reason: "module " + nsvc})
		}
	}
}

// settleModules drops the streams that need what is not there, and notes which packages are
// absent with those that stay.
func (p *solveParams) settleModules(ctx context.Context, j *rules.Job, m *moduleSet, entries []*packages.Entry) error {
	around, err := loadStreams(ctx, j, p.LookasideModules)
	if err != nil {
		return err
	}
	m.dropUnmet(around)
	if err := checkPlatforms(m.streams, around); err != nil {
		return err
	}
	known, err := loadStreams(ctx, j, []string{p.PackageModules})
	if err != nil {
		return err
	}
	m.hide(known, entries)
	return nil
}

func loadStreams(ctx context.Context, j *rules.Job, paths []string) ([]packages.Module, error) {
	var list []packages.Module
	for _, path := range paths {
		x, err := packages.LoadModules(ctx, j, path)
		if err != nil {
			return nil, err
		}
		for _, s := range x.Streams {
			list = append(list, packages.ListModule(s))
		}
	}
	return list, nil
}

// dropUnmet drops streams that require modules which are neither here nor around, until
// none does.
func (m *moduleSet) dropUnmet(around []packages.Module) {
	for {
		before := len(m.streams)
		there := slices.Concat(m.streams, around)
		m.streams = slices.DeleteFunc(slices.Clone(m.streams), func(s packages.Module) bool {
			missing := unmet(s, there)
			if missing != "" {
				m.dropped[s.NSVC] = missing
			}
			return missing != ""
		})
		if len(m.streams) == before {
			return
		}
	}
}

// platform is the module that stands for the base system; it is never among the others.
const platform = "platform"

// unmet returns what a stream requires and does not find, "" if one of its alternatives has
// all.
func unmet(s packages.Module, there []packages.Module) (missing string) {
	for _, alternative := range s.Requires {
		missing = ""
		for _, name := range slices.Sorted(maps.Keys(alternative)) {
			streams := alternative[name]
			if name != platform && !slices.ContainsFunc(there, func(o packages.Module) bool { return o.Name == name && accepts(streams, o.Stream) }) {
				missing = name
				if len(streams) > 0 {
					missing += ":" + strings.Join(streams, "|")
				}
				break
			}
		}
		if missing == "" {
			return ""
		}
	}
	return missing
}

// accepts tells whether a list of streams, as modulemd has it in requires, has one: an empty
// list has any, and one of "-1.0" any but 1.0.
func accepts(streams []string, stream string) bool {
	if slices.Contains(streams, stream) {
		return true
	}
	return !slices.Contains(streams, "-"+stream) &&
		!slices.ContainsFunc(streams, func(s string) bool { return !strings.HasPrefix(s, "-") })
}

// checkPlatforms refuses streams that were made for different base systems.
func checkPlatforms(lists ...[]packages.Module) error {
	by := map[string]string{}
	for _, s := range slices.Concat(lists...) {
		for _, stream := range s.Platform {
			if _, ok := by[stream]; !ok {
				by[stream] = s.NSVC
			}
		}
	}
	if len(by) < 2 {
		return nil
	}
	var texts []string
	for _, stream := range slices.Sorted(maps.Keys(by)) {
		texts = append(texts, fmt.Sprintf("%s:%s by %s", platform, stream, by[stream]))
	}
	return fmt.Errorf("modules want different platforms: %s", strings.Join(texts, ", "))
}

// hide notes which packages are absent: those of streams that the variant does not have, and
// those without a module that have the name of one with.
func (m *moduleSet) hide(known []packages.Module, entries []*packages.Entry) {
	here, owner, taken := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, s := range m.streams {
		for _, nevra := range s.Artifacts {
			here[nevra] = true
			if n, err := format.ParseNEVRA(nevra); err == nil {
				taken[n.Name] = s.NSVC
			}
		}
	}
	for _, s := range known {
		for _, nevra := range s.Artifacts {
			owner[nevra] = s.NSVC
		}
	}
	if len(owner) == 0 {
		return
	}
	for i, e := range entries {
		nevra := e.NEVRA.String()
		switch nsvc, modular := owner[nevra]; {
		case here[nevra]:
		case modular && m.dropped[nsvc] != "":
			m.absent[i] = fmt.Sprintf("of module %s, which requires %s, and nothing here is that", nsvc, m.dropped[nsvc])
		case modular:
			m.absent[i] = fmt.Sprintf("of module %s, which the variant does not have", nsvc)
		case taken[e.Name] != "":
			m.absent[i] = fmt.Sprintf("module %s has %s", taken[e.Name], e.Name)
		}
	}
}

// writeModules writes the modulemd and the list of the streams that stay.
func (p *solveParams) writeModules(ctx context.Context, j *rules.Job, m *moduleSet) error {
	if p.KeptModules == "" {
		return nil
	}
	all, err := packages.LoadModules(ctx, j, p.Modulemd)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(all.Streams), func(s *modulemd.Stream) bool { return m.dropped[s.NSVC()] != "" })
	var text bytes.Buffer
	if err := modulemd.Write(&text, all.Subset(kept)); err != nil {
		return err
	}
	list, err := packages.EncodeModules(m.streams)
	if err != nil {
		return err
	}
	if err := j.Write(ctx, p.KeptModulemd, text.Bytes()); err != nil {
		return err
	}
	return j.Write(ctx, p.KeptModules, list)
}
