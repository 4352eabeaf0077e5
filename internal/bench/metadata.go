package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/dnf"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules/packages"
)

// fromMetadata compares the way from a repository's metadata to the closure of all that is
// in it with `dnf repoclosure`, both with empty caches. The repository is Debian's release
// with all its choices and conflicts; there are no package files. Both must find the same
// requirements that nothing meets.
func fromMetadata(ctx context.Context, l *lab) error {
	few := *l
	few.runs = l.often()
	l = &few
	n, err := l.nights(ctx)
	if err != nil {
		return err
	}
	d := n.raw
	repo, ws, cacheDir, theirs := l.path("mirror", d.arch), l.path("workspace"), l.path("cache"), l.path("theirs")
	if err := d.writeMetadata(repo); err != nil {
		return err
	}
	if err := writeWorkspace(ws, composeHead([]string{d.arch})+fmt.Sprintf(everythingDefinition, repo), nil); err != nil {
		return err
	}
	var found, want []string
	ours, peer, err := l.race(ctx,
		contestant{
			command: []string{l.pungo, "build", "-C", ws, "--cache", cacheDir, "//:gather.solve"},
			before:  l.fresh(cacheDir, filepath.Join(ws, "pungo-out"), filepath.Join(ws, "compose.lock")),
			after:   func(int, []byte) (err error) { found, err = readDecisions(ws); return err },
		},
		contestant{
			// It fails if it finds something, which what it prints tells as well.
			command: shell(`"$@" || [ $? = 1 ]`, "dnf", "--quiet", "--nogpgcheck", "--releasever=1", "--setopt=cachedir="+theirs,
				"--repofrompath=debian,file://"+repo, "--repo=debian", "repoclosure"),
			before: l.empty(theirs),
			after:  func(_ int, stdout []byte) (err error) { want, err = dnf.Findings(string(stdout)); return err },
		})
	if err != nil {
		return err
	}
	if !slices.Equal(found, want) {
		return fmt.Errorf("%d findings, dnf has %d: %s", len(found), len(want), firstDifference(found, want))
	}
	claim := fmt.Sprintf("metadata: closure of %d packages, %d findings", len(d.packages), len(found))
	l.table.faster(claim+", against dnf repoclosure", 5, ours, peer)
	l.table.below("metadata: peak memory", 400, ours)
	return nil
}

const everythingDefinition = `
variant(name = "Everything")
repo(name = "debian", baseurl = [%q])
pkgset(name = "packages", sources = [":debian"])
gather(name = "gather", packages = ":packages", additional_packages = ["*"], check_deps = False)
`

// readDecisions returns what nothing meets, from the log of our solver, as dnf.Findings does.
func readDecisions(ws string) ([]string, error) {
	const log = "gather-Everything.*.json"
	paths, err := filepath.Glob(filepath.Join(ws, "pungo-out", "targets", "*", "*", log))
	if err != nil || len(paths) != 1 {
		return nil, fmt.Errorf("%d files %s: %w", len(paths), log, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		return nil, err
	}
	found := []string{}
	for line := range strings.Lines(string(data)) {
		if !strings.Contains(line, `"unresolved"`) {
			continue
		}
		var d packages.Decision
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			return nil, err
		}
		found = append(found, packages.ShortName(d.By)+": "+d.Wanted)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// writeMetadata writes repodata of the packages in a new folder, which has none of them.
func (d *debian) writeMetadata(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "repodata"), 0o777); err != nil {
		return err
	}
	n := len(d.packages)
	var index repodata.Repomd
	for _, document := range []struct {
		kind       string
		open, tail []byte
		element    func([]byte, *rpm.Package, repodata.Location) []byte
	}{
		{"primary", repodata.PrimaryOpen(n), repodata.PrimaryClose(), repodata.AppendPrimary},
		{"filelists", repodata.FilelistsOpen(n), repodata.FilelistsClose(), repodata.AppendFilelists},
		{"other", repodata.OtherOpen(n), repodata.OtherClose(), appendChanges},
	} {
		text := document.open
		for _, p := range d.packages {
			described := p.Package
			described.Provides = append(p.own(), p.Provides...)
			id := repodata.SHA256.Sum([]byte(p.NEVRA.String()))
			text = document.element(text, &described, repodata.Location{
				Href: p.FileName(), Checksum: id, PackageSize: 4096, FileTime: p.BuildTime,
			})
		}
		record, err := writeDocument(dir, document.kind, append(text, document.tail...))
		if err != nil {
			return err
		}
		index.Records = append(index.Records, record)
	}
	f, err := os.Create(filepath.Join(dir, "repodata", "repomd.xml"))
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = index.WriteTo(f)
	return err
}

func appendChanges(b []byte, p *rpm.Package, at repodata.Location) []byte {
	return repodata.AppendOther(b, p, at, repodata.DefaultChangelogLimit)
}

// own is what a package file provides of itself.
func (p *debianPackage) own() []rpm.Dependency {
	return []rpm.Dependency{{Name: p.Name, Sense: rpm.Equal, EVR: p.EVR}}
}

func writeDocument(dir, kind string, text []byte) (repodata.Record, error) {
	f := repodata.File{Type: kind, Name: kind + ".xml", Compression: repodata.Gzip, Checksum: repodata.SHA256, Unique: true, Timestamp: built}
	var b strings.Builder
	r, err := f.Write(&b, text)
	if err != nil {
		return repodata.Record{}, err
	}
	return r, os.WriteFile(filepath.Join(dir, r.Location), []byte(b.String()), 0o666)
}
