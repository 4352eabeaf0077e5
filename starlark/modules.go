package starlark

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// definitionFile declares the targets of its folder.
const definitionFile = "compose.star"

// maxFileSize bounds what is parsed: the compiler walks chains of operators
// recursively, so the depth of its stack is a multiple of the size of a file.
const maxFileSize = 1 << 20

// dialect is Starlark at its strictest: no while, no recursion, no reassigned
// globals, loops and conditions only in functions.
var dialect = &syntax.FileOptions{}

// loader evaluates files, each once.
type loader struct {
	ctx       context.Context
	workspace fs.FS
	options   Options
	declared  *declared
	// api is predeclared everywhere, language in definitions too.
	api, language starlark.StringDict
	phases        map[string][]byte // source by file name, "@pungo//gather.star"
	sources       map[string]*source
	modules       map[string]*module
	image         *provider
	chain         []string // of modules being loaded, outermost first
}

// module is a file that was loaded or is being loaded.
type module struct {
	globals starlark.StringDict
	err     error
	done    bool
}

// source is a file that was parsed.
type source struct {
	text  []byte
	tree  *syntax.File
	calls map[[2]int32]*syntax.CallExpr // by line and column of "("; made on demand
}

// callAt returns the call with its "(" at pos, or nil.
func (s *source) callAt(pos syntax.Position) *syntax.CallExpr {
	if s.calls == nil {
		s.calls = map[[2]int32]*syntax.CallExpr{}
		syntax.Walk(s.tree, func(n syntax.Node) bool {
			if c, ok := n.(*syntax.CallExpr); ok {
				s.calls[[2]int32{c.Lparen.Line, c.Lparen.Col}] = c
			}
			return true
		})
	}
	return s.calls[[2]int32{pos.Line, pos.Col}]
}

// assigned returns the name x of a statement x = call at the top of the file.
func (s *source) assigned(call *syntax.CallExpr) string {
	for _, stmt := range s.tree.Stmts {
		if a, ok := stmt.(*syntax.AssignStmt); ok && call != nil && a.RHS == syntax.Expr(call) {
			if id, ok := a.LHS.(*syntax.Ident); ok {
				return id.Name
			}
		}
	}
	return ""
}

// scope is what a thread evaluates. It decides which functions may be called.
type scope struct {
	*loader
	file string
	// inPackage: the thread evaluates the compose.star of the folder pkg, so
	// targets can be declared.
	inPackage bool
	pkg       string
	// instance: the thread runs the implementation of a rule.
	instance *instance
}

const scopeKey = "pungo"

func scopeOf(thread *starlark.Thread) *scope { return thread.Local(scopeKey).(*scope) }

func newLoader(ctx context.Context, workspace fs.FS, options Options) *loader {
	if options.MaxSteps == 0 {
		options.MaxSteps = defaultMaxSteps
	}
	if options.Function == 0 {
		options.Function = cache.BLAKE3
	}
	l := &loader{
		ctx:       ctx,
		workspace: workspace,
		options:   options,
		declared:  newDeclared(),
		phases:    map[string][]byte{},
		sources:   map[string]*source{},
		modules:   map[string]*module{},
	}
	l.image = imageProvider()
	l.api = apiNames(l.image)
	l.language = maps.Clone(l.api)
	maps.Copy(l.language, languageNames())
	return l
}

// loadPhases evaluates the phases and adds their public names to the language.
func (l *loader) loadPhases() error {
	for _, p := range l.options.Phases {
		l.phases[phaseFile(p.Name)] = p.Source
	}
	for _, p := range l.options.Phases {
		globals, err := l.load(phaseFile(p.Name))
		if err != nil {
			return l.asError(err)
		}
		for _, name := range globals.Keys() {
			if strings.HasPrefix(name, "_") {
				continue
			}
			if l.language.Has(name) {
				return &rules.Error{Pos: rules.Position{File: phaseFile(p.Name)}, Msg: fmt.Sprintf("%q is defined already", name)}
			}
			l.language[name] = globals[name]
		}
	}
	return nil
}

func phaseFile(name string) string { return phasePrefix + name + ".star" }

// loadDefinition evaluates every compose.star of the workspace.
func (l *loader) loadDefinition() error {
	packages, err := l.packages()
	if err != nil {
		return err
	}
	for _, pkg := range packages {
		file := path.Join(pkg, definitionFile)
		text, err := l.read(file)
		if err != nil {
			return err
		}
		if _, err := l.exec(text, &scope{loader: l, file: file, inPackage: true, pkg: pkg}); err != nil {
			return l.asError(err)
		}
	}
	return l.declared.checkDefines(l.options.Defines)
}

// packages returns the folders with a compose.star: "" for the root, then the
// others in the order of their paths.
func (l *loader) packages() ([]string, error) {
	if _, err := fs.Stat(l.workspace, definitionFile); err != nil {
		return nil, &rules.Error{Pos: rules.Position{File: definitionFile}, Msg: fileProblem(err)}
	}
	packages, err := l.packagesIn(".", []string{""})
	slices.Sort(packages)
	return packages, err
}

// packagesIn adds a folder below the root, if it is a package, and those below it.
func (l *loader) packagesIn(dir string, packages []string) ([]string, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	folders, err := foldersIn(l.workspace, dir)
	if err != nil {
		return nil, &rules.Error{Pos: rules.Position{File: dir}, Msg: fileProblem(err)}
	}
	if dir != "." && slices.Contains(folders, rules.StateDir) {
		return packages, nil
	}
	if info, err := fs.Stat(l.workspace, path.Join(dir, definitionFile)); err == nil && !info.IsDir() && dir != "." {
		packages = append(packages, dir)
	}
	for _, name := range folders {
		if strings.HasPrefix(name, ".") {
			continue
		}
		if packages, err = l.packagesIn(path.Join(dir, name), packages); err != nil {
			return nil, err
		}
	}
	return packages, nil
}

// FoldersFS is a file system that can list the folders in a folder without more than
// a glance at its files, of which there may be 60,000. A link to a folder is none.
type FoldersFS interface {
	fs.FS
	Folders(dir string) ([]string, error)
}

func foldersIn(fsys fs.FS, dir string) ([]string, error) {
	if fsys, ok := fsys.(FoldersFS); ok {
		return fsys.Folders(dir)
	}
	entries, err := fs.ReadDir(fsys, dir)
	var folders []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	return folders, err
}

// fileProblem returns what is wrong with a file without its path.
func fileProblem(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case err.Error() == "path escapes from parent": // os.Root has no value for it
		return "a symbolic link leads out of the workspace"
	}
	return err.Error()
}

// read returns the text of a file of the workspace.
func (l *loader) read(file string) ([]byte, error) {
	text, err := fs.ReadFile(l.workspace, file)
	if err != nil {
		return nil, &rules.Error{Pos: rules.Position{File: file}, Msg: fileProblem(err)}
	}
	return text, nil
}

// exec evaluates a file and freezes what it defines.
func (l *loader) exec(text []byte, s *scope) (starlark.StringDict, error) {
	if len(text) > maxFileSize {
		return nil, &rules.Error{Pos: rules.Position{File: s.file}, Msg: fmt.Sprintf("%d bytes, want at most %d", len(text), maxFileSize)}
	}
	predeclared := l.language
	if strings.HasPrefix(s.file, phasePrefix) {
		predeclared = l.api
	}
	tree, err := dialect.Parse(s.file, text, 0)
	if err != nil {
		return nil, err
	}
	program, err := starlark.FileProgram(tree, predeclared.Has)
	if err != nil {
		return nil, err
	}
	l.sources[s.file] = &source{text: text, tree: tree}
	thread, stop := l.thread(s)
	defer stop()
	globals, err := program.Init(thread, predeclared)
	globals.Freeze()
	nameValues(globals)
	return globals, err
}

// thread returns a thread for one scope; stop is to be called when it is done.
func (l *loader) thread(s *scope) (thread *starlark.Thread, stop func() bool) {
	thread = &starlark.Thread{Name: s.file, Load: l.loadFrom}
	thread.Print = func(t *starlark.Thread, text string) {
		if l.options.Print != nil {
			l.options.Print(l.site(t.CallStack()).pos, text)
		}
	}
	thread.SetLocal(scopeKey, s)
	thread.SetMaxExecutionSteps(l.options.MaxSteps)
	thread.OnMaxSteps = func(t *starlark.Thread) {
		t.Cancel("more than " + strconv.FormatUint(l.options.MaxSteps, 10) + " steps, as of a loop that does not end")
	}
	return thread, context.AfterFunc(l.ctx, func() { thread.Cancel("interrupted") })
}

// loadFrom is load(name) in a file.
func (l *loader) loadFrom(thread *starlark.Thread, name string) (starlark.StringDict, error) {
	file, err := l.fileOf(name, scopeOf(thread).file)
	if err != nil {
		return nil, &rules.Error{Msg: err.Error()}
	}
	return l.load(file)
}

// fileOf returns the file that load(name) means in a file.
func (l *loader) fileOf(name, from string) (string, error) {
	if strings.HasPrefix(from, phasePrefix) {
		file := phasePrefix + strings.TrimPrefix(name, ":")
		if _, ok := l.phases[file]; !ok {
			return "", fmt.Errorf("load %q: no such phase", name)
		}
		return file, nil
	}
	var dir, below string
	switch {
	case strings.HasPrefix(name, "//"):
		below = strings.TrimPrefix(strings.Replace(name[2:], ":", "/", 1), "/")
	case strings.HasPrefix(name, ":"):
		dir, below = path.Dir(from), name[1:]
	default:
		return "", fmt.Errorf("load %q: want \"//dir/file.star\" or \":file.star\"", name)
	}
	if !fs.ValidPath(below) {
		return "", fmt.Errorf("load %q: not a plain path without \"..\"", name)
	}
	file := path.Join(dir, below)
	if path.Ext(file) != ".star" || path.Base(file) == definitionFile {
		return "", fmt.Errorf("load %q: want a .star file that is not compose.star", name)
	}
	if _, err := fs.Stat(l.workspace, file); err != nil {
		return "", fmt.Errorf("load %q: %s%s", name, fileProblem(err), l.similarFile(file))
	}
	return file, nil
}

// similarFile proposes a neighbour of a file that does not exist.
func (l *loader) similarFile(file string) string {
	entries, err := fs.ReadDir(l.workspace, path.Dir(file))
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	if near := spell.Nearest(path.Base(file), names); near != "" {
		return fmt.Sprintf("; did you mean %q?", path.Join(path.Dir(file), near))
	}
	return ""
}

// load evaluates a module unless that was done before.
func (l *loader) load(file string) (starlark.StringDict, error) {
	if m := l.modules[file]; m != nil {
		if !m.done {
			chain := append(slices.Clone(l.chain[slices.Index(l.chain, file):]), file)
			return nil, &rules.Error{Msg: "cycle of loads: " + strings.Join(chain, " -> ")}
		}
		return m.globals, m.err
	}
	m := new(module)
	l.modules[file] = m
	l.chain = append(l.chain, file)
	m.globals, m.err = l.evaluateModule(file)
	l.chain = l.chain[:len(l.chain)-1]
	m.done = true
	return m.globals, m.err
}

func (l *loader) evaluateModule(file string) (starlark.StringDict, error) {
	text, ok := l.phases[file]
	if !ok {
		var err error
		if text, err = l.read(file); err != nil {
			return nil, err
		}
	}
	globals, err := l.exec(text, &scope{loader: l, file: file})
	if err != nil {
		return nil, l.asError(err)
	}
	return globals, nil
}

// digest returns the digest of everything that was evaluated, and the files of
// the workspace among it. Its preimage is, for each file in the order of names
// and for each define() in the order of names:
//
//	file <quoted name> <digest>\n
//	define <quoted name> <quoted value>\n
func (l *loader) digest() (cache.Digest, []string) {
	var b strings.Builder
	var files []string
	for _, name := range slices.Sorted(maps.Keys(l.sources)) {
		fmt.Fprintf(&b, "file %q %s\n", name, l.options.Function.Sum(l.sources[name].text))
		if !strings.HasPrefix(name, phasePrefix) {
			files = append(files, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.declared.defines)) {
		fmt.Fprintf(&b, "define %q %q\n", name, l.declared.defines[name].String())
	}
	return l.options.Function.Sum([]byte(b.String())), files
}
