package rpm

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"path"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

// writeParams describe one package, as the attributes of rule rpm.
type writeParams struct {
	Output        string      `arg:"output,required"`
	Name          string      `arg:"name,required"`
	Epoch         int         `arg:"epoch"`
	Version       string      `arg:"version,required"`
	Release       string      `arg:"release,required"`
	Arch          string      `arg:"arch,required"`
	Summary       string      `arg:"summary"`
	Description   string      `arg:"description"`
	License       string      `arg:"license"`
	URL           string      `arg:"url"`
	Source        string      `arg:"source"`
	Debuginfo     bool        `arg:"debuginfo"`
	Requires      []string    `arg:"requires"`
	Provides      []string    `arg:"provides"`
	Conflicts     []string    `arg:"conflicts"`
	Obsoletes     []string    `arg:"obsoletes"`
	Recommends    []string    `arg:"recommends"`
	Suggests      []string    `arg:"suggests"`
	Supplements   []string    `arg:"supplements"`
	Enhances      []string    `arg:"enhances"`
	ExclusiveArch []string    `arg:"exclusive-arch"`
	ExcludeArch   []string    `arg:"exclude-arch"`
	Files         [][2]string `arg:"file"`
	Changes       []string    `arg:"change"`
}

// write makes a folder with the package and, if asked for, its debuginfo.
func write(ctx context.Context, j *rules.Job) error {
	var p writeParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	spec, err := p.spec()
	if err != nil {
		return err
	}
	specs := []*format.Spec{spec}
	if p.Debuginfo {
		specs = append(specs, debuginfo(spec))
	}
	var dir cache.Directory
	for _, s := range specs {
		var b bytes.Buffer
		if err := format.Write(&b, s); err != nil {
			return err // names the package
		}
		n, err := writeLoose(ctx, j.Trees.Store(), b.Bytes())
		if err != nil {
			return err
		}
		n.Name, n.ModTime = s.FileName(), s.BuildTime
		dir = append(dir, n)
	}
	d, err := j.Trees.Write(ctx, dir)
	if err != nil {
		return err
	}
	j.Output(p.Output, cache.Node{Kind: cache.DirKind, Digest: d})
	return nil
}

// writeLoose stores a package as a file of its own, so that composes can link
// it.
func writeLoose(ctx context.Context, store cache.Store, data []byte) (cache.Node, error) {
	w, err := store.Create(ctx)
	if err != nil {
		return cache.Node{}, err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return cache.Node{}, err
	}
	d, err := w.Commit()
	return cache.Node{Kind: cache.FileKind, Digest: d}, err
}

func (p *writeParams) spec() (*format.Spec, error) {
	if p.Epoch < 0 || p.Epoch > math.MaxUint32 {
		return nil, fmt.Errorf("epoch %d, want 0 to %d", p.Epoch, math.MaxUint32)
	}
	if p.Debuginfo && (format.NEVRA{Arch: p.Arch}).IsSource() {
		return nil, fmt.Errorf("debuginfo of a package of arch %q: sources have none", p.Arch)
	}
	s := &format.Spec{Package: format.Package{
		NEVRA:         format.NEVRA{Name: p.Name, EVR: format.EVR{Epoch: uint32(p.Epoch), Version: p.Version, Release: p.Release}, Arch: p.Arch},
		ExclusiveArch: p.ExclusiveArch,
		ExcludeArch:   p.ExcludeArch,
		BuildTime:     rules.Oldest, // without a changelog
		Text: format.Text{
			Summary: cmp.Or(p.Summary, p.Name), Description: cmp.Or(p.Description, p.Summary, p.Name),
			License: p.License, URL: p.URL,
		},
	}}
	if !format.IsRPMArch(p.Arch) {
		return nil, fmt.Errorf("arch %q is not known, want an rpm arch such as x86_64, noarch or src", p.Arch)
	}
	if !s.IsSource() {
		s.SourceRPM = fmt.Sprintf("%s-%s-%s.src.rpm", cmp.Or(p.Source, p.Name), p.Version, p.Release)
	}
	for _, d := range []struct {
		name string
		from []string
		to   *[]format.Dependency
	}{
		{"requires", p.Requires, &s.Requires}, {"provides", p.Provides, &s.Provides},
		{"conflicts", p.Conflicts, &s.Conflicts}, {"obsoletes", p.Obsoletes, &s.Obsoletes},
		{"recommends", p.Recommends, &s.Recommends}, {"suggests", p.Suggests, &s.Suggests},
		{"supplements", p.Supplements, &s.Supplements}, {"enhances", p.Enhances, &s.Enhances},
	} {
		for _, text := range d.from {
			dep, err := format.ParseDependency(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.name, err)
			}
			*d.to = append(*d.to, dep)
		}
	}
	for _, text := range p.Changes {
		change, err := parseChange(text)
		if err != nil {
			return nil, err
		}
		s.Text.Changelog = append(s.Text.Changelog, change)
		s.BuildTime = max(s.BuildTime, change.Time)
	}
	for _, f := range p.Files {
		c, err := content(f[0], f[1], s)
		if err != nil {
			return nil, err
		}
		s.Contents = append(s.Contents, c)
	}
	return s, nil
}

// content is one entry of attribute files. Source packages hold files by their
// names alone.
func content(name, text string, s *format.Spec) (format.Content, error) {
	clean := path.Clean(name)
	c := format.Content{Path: clean, ModTime: s.BuildTime}
	switch {
	case !path.IsAbs(name) && !s.IsSource() || (clean != name && clean+"/" != name):
		return c, fmt.Errorf("files: %q is not an absolute, clean path", name)
	case strings.HasSuffix(name, "/"):
		c.Mode = 0o040755
	case strings.HasPrefix(text, "-> "):
		c.Mode, c.Link = 0o120777, strings.TrimPrefix(text, "-> ")
	case path.Base(path.Dir(name)) == "bin" || path.Base(path.Dir(name)) == "sbin":
		c.Mode, c.Data = 0o100755, []byte(text)
	default:
		c.Mode, c.Data = 0o100644, []byte(text)
	}
	return c, nil
}

// parseChange reads "2026-01-31 Name <mail> - 1.0-1: text". As in spec files,
// the time is noon of that day.
func parseChange(s string) (format.Change, error) {
	day, rest, ok1 := strings.Cut(s, " ")
	author, text, ok2 := strings.Cut(rest, ": ")
	t, err := time.Parse(time.DateOnly, day)
	if !ok1 || !ok2 || err != nil {
		return format.Change{}, fmt.Errorf("changelog: %q, want \"2026-01-31 Name <mail> - 1.0-1: text\"", s)
	}
	if t.Unix() < 0 || t.Unix() > math.MaxInt32 {
		return format.Change{}, fmt.Errorf("changelog: %q, want a day from 1970 to 2037", s)
	}
	return format.Change{Author: author, Time: t.Unix() + 12*60*60, Text: "- " + text}, nil
}

// debuginfo returns the package that would hold the debugging symbols of s.
func debuginfo(s *format.Spec) *format.Spec {
	d := &format.Spec{Package: format.Package{
		NEVRA:     s.NEVRA,
		SourceRPM: s.SourceRPM,
		BuildTime: s.BuildTime,
		Text:      s.Text,
	}}
	d.Name += "-debuginfo"
	d.Text.Summary = "Debug information for package " + s.Name
	d.Text.Description = "Debugging symbols of " + s.Name + ", for debuggers."
	d.Contents = []format.Content{{
		Path:    "/usr/lib/debug/usr/lib/" + s.Name + "-" + s.Version + "-" + s.Release + "." + s.Arch + ".debug",
		Mode:    0o100644,
		Data:    []byte("symbols of " + s.NEVRA.String() + "\n"),
		ModTime: s.BuildTime,
	}}
	return d
}
