package debrpm

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

const (
	maxFiles    = 1 << 19        // entries of an archive; Debian's largest has 150,000
	maxPath     = 4096           // bytes of a path, as Linux has it
	tarOverhead = maxFiles * 512 // bytes of an archive besides the files

	modeRegular = 0o100000
	modeDir     = 0o040000
	modeLink    = 0o120000
)

// tree is the files of a package, by the path that they get.
type tree struct {
	files map[string]rpm.Content
	moved map[string]string // path that a file gets, to the one that it had
	size  int64
}

// readTree reads an archive of files. Configuration files are marked.
func readTree(archive []byte, conffiles map[string]bool, limit int64) (*tree, error) {
	t := &tree{files: map[string]rpm.Content{}, moved: map[string]string{}}
	r := tar.NewReader(bytes.NewReader(archive))
	for range maxFiles {
		h, err := r.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		if err := t.read(r, h, conffiles, limit); err != nil {
			return nil, fmt.Errorf("file %q: %w", h.Name, err)
		}
	}
	return nil, fmt.Errorf("more than %d files", maxFiles)
}

// read adds one entry of the archive.
func (t *tree) read(r io.Reader, h *tar.Header, conffiles map[string]bool, limit int64) error {
	old, err := confine(h.Name)
	if err != nil || old == "/" {
		return err
	}
	f := rpm.Content{
		Path: merged(old), ModTime: h.ModTime.Unix(),
		User: cmp.Or(h.Uname, "root"), Group: cmp.Or(h.Gname, "root"),
		Config: conffiles[old], Doc: isDoc(old),
	}
	permissions := uint32(h.Mode) & 0o7777
	switch h.Typeflag {
	case tar.TypeReg:
		f.Mode = modeRegular | permissions
		if h.Size > limit-t.size {
			return fmt.Errorf("%d bytes, want at most %d", h.Size, limit-t.size)
		}
		if f.Data, err = readFile(r, h.Size); err != nil {
			return err
		}
	case tar.TypeLink:
		if err := t.copyTo(&f, h.Linkname); err != nil {
			return err
		}
	case tar.TypeDir:
		f.Mode = modeDir | permissions
		f.Config = false
	case tar.TypeSymlink:
		f.Mode = modeLink | 0o777
		f.Config = false
		if f.Path, f.Link, err = symlink(old, h.Linkname); err != nil {
			return err
		}
	default:
		return fmt.Errorf("type %q, want a regular file, a directory or a link", h.Typeflag)
	}
	if t.size += int64(len(f.Data)); t.size > limit {
		return fmt.Errorf("more than %d bytes of files", limit)
	}
	return t.add(f, old)
}

// readFile reads the content of a file. Its size may be a lie up to the limit of
// all files, so a large one gets its memory as it arrives.
func readFile(r io.Reader, size int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(size+bytes.MinRead, 1<<20)))
	n, err := b.ReadFrom(r)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes, want %d", n, size)
	}
	return b.Bytes(), err
}

// copyTo makes f a copy of the file that a hard link leads to.
func (t *tree) copyTo(f *rpm.Content, link string) error {
	target, err := confine(link)
	if err != nil {
		return err
	}
	from, ok := t.files[merged(target)]
	if !ok || from.Mode&0o170000 != modeRegular {
		return fmt.Errorf("hard link to %q, want a regular file that came before", link)
	}
	f.Mode, f.Data = from.Mode, from.Data
	return nil
}

// add adds a file. Two entries can become one path only where a package has a
// link for those who look for a file on the other side of the merge.
func (t *tree) add(f rpm.Content, old string) error {
	was, twice := t.files[f.Path]
	switch {
	case !twice, was.Mode&modeDir != 0 && f.Mode&0o170000 == modeDir, leadsToItself(was):
		t.files[f.Path] = f
		if old != f.Path {
			t.moved[f.Path] = old
		}
	case leadsToItself(f):
	default:
		return fmt.Errorf("becomes %q, which is there already", f.Path)
	}
	return nil
}

// leadsToItself tells whether f is a link that the merge made one to itself.
func leadsToItself(f rpm.Content) bool {
	if f.Link == "" {
		return false
	}
	target := f.Link
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(f.Path), target)
	}
	return merged(path.Clean(target)) == f.Path
}

// confine returns the absolute path of an entry's name, "./usr/bin/sh".
func confine(name string) (string, error) {
	if strings.ContainsAny(name, "\x00\n") || len(name) > maxPath {
		return "", errors.New("path has a newline or is too long")
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == ".." {
			return "", errors.New("path leads out by \"..\"")
		}
	}
	return path.Clean("/" + name), nil
}

// toplevel are the directories that are links into /usr on a merged system.
var toplevel = []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"}

// merged is the place of a path on a system with merged /usr.
func merged(p string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	if slices.Contains(toplevel, first) {
		return "/usr" + p
	}
	return p
}

// symlink returns the place and target of a link that was at p. A target that
// climbs out of a directory that moves would end elsewhere, and becomes absolute.
// The links of the merge itself stay.
func symlink(p, target string) (place, link string, err error) {
	if target == "" || strings.ContainsAny(target, "\x00\n") || len(target) > maxPath {
		return "", "", fmt.Errorf("symbolic link to %q, want a path", target)
	}
	place = merged(p)
	if place == p || path.Dir(p) == "/" {
		return p, target, nil
	}
	if end := path.Join(path.Dir(p), target); !path.IsAbs(target) && merged(end) == end {
		return place, end, nil
	}
	return place, target, nil
}

// isDoc tells whether rpmbuild would mark the file as documentation.
func isDoc(p string) bool {
	for _, dir := range []string{"/usr/share/doc/", "/usr/share/info/", "/usr/share/man/"} {
		if strings.HasPrefix(p, dir) {
			return true
		}
	}
	return false
}

// addLinks adds the links of a merged /usr, where there are none.
func (t *tree) addLinks(time int64) {
	for _, name := range []string{"bin", "lib", "lib64", "sbin"} {
		p := "/" + name
		if _, ok := t.files[p]; !ok {
			t.files[p] = rpm.Content{Path: p, Mode: modeLink | 0o777, Link: "usr" + p, ModTime: time}
		}
	}
}

// contents lists the files by path.
func (t *tree) contents() []rpm.Content {
	list := make([]rpm.Content, 0, len(t.files))
	for _, p := range slices.Sorted(maps.Keys(t.files)) {
		list = append(list, t.files[p])
	}
	return list
}

// newest is the time of the newest file, or least.
func (t *tree) newest(least int64) int64 {
	for _, f := range t.files {
		least = max(least, f.ModTime)
	}
	return least
}

// oldPaths are the places that programs had before the merge. Who requires
// /bin/sh finds no such file in any package, only a link on its way.
func (t *tree) oldPaths() []rpm.Dependency {
	var deps []rpm.Dependency
	for p, old := range t.moved {
		if dir := path.Dir(old); (dir == "/bin" || dir == "/sbin") && t.files[p].Mode&0o170000 != modeDir {
			deps = append(deps, rpm.Dependency{Name: old})
		}
	}
	return deps
}
