package modulemd

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pungo-build/pungo/internal/rpm"
)

// firstError runs functions until one fails.
func firstError(all ...func() error) error {
	for _, fn := range all {
		if err := fn(); err != nil {
			return err
		}
	}
	return nil
}

// stream reads a document "modulemd".
func (p *parser) stream(data *mapping, version string, d document) error {
	s := &Stream{document: d}
	err := firstError(
		func() error { return p.identify(data, s) },
		func() error { return p.describe(data, s) },
		func() (err error) { s.Dependencies, err = p.dependencies(data, version); return err },
		func() (err error) { s.API, err = data.rpms("api"); return err },
		func() (err error) { s.Filter, err = data.rpms("filter"); return err },
		func() (err error) { s.Profiles, err = p.profiles(data); return err },
		func() (err error) { s.Artifacts, err = p.artifacts(data); return err },
	)
	p.index.Streams = append(p.index.Streams, s)
	return err
}

func (p *parser) identify(data *mapping, s *Stream) error {
	return firstError(
		func() (err error) { s.Name, err = data.word("name", true); return err },
		func() (err error) { s.Stream, err = data.word("stream", true); return err },
		func() (err error) { s.Version, s.number, err = data.number("version", true); return err },
		func() (err error) { s.Context, err = data.word("context", true); return err },
		func() (err error) { s.Arch, err = data.word("arch", false); return err },
	)
}

// describe reads what readers want of each stream, to show it.
func (p *parser) describe(data *mapping, s *Stream) error {
	var static string
	err := firstError(
		func() (err error) { static, err = data.text("static_context", false); return err },
		func() (err error) { s.Summary, err = data.stated("summary"); return err },
		func() (err error) { s.Description, err = data.stated("description"); return err },
	)
	if err != nil {
		return err
	}
	s.StaticContext = strings.EqualFold(static, "true")
	license, err := data.mapping("license", true)
	if err != nil {
		return err
	}
	if s.Licenses, err = license.list("module"); err == nil && len(s.Licenses) == 0 {
		return license.lacks("module")
	}
	return err
}

// dependencies reads the alternatives of version 2, or the one of version 1, in which a
// module needs one stream of another.
func (p *parser) dependencies(data *mapping, version string) ([]Dependencies, error) {
	n := data.fields["dependencies"]
	if isNull(n) {
		return nil, nil
	}
	read, elements := (*mapping).lists, n.Content
	switch {
	case version == "1":
		read, elements = (*mapping).words, []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		return nil, p.at(n, "data.dependencies is %s, want a list", kindOf(n))
	}
	all := make([]Dependencies, len(elements))
	for i, e := range elements {
		m, err := p.mapping(e, "data.dependencies")
		if err != nil {
			return nil, err
		}
		for _, side := range []struct {
			name string
			to   *map[string][]string
		}{{"buildrequires", &all[i].BuildRequires}, {"requires", &all[i].Requires}} {
			in, err := m.mapping(side.name, false)
			if err != nil {
				return nil, err
			}
			if *side.to, err = read(in); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// words returns what is one text in every field, as lists of one.
func (m *mapping) words() (map[string][]string, error) {
	lists := map[string][]string{}
	for _, name := range m.names() {
		text, err := m.text(name, true)
		if err != nil {
			return nil, err
		}
		lists[name] = []string{text}
	}
	return lists, nil
}

func (p *parser) profiles(data *mapping) (map[string][]string, error) {
	in, err := data.mapping("profiles", false)
	if err != nil {
		return nil, err
	}
	profiles := make(map[string][]string, len(in.fields))
	for _, name := range in.names() {
		if profiles[name], err = in.rpms(name); err != nil {
			return nil, err
		}
	}
	return profiles, nil
}

// artifacts reads the NEVRAs of packages. libmodulemd refuses those without an epoch.
func (p *parser) artifacts(data *mapping) ([]string, error) {
	in, err := data.mapping("artifacts", false)
	if err != nil {
		return nil, err
	}
	list, err := in.list("rpms")
	if n := in.fields["rpms"]; err == nil && n != nil && isNull(n) {
		// To libmodulemd this is a list of a package without a name.
		err = p.at(n, "data.artifacts.rpms is nothing, want a list")
	}
	for i := 0; i < len(list) && err == nil; i++ {
		nevra, bad := rpm.ParseNEVRA(list[i])
		if bad == nil && nevra.String() != list[i] {
			bad = fmt.Errorf("%q, want %q, with the epoch", list[i], nevra)
		}
		if bad != nil {
			err = p.at(in.fields["rpms"].Content[i], "data.artifacts.rpms: %w", bad)
		}
	}
	return list, err
}

// defaults reads a document "modulemd-defaults".
func (p *parser) defaults(data *mapping, _ string, d document) error {
	f := &Defaults{origin: d.origin}
	err := firstError(
		func() (err error) { f.Module, err = data.word("module", true); return err },
		func() (err error) { _, f.Modified, err = data.number("modified", false); return err },
		func() (err error) { f.Choice, err = p.choice(data); return err },
	)
	if err != nil {
		return err
	}
	intents, err := data.mapping("intents", false)
	if err != nil {
		return err
	}
	for _, name := range intents.names() {
		in, err := intents.mapping(name, true)
		if err != nil {
			return err
		}
		if f.Intents == nil {
			f.Intents = map[string]Choice{}
		}
		if f.Intents[name], err = p.choice(in); err != nil {
			return err
		}
	}
	p.index.Defaults = append(p.index.Defaults, f)
	return nil
}

func (p *parser) choice(data *mapping) (c Choice, err error) {
	if c.Stream, err = data.word("stream", false); err != nil {
		return c, err
	}
	profiles, err := data.mapping("profiles", false)
	if err != nil {
		return c, err
	}
	c.Profiles, err = profiles.lists()
	return c, err
}

// obsoletes reads a document "modulemd-obsoletes".
func (p *parser) obsoletes(data *mapping, _ string, d document) error {
	o := &Obsoletes{document: d}
	err := firstError(
		func() (err error) { o.Module, err = data.word("module", true); return err },
		func() (err error) { o.Stream, err = data.word("stream", true); return err },
		func() (err error) { o.Context, err = data.word("context", false); return err },
		func() (err error) { o.Modified, err = data.time("modified"); return err },
		func() (err error) { _, err = data.text("message", true); return err },
	)
	p.index.Obsoletes = append(p.index.Obsoletes, o)
	return err
}

// translations reads a document "modulemd-translations".
func (p *parser) translations(data *mapping, _ string, d document) error {
	t := &Translations{document: d}
	err := firstError(
		func() (err error) { t.Module, err = data.word("module", true); return err },
		func() (err error) { t.Stream, err = data.word("stream", true); return err },
		func() (err error) { _, t.Modified, err = data.number("modified", true); return err },
	)
	p.index.Translations = append(p.index.Translations, t)
	return err
}
