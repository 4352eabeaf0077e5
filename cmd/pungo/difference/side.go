package difference

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/internal/crew"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

// InputError says that what was given cannot be compared: the mistake is in the call.
type InputError struct{ text string }

func (e *InputError) Error() string { return e.text }

func inputf(format string, args ...any) error { return &InputError{fmt.Sprintf(format, args...)} }

// Side is one of two to compare.
type Side struct {
	Subject
	in      confined     // compose/, or the folder; of a lock none
	compose *composeSide // nil if it is none
	repo    *repository  // of a Repository
	// cells has the packages by variant and arch.
	cells map[Cell][]Package
}

// composeSide is what only a compose has.
type composeSide struct {
	dir     string                  // of the metadata: "metadata/", or "" if there is nothing else
	status  string                  // "" if not known
	info    *productmd.ComposeInfo  // nil without
	modules []productmd.Module      // sorted
	images  []productmd.ListedImage // sorted
	hasRPMs bool
}

// outputState is in folders that builds write to, which have composes in them.
const outputState = ".pungo"

// wanted are what can be compared.
const wanted = "want a compose, a folder with repodata or packages, or a compose.lock"

// Open finds out what a path is. Who opened a side closes it.
func Open(name string) (*Side, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, inputf("%s: no such file or folder, %s", name, wanted)
	case err != nil:
		return nil, inputf("%s: %v", name, reason(err))
	case info.Mode().IsRegular():
		return openLock(name)
	case !info.IsDir():
		return nil, inputf("%s: neither a file nor a folder, %s", name, wanted)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, inputf("%s: %v", name, reason(err))
	}
	s := &Side{Subject: Subject{Path: name}, in: confined{root}, cells: map[Cell][]Package{}}
	if err := s.recognize(); err != nil {
		root.Close()
		return nil, err
	}
	return s, nil
}

// reason is an error without the path, which was said.
func reason(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// openLock accepts a lock; whoever knows its pins reads them.
func openLock(name string) (*Side, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, inputf("%s: %v", name, reason(err))
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxWord))
	if err != nil {
		return nil, inputf("%s: %v", name, reason(err))
	}
	for line := range strings.Lines(string(head)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			if strings.HasPrefix(line, "pungo-lock ") {
				return &Side{Subject: Subject{Path: name, Type: Lock}}, nil
			}
			break
		}
	}
	return nil, inputf("%s: a file that is no lock, %s", name, wanted)
}

// Close closes the folder.
func (s *Side) Close() error {
	if s.in.root == nil {
		return nil
	}
	return s.in.root.Close()
}

// recognize finds out what a folder is.
func (s *Side) recognize() (err error) {
	isCompose := func(prefix string) bool {
		return s.in.has(prefix+"metadata/rpms.json") || s.in.has(prefix+"metadata/composeinfo.json")
	}
	switch {
	case isCompose("compose/"):
		s.Type, s.compose = Compose, &composeSide{dir: "metadata/", status: s.in.word("STATUS")}
		s.ID = s.in.word("COMPOSE_ID")
		whole := s.in.root
		defer whole.Close()
		below, err := whole.OpenRoot("compose")
		if err != nil {
			return inputf("%s: %v", filepath.Join(s.Path, "compose"), reason(err))
		}
		s.in = confined{below}
	case isCompose(""):
		s.Type, s.compose = Compose, &composeSide{dir: "metadata/"}
	case s.in.has("rpms.json") || s.in.has("composeinfo.json"):
		s.Type, s.compose = Compose, &composeSide{}
	case s.in.has(outputState):
		return inputf("%s: an output folder, want one of the composes in it", s.Path)
	default:
		if s.repo, err = openRepository(s.in, "."); err != nil {
			return err
		}
		s.Type = Repository
		if s.repo == nil {
			s.Type = Folder
		}
	}
	return nil
}

// read reads all but the repodata of a compose.
func (s *Side) read(ctx context.Context) error {
	switch s.Type {
	case Compose:
		return s.readCompose()
	case Repository:
		if _, ok := s.repo.record("primary"); !ok {
			return s.in.errorf("repodata/repomd.xml", errors.New("lists no primary"))
		}
		var list []Package
		err := s.repo.packages(ctx, true, func(p *rpm.Package, at repodata.Location) {
			list = append(list, ofMetadata(p, at, s.repo))
		})
		s.cells[Cell{}] = unique(list)
		return err
	}
	return s.readFolder(ctx)
}

func (s *Side) readCompose() (err error) {
	c := s.compose
	info, err := parsed(s.in, c.dir+"composeinfo.json", productmd.ParseComposeInfo)
	if err != nil {
		return err
	}
	if info != nil {
		c.info, s.ID = *info, (*info).Compose.ID
	}
	modules, err := parsed(s.in, c.dir+"modules.json", productmd.ParseModules)
	if err != nil {
		return err
	}
	if modules != nil {
		c.modules = (*modules).Modules
	}
	images, err := parsed(s.in, c.dir+"images.json", productmd.ParseImages)
	if err != nil {
		return err
	}
	if images != nil {
		c.images = (*images).Images
	}
	rpms, err := parsed(s.in, c.dir+"rpms.json", productmd.ParseRPMs)
	if rpms == nil || err != nil {
		return err
	}
	c.hasRPMs = true
	if s.ID == "" {
		s.ID = (*rpms).Compose.ID
	}
	return s.addRPMs((*rpms).RPMs)
}

// addRPMs takes what rpms.json lists.
func (s *Side) addRPMs(list []productmd.RPM) error {
	n := map[Cell]int{}
	for i := range list {
		n[Cell{list[i].Variant, list[i].Arch}]++
	}
	for cell, n := range n {
		s.cells[cell] = make([]Package, 0, n)
	}
	for i := range list {
		r := &list[i]
		nevra, err := rpm.ParseNEVRA(r.NEVRA)
		if err != nil {
			return s.in.errorf(s.compose.dir+"rpms.json", err)
		}
		source, err := rpm.ParseNEVRA(r.Source)
		if err != nil {
			return s.in.errorf(s.compose.dir+"rpms.json", err)
		}
		cell := Cell{r.Variant, r.Arch}
		s.cells[cell] = append(s.cells[cell], Package{
			NEVRA: nevra, Category: r.Category, Source: source, Path: r.Path, SigKey: r.SigKey, Signed: true,
		})
	}
	return nil
}

// readFolder reads the headers of all packages in a folder and those below it.
func (s *Side) readFolder(ctx context.Context) error {
	var paths []string
	err := fs.WalkDir(s.in.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return s.in.errorf(name, err)
		case strings.HasSuffix(name, ".rpm") && !d.IsDir():
			paths = append(paths, name)
		}
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return inputf("%s: a folder with neither compose/metadata, repodata nor packages, %s", s.Path, wanted)
	}
	list := make([]Package, len(paths))
	err = crew.New(0).Each(ctx, len(paths), func(_ context.Context, i int) error {
		p, size, sum, err := s.in.header(paths[i])
		if err == nil {
			list[i] = ofHeader(p)
			list[i].Path, list[i].Size, list[i].SigKey, list[i].Signed = paths[i], size, strings.Clone(p.SigKey), true
			list[i].HeaderSum = sum
		}
		return err
	})
	s.cells[Cell{}] = unique(list)
	return err
}

// header reads the header of a package, and how large its file is; sum is that of the main
// header.
func (d confined) header(name string) (p *rpm.Package, size int64, sum [sha256.Size]byte, err error) {
	f, err := d.open(name)
	if err != nil {
		return nil, 0, sum, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, sum, d.errorf(name, err)
	}
	if p, err = rpm.Read(f, info.Size()); err != nil {
		return nil, 0, sum, d.errorf(name, err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, p.HeaderStart, p.HeaderEnd-p.HeaderStart)); err != nil {
		return nil, 0, sum, d.errorf(name, err)
	}
	h.Sum(sum[:0])
	return p, info.Size(), sum, nil
}

// unique drops what is there twice, as a package of two variants is: the first of the
// paths counts.
func unique(list []Package) []Package {
	slices.SortFunc(list, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	seen := make(map[rpm.NEVRA]bool, len(list))
	return slices.DeleteFunc(list, func(p Package) bool {
		was := seen[p.NEVRA]
		seen[p.NEVRA] = true
		return was
	})
}

// flatten makes one cell of all.
func (s *Side) flatten() {
	var all []Package
	for _, list := range s.cells {
		all = append(all, list...)
	}
	s.cells = map[Cell][]Package{{}: unique(all)}
}

// repositoriesOf are the folders of repositories that composeinfo.json names for the
// cells that are there, by what they are: repository, debug_repository, source_repository.
func (s *Side) repositoriesOf(field string) map[Cell]string {
	dirs := map[Cell]string{}
	if s.compose == nil || s.compose.info == nil {
		return dirs
	}
	for _, v := range s.compose.info.Variants {
		for arch, dir := range v.Paths[field] {
			dirs[Cell{v.UID, arch}] = dir
		}
	}
	return dirs
}

// byPath finds packages, which may be in several cells, by their paths.
func (s *Side) byPath() map[string][]*Package {
	all := map[string][]*Package{}
	for _, list := range s.cells {
		for i := range list {
			all[list[i].Path] = append(all[list[i].Path], &list[i])
		}
	}
	return all
}

// reader is who wants to know what a repository says of the packages of a side.
type reader struct {
	repo   *repository
	byPath map[string][]*Package
	lock   *sync.Mutex // of the packages
}

func (r *reader) take(p *rpm.Package, at repodata.Location) {
	found := r.byPath[path.Join(r.repo.dir, at.Href)]
	if len(found) == 0 {
		return
	}
	sum := repodata.Checksum{Type: at.Checksum.Type, Hex: strings.Clone(at.Checksum.Hex)}
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, pkg := range found {
		if pkg.in == nil {
			pkg.in, pkg.Size, pkg.BuildTime, pkg.Checksum = r.repo, at.PackageSize, p.BuildTime, sum
		}
	}
}

// readers returns who wants to know what the repositories of a compose say, in the order
// of their folders.
func (s *Side) readers() ([]*reader, error) {
	dirs := map[string]bool{}
	for _, field := range []string{"repository", "debug_repository", "source_repository"} {
		for _, dir := range s.repositoriesOf(field) {
			dirs[dir] = true
		}
	}
	byPath, lock := s.byPath(), new(sync.Mutex)
	var all []*reader
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		repo, err := openRepository(s.in, dir)
		if err != nil {
			return nil, err
		}
		if repo != nil {
			all = append(all, &reader{repo, byPath, lock})
		}
	}
	return all, nil
}

// describe completes the packages of composes from the metadata of their repositories.
// One that two composes have is read once.
func describe(ctx context.Context, sides ...*Side) error {
	bySum := map[repodata.Checksum][]*reader{}
	var order []repodata.Checksum
	for _, s := range sides {
		if s.Type != Compose {
			continue
		}
		readers, err := s.readers()
		if err != nil {
			return err
		}
		for _, r := range readers {
			if rec, ok := r.repo.record("primary"); ok {
				if bySum[rec.Checksum] == nil {
					order = append(order, rec.Checksum)
				}
				bySum[rec.Checksum] = append(bySum[rec.Checksum], r)
			}
		}
	}
	return crew.New(0).Each(ctx, len(order), func(ctx context.Context, i int) error {
		readers := bySum[order[i]]
		return readers[0].repo.packages(ctx, false, func(p *rpm.Package, at repodata.Location) {
			for _, r := range readers {
				r.take(p, at)
			}
		})
	})
}

// measure asks the file system how large the packages are that no repository lists. It
// returns how many are not there either.
func (s *Side) measure() (unknown int) {
	for _, list := range s.cells {
		for i := range list {
			if p := &list[i]; p.Size == 0 && p.in == nil {
				if info, err := s.in.root.Stat(filepath.FromSlash(p.Path)); err == nil {
					p.Size = info.Size()
				} else {
					unknown++
				}
			}
		}
	}
	return unknown
}
