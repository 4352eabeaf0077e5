package starlark

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// isLabel reports whether the value of a file attribute names a target.
func isLabel(s string) bool {
	return strings.HasPrefix(s, ":") || strings.HasPrefix(s, "//") || strings.HasPrefix(s, "@")
}

// checkFile checks the form of a path or a label.
func checkFile(s string) error {
	if isLabel(s) {
		_, err := parseReference(s, "")
		return err
	}
	switch {
	case s == "":
		return fmt.Errorf("%q is not a path", s)
	case strings.HasPrefix(s, "/"):
		return fmt.Errorf("%q is an absolute path, want one below the folder of compose.star", s)
	case !fs.ValidPath(s):
		return fmt.Errorf("%q is not a plain path, without \"..\" and \"//\", below the folder of compose.star", s)
	case strings.ContainsAny(s, "\x00\n"):
		return fmt.Errorf("%q is not a path", s)
	}
	return nil
}

// workspaceFile returns the artifact of a path relative to the folder pkg.
func (a *analysis) workspaceFile(pkg, name string, attr *attribute) (*file, error) {
	source := rules.Source{Path: path.Join(pkg, name), Suffix: attr.suffix, Sharded: attr.sharded}
	if f := a.files[source]; f != nil && (f.Kind == cache.DirKind) == attr.directory {
		return f, nil
	}
	info, err := fs.Stat(a.workspace, source.Path)
	if err != nil {
		return nil, a.noFile(source.Path, name, err)
	}
	switch {
	case info.IsDir() && !attr.directory:
		return nil, attr.otherKind(name, "a folder, want a file")
	case !info.IsDir() && attr.directory:
		return nil, attr.otherKind(name, "a file, want a folder")
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil, wrong(name, "%q is neither a file nor a folder", name)
	}
	kind := cache.FileKind
	if info.IsDir() {
		kind = cache.DirKind
	}
	name = path.Base(source.Path)
	if name == "." {
		name = "workspace" // the root has no name in the definition, and needs one as an input
	}
	f := &file{&rules.Artifact{Name: name, Kind: kind, Source: &source}}
	a.files[source] = f
	return f, nil
}

// isGlob reports whether an entry that wants a folder names no path, but a glob.
func (a *analysis) isGlob(i *instance, attr *attribute, text string) bool {
	if !attr.folders || !attr.directory || isLabel(text) || !strings.ContainsAny(text, globChars) {
		return false
	}
	_, err := fs.Stat(a.workspace, path.Join(i.Label.Package, text))
	return err != nil
}

const globChars = "*?["

// workspaceFiles is workspaceFile for what may be a glob: the folder with which it begins,
// and the rest.
func (a *analysis) workspaceFiles(i *instance, text string, attr *attribute) (f *file, glob string, err error) {
	if !a.isGlob(i, attr, text) {
		f, err = a.workspaceFile(i.Label.Package, text, attr)
		if m := (*mistake)(nil); errors.As(err, &m) && attr.folders && !attr.directory && strings.ContainsAny(text, globChars) {
			m.hint = "a key that ends in / takes what a glob matches"
		}
		return f, "", err
	}
	elements := strings.Split(text, "/")
	first := slices.IndexFunc(elements, func(e string) bool { return strings.ContainsAny(e, globChars) })
	if first == 0 {
		return nil, "", wrong(text, "%q: no such file, and a glob begins with a folder", text)
	}
	if f, err = a.workspaceFile(i.Label.Package, path.Join(elements[:first]...), attr); err != nil {
		if m := (*mistake)(nil); errors.As(err, &m) {
			m.literal = text // where it stands
		}
	}
	return f, path.Join(elements[first:]...), err
}

// globbed is a folder of what a glob matches below a folder: an action takes it out, so
// that what is there is no matter of analysis.
func (i *instance) globbed(folder *file, glob string) (starlark.Value, error) {
	out := &file{&rules.Artifact{Name: fmt.Sprintf("globbed/%d", len(i.declared)), Kind: cache.DirKind}}
	i.declared = append(i.declared, out)
	action := &rules.Action{Tool: rules.PickTool, Args: []rules.Arg{
		{{Text: "--tree"}, {Artifact: folder.Artifact}},
		{{Text: "--path"}, {Text: glob}},
		{{Text: "--output"}, {Artifact: out.Artifact}},
	}}
	return out, i.add(action, nil, []*file{out})
}

// otherKind says that a path is a folder where a file is wanted, or the reverse.
func (a *attribute) otherKind(name, what string) error {
	m := wrong(name, "%q is %s", name, what)
	if a.folders {
		m.hint = "a key that ends in / takes a folder"
	}
	return m
}

// repository is ctx.actions.repository(baseurl, mirrorlist, metalink, signed): the metadata
// of an RPM repository.
func (a *analysis) repository(i *instance, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	r := &rules.Repository{Name: i.Instance.String(), Arch: i.Cell.Arch}
	var urls *starlark.List
	if err := unpack(b, args, kwargs, &urls, &r.Mirrorlist, &r.Metalink, &r.Signed); err != nil {
		return nil, err
	}
	if err := fillPlaces(r, urls); err != nil {
		return nil, inCall(b, err)
	}
	return a.addRepository(b, r, "repodata")
}

// addRepository adds what an instance has from elsewhere, and returns it as a folder.
func (a *analysis) addRepository(b *starlark.Builtin, r *rules.Repository, name string) (starlark.Value, error) {
	source := rules.Source{Repository: r.Name}
	if a.files[source] != nil {
		return nil, fmt.Errorf("%s: %s has a repository already", b.Name(), r.Name)
	}
	a.graph.Repositories = append(a.graph.Repositories, r)
	f := &file{&rules.Artifact{Name: name, Kind: cache.DirKind, Source: &source}}
	a.files[source] = f
	return f, nil
}

// refName is what git takes for the name of a branch, a tag or a commit.
var refName = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_./+-]*$`)

// checkout is ctx.actions.checkout(url, ref): the files of a commit of a git repository.
func (a *analysis) checkout(i *instance, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	r := &rules.Repository{Name: i.Instance.String(), Arch: i.Cell.Arch}
	if err := unpack(b, args, kwargs, &r.Git, &r.Ref); err != nil {
		return nil, err
	}
	var err error
	if r.Git, err = baseURL(r.Git); err != nil {
		return nil, inCall(b, err)
	}
	if !refName.MatchString(r.Ref) || strings.Contains(r.Ref, "..") {
		return nil, fmt.Errorf("%s: ref %q is not the name of a branch, a tag or a commit", b.Name(), r.Ref)
	}
	return a.addRepository(b, r, "files")
}

// fillPlaces checks where a repository is said to be.
func fillPlaces(r *rules.Repository, urls *starlark.List) error {
	if urls != nil {
		for v := range urls.Elements() {
			text, ok := starlark.AsString(v)
			if !ok {
				return got(v, "string")
			}
			base, err := baseURL(text)
			if err != nil {
				return err
			}
			r.BaseURLs = append(r.BaseURLs, base)
		}
	}
	for _, list := range []string{r.Mirrorlist, r.Metalink} {
		if list == "" {
			continue
		}
		if u, err := url.Parse(list); err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file" {
			return fmt.Errorf("%q is not a URL of scheme http, https or file", list)
		}
	}
	if len(r.BaseURLs) == 0 && r.Mirrorlist == "" && r.Metalink == "" {
		return errors.New("no place: want baseurl, mirrorlist or metalink")
	}
	return nil
}

// sshPlace is git@host:path, by which git means ssh.
var sshPlace = regexp.MustCompile(`^[^/:]+@[^/:]+:`)

// baseURL checks a base URL, and returns it without the slash at its end. What has no
// scheme is a folder.
func baseURL(text string) (string, error) {
	scheme, _, ok := strings.Cut(text, "://")
	if !ok && sshPlace.MatchString(text) {
		return "", fmt.Errorf("%q: ssh is not known, want a URL of scheme http, https or file", text)
	}
	if !ok {
		dir := path.Clean(text)
		if text == "" || strings.ContainsAny(text, "\x00\n") || !path.IsAbs(dir) && !fs.ValidPath(dir) {
			return "", fmt.Errorf("%q is neither a URL nor a folder, absolute or below the root", text)
		}
		return dir, nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsAny(text, " \t\n$"):
		return "", fmt.Errorf("%q is not a URL", text)
	case scheme != "http" && scheme != "https" && scheme != "file":
		return "", fmt.Errorf("%q: scheme %q is not known, want http, https or file", text, scheme)
	case scheme != "file" && u.Host == "" || scheme == "file" && (u.Host != "" || u.Path == ""):
		return "", fmt.Errorf("%q is not a URL", text)
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%q: want a base URL, to which paths can be added", text)
	}
	return strings.TrimRight(text, "/"), nil
}

// noFile says what is wrong with a path, and which similar one there is.
func (a *analysis) noFile(full, name string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return wrong(name, "%q: %s", name, fileProblem(err))
	}
	return wrong(name, "%q: no such file%s", name, a.similarFile(full))
}

// outputFile returns the one output of an instance that a file attribute means.
func outputFile(i *instance, attr *attribute) (*file, error) {
	files := outputFiles(i, attr)
	if len(files) != 1 {
		return nil, fmt.Errorf("%s makes %d %s, want one", i.Instance, len(files), kindWord(attr))
	}
	return files[0], nil
}

// outputFiles returns the outputs of an instance that are of the attribute's
// kind.
func outputFiles(i *instance, attr *attribute) []*file {
	var out []*file
	for _, f := range i.declared {
		if (f.Kind == cache.DirKind) == attr.directory {
			out = append(out, f)
		}
	}
	return out
}

func kindWord(attr *attribute) string {
	if attr.directory {
		return "folders"
	}
	return "files"
}
