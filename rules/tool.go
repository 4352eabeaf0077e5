package rules

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// Tool is work in Go: the native half of a phase. It sees its Job and nothing
// else, so its outputs are a function of name, version, arguments and inputs,
// and of those only the name and version of the tool stand for its code.
type Tool struct {
	Name string
	// Version is raised when the same input yields other bytes.
	Version int
	// Params is the zero value of the struct that the tool parses its arguments
	// into (see Parse); the graph check holds arguments against it.
	Params any
	// Run makes every output the action declared, or returns an error.
	Run func(context.Context, *Job) error
}

// Call is a nested action: a tool, its arguments, and its inputs by name. A
// nested action has an ordinary key, so its result is shared like any other.
type Call struct {
	Tool string
	Args []string
	// Inputs are the entries of the input root; Name is the path arguments use.
	Inputs []cache.Node
}

// Download is a file of a repository, known by its checksum.
type Download struct {
	Repository string // name of a Repository of the graph
	Href       string // path in the repository
	SHA256     [32]byte
	Size       int64
}

// Program is one run of a host program by a tool, in a sandbox like any other. What it
// depends on is the tool's to decide: the program's fingerprint is in the key of the
// action, and the rest follows from the tool's version and inputs.
type Program struct {
	Args []string
	// Inputs are what the folder holds that the program starts in, read-only; Name is
	// the path. They may share inodes with the store, so that nothing is copied: the
	// program must mind neither their ctime nor how many links they have. Files without a
	// time have that of Epoch.
	Inputs []cache.Node
	// Epoch is SOURCE_DATE_EPOCH, in seconds since 1970.
	Epoch int64
	// Stdout takes what the program prints, as it comes. If it fails, the program is
	// ended, and its error is that of the run. Without it nobody reads that.
	Stdout io.Writer
	// Outputs are what it makes, by Name and Kind; RunProgram fills in the rest, and one
	// that is not made is an error. The folders that they are in exist.
	Outputs []cache.Node
	// Limit is how long it may run; then it is ended, and the error is ErrLimit. 0 is no
	// limit. It is for programs that a test watches: what else takes too long is no result.
	Limit time.Duration
}

// ErrLimit says that a program has reached its Limit.
var ErrLimit = errors.New("the program has run for as long as it may")

// Host is what an executor does for a running tool.
type Host interface {
	// ToDownload says what the tool is going to download, for who watches.
	ToDownload(files int, bytes int64)
	// Download returns a file that has the checksum. What else d says of where it is
	// enters no key.
	Download(ctx context.Context, d Download) (cache.Digest, error)
	// Call returns the result of a nested action, from the cache or by running it.
	Call(ctx context.Context, c Call) (cache.Result, error)
	// Decoded returns what decode made of the blob d. The value is kept in memory
	// and shared by everybody who asks with the same digest and kind, so nobody
	// changes it; kind names what decode yields. The cost is what the value occupies
	// in memory, in bytes, as well as decode can tell: it decides how many values
	// are kept. What decode asks of this Host it asks with the context that it is given.
	Decoded(ctx context.Context, d cache.Digest, kind string, decode func(context.Context, []byte) (value any, cost int64, err error)) (any, error)
	// RunProgram runs the host program that the action names beside its tool, to its
	// end. If it does not end with 0, or what it prints cannot be written, that is an
	// error. A nested action has no program.
	RunProgram(ctx context.Context, p Program) error
	// Each runs fn for 0 … n-1, as many at a time as the executor has free slots,
	// and returns the error of the smallest i that failed.
	Each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error
}

// Job is one run of a tool.
type Job struct {
	Host
	// Args are the arguments, with artifacts as paths of the input root and
	// outputs as paths of the output root.
	Args  []string
	Trees *cache.Trees
	// Inputs are what the input root holds, sorted by Name, which is the path there.
	// No Directory of it need be stored.
	Inputs []cache.Node

	result cache.Result
}

// Input returns an input by its path, or the file or folder at a path below one.
func (j *Job) Input(ctx context.Context, path string) (cache.Node, error) {
	if n, ok := j.input(path); ok {
		return n, nil
	}
	for i := range path {
		if path[i] != '/' {
			continue
		}
		if in, ok := j.input(path[:i]); ok && in.Kind == cache.DirKind {
			n, err := j.Trees.Lookup(ctx, in.Digest, path[i+1:])
			if err != nil {
				return cache.Node{}, fmt.Errorf("input %s: %w", path, err)
			}
			n.Name = path
			return n, nil
		}
	}
	return cache.Node{}, fmt.Errorf("input %s: %w", path, fs.ErrNotExist)
}

// input returns the input that has this very path.
func (j *Job) input(path string) (cache.Node, bool) {
	i, ok := slices.BinarySearchFunc(j.Inputs, path, func(n cache.Node, path string) int {
		return strings.Compare(n.Name, path)
	})
	if !ok {
		return cache.Node{}, false
	}
	return j.Inputs[i], true
}

// Read returns the content of a file of the input root.
func (j *Job) Read(ctx context.Context, path string) ([]byte, error) {
	d, err := j.file(ctx, path)
	if err != nil {
		return nil, err
	}
	return j.Trees.Store().Get(ctx, d)
}

// Open opens a file of the input root, for what is too large to be read at once.
func (j *Job) Open(ctx context.Context, path string) (cache.File, error) {
	d, err := j.file(ctx, path)
	if err != nil {
		return nil, err
	}
	return j.Trees.Store().Open(ctx, d)
}

func (j *Job) file(ctx context.Context, path string) (cache.Digest, error) {
	n, err := j.Input(ctx, path)
	if err == nil && n.Kind != cache.FileKind {
		err = fmt.Errorf("input %s: a folder, want a file", path)
	}
	return n.Digest, err
}

// Write makes a file of data the output at path.
func (j *Job) Write(ctx context.Context, path string, data []byte) error {
	d, err := j.Trees.Store().Put(ctx, data)
	if err != nil {
		return err
	}
	j.Output(path, cache.Node{Kind: cache.FileKind, Digest: d})
	return nil
}

// OutputTree makes the tree that was gathered in b the output at path.
func (j *Job) OutputTree(ctx context.Context, path string, b *cache.Builder) error {
	root, err := b.Build(ctx)
	if err != nil {
		return err
	}
	j.Output(path, cache.Node{Kind: cache.DirKind, Digest: root})
	return nil
}

// Output makes n the output at path.
func (j *Job) Output(path string, n cache.Node) {
	n.Name = path
	j.result.Outputs = append(j.result.Outputs, n)
}

// Warnf adds a warning to the result. It is shown whenever the result is used,
// by a run or from the cache.
func (j *Job) Warnf(format string, args ...any) {
	j.result.Warnings = append(j.result.Warnings, fmt.Sprintf(format, args...))
}

// Fail gives the verdict of a test: its outputs are there, and it failed.
func (j *Job) Fail() { j.result.ExitCode = 1 }

// Result returns what the tool has yielded so far. It is for executors.
func (j *Job) Result() cache.Result { return j.result }

// Parse reads arguments of the form "--name value" into the fields of the
// struct that params points to. A field `arg:"name"` takes
//
//	string, int         one value; given twice is an error
//	bool                "true" or "false"
//	[]string            one value each time it is given
//	[][N]string         N values each time it is given
//	[]struct            as many values as it has fields, in their order: string, int, bool
//
// and `arg:"name,required"` must be given. A []string `arg:"--"` takes all that
// follows "--": arguments of another tool. An unknown name is an error.
func Parse(args []string, params any) error {
	v := reflect.ValueOf(params).Elem()
	takes := parametersOf(v.Type())
	seen := make([]bool, v.NumField())
	for i := 0; i < len(args); {
		name := args[i]
		at, ok := takes.fields[name]
		if !ok {
			return fmt.Errorf("argument %q is not known", name)
		}
		f := v.Field(at)
		if name == "--" {
			f.Set(reflect.ValueOf(args[i+1:]))
			break
		}
		if seen[at] && f.Kind() != reflect.Slice {
			return fmt.Errorf("argument %s is given twice", name)
		}
		seen[at] = true
		n := arity(f)
		if i+1+n > len(args) {
			return fmt.Errorf("argument %s has %d values, want %d", name, len(args)-i-1, n)
		}
		if err := setField(f, args[i+1:i+1+n]); err != nil {
			return fmt.Errorf("argument %s: %w", name, err)
		}
		i += 1 + n
	}
	for _, name := range takes.required {
		if !seen[takes.fields[name]] {
			return fmt.Errorf("argument %s is missing", name)
		}
	}
	return nil
}

// Check reports what Parse would say to args, without keeping anything.
func (t *Tool) Check(args []string) error {
	return Parse(args, reflect.New(reflect.TypeOf(t.Params)).Interface())
}

// parameters are what a struct takes: the field of each argument, by index.
type parameters struct {
	fields   map[string]int
	required []string
}

// parsed has the parameters of every type that was parsed into: tags are read once,
// not for each of 60,000 packages.
var parsed sync.Map // of reflect.Type to *parameters

func parametersOf(t reflect.Type) *parameters {
	if p, ok := parsed.Load(t); ok {
		return p.(*parameters)
	}
	p := &parameters{fields: map[string]int{}}
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("arg")
		if name, ok := strings.CutSuffix(tag, ",required"); ok {
			p.required = append(p.required, "--"+name)
			tag = name
		}
		switch tag {
		case "":
		case "--":
			p.fields[tag] = i
		default:
			p.fields["--"+tag] = i
		}
	}
	parsed.Store(t, p)
	return p
}

func arity(f reflect.Value) int {
	if f.Kind() != reflect.Slice {
		return 1
	}
	switch e := f.Type().Elem(); e.Kind() {
	case reflect.Array:
		return e.Len()
	case reflect.Struct:
		return e.NumField()
	}
	return 1
}

func setField(f reflect.Value, values []string) error {
	switch f.Kind() {
	case reflect.String:
		f.SetString(values[0])
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(values[0], 10, f.Type().Bits())
		if errors.Is(err, strconv.ErrRange) {
			return fmt.Errorf("%q is too large a number", values[0])
		}
		if err != nil {
			return fmt.Errorf("%q is not a number", values[0])
		}
		f.SetInt(n)
	case reflect.Bool:
		if values[0] != "true" && values[0] != "false" {
			return fmt.Errorf("%q is neither true nor false", values[0])
		}
		f.SetBool(values[0] == "true")
	case reflect.Slice:
		e := reflect.New(f.Type().Elem()).Elem()
		switch e.Kind() {
		case reflect.Array:
			reflect.Copy(e, reflect.ValueOf(values))
		case reflect.Struct:
			for i, value := range values {
				if err := setField(e.Field(i), []string{value}); err != nil {
					return err
				}
			}
		default:
			e.SetString(values[0])
		}
		f.Set(reflect.Append(f, e))
	default:
		panic("rules: a parameter of type " + f.Type().String())
	}
	return nil
}

// Collision says that several inputs of a tool want one path of its output.
// Tools know inputs by their paths; whoever shows the error to a person puts
// the names of their instances in place of these.
type Collision struct {
	Path   string
	Inputs []string
}

func (c *Collision) Error() string {
	return fmt.Sprintf("%s: delivered by %s, and not the same", c.Path, strings.Join(c.Inputs, " and by "))
}

// Names of the tools that the language itself calls. The catalogue has them.
const (
	// WriteTool writes text: --output PATH --content TEXT.
	WriteTool = "write"
	// MergeTool merges artifacts into one tree: --output PATH, and for each
	// artifact --at DIR PATH, where DIR "" is the root.
	MergeTool = "merge"
	// PickTool makes a folder of what globs match in another: --tree PATH, --path GLOB,
	// --output PATH.
	PickTool = "pick_files"
	// LayoutTool lays out the compose: --output PATH --compose-id ID, and for each
	// delivery --deliver DIR PATH, where DIR is "compose/…" or "logs/…".
	LayoutTool = "layout"
)
