package starlark

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// kind is the type of an attribute: X of attr.X.
type kind string

const (
	labelKind          kind = "label"
	labelsKind         kind = "labels"
	collectKind        kind = "collect"
	stringKind         kind = "string"
	stringListKind     kind = "string_list"
	intKind            kind = "int"
	boolKind           kind = "bool"
	stringDictKind     kind = "string_dict"
	stringListDictKind kind = "string_list_dict"
	fileKind           kind = "file"
	filesKind          kind = "files"
	fileDictKind       kind = "file_dict"
	// The following are those of resources, of base_product and release, of
	// comps_groups and of comps_environments.
	intDictKind      kind = "int_dict"
	releaseKind      kind = "release"
	groupsKind       kind = "groups"
	environmentsKind kind = "environments"
)

// attribute is what a rule says about one of its attributes. It never changes
// once it is made.
type attribute struct {
	kind      kind
	doc       string
	mandatory bool
	// def is the value of an attribute that is not given; checked.
	def starlark.Value
	// values that strings are limited to; nil for any.
	values []string
	// valid reports what is wrong with a string; nil for any string.
	valid func(string) error
	// least and most bound integers.
	least, most int
	// fixed attributes take no select().
	fixed bool

	// providers that targets named by labels must have; of collect, the one.
	providers []*provider
	// trees an attribute of labels is limited to; nil for all.
	trees []string
	// expand makes a label mean all instances of its target.
	expand bool
	// every label of a list has to find an instance.
	every bool

	// directory, suffix and sharded describe the rules.Source of a file.
	directory bool
	suffix    string
	sharded   bool
	// folders: of a dict, entries whose key ends in a slash want folders.
	folders bool
}

var _ starlark.Value = (*attribute)(nil)

func (a *attribute) String() string        { return "attr." + string(a.kind) }
func (a *attribute) Type() string          { return "attr" }
func (a *attribute) Freeze()               {}
func (a *attribute) Truth() starlark.Bool  { return true }
func (a *attribute) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: attr") }

// zero is the value of an attribute that is not given and has no default.
func (a *attribute) zero() starlark.Value {
	switch a.kind {
	case stringKind:
		return starlark.String("")
	case intKind:
		return starlark.MakeInt(0)
	case boolKind:
		return starlark.False
	case stringListKind, labelsKind, filesKind, collectKind, groupsKind, environmentsKind:
		return frozenList(nil)
	case stringDictKind, stringListDictKind, fileDictKind, intDictKind:
		d := starlark.NewDict(0)
		d.Freeze()
		return d
	}
	return starlark.None
}

// check returns v in the form in which implementations see it, or what is wrong
// with it. V is neither None nor a select.
func (a *attribute) check(v starlark.Value) (starlark.Value, error) {
	switch a.kind {
	case stringKind, labelKind, fileKind:
		return a.checkString(v)
	case boolKind:
		if _, ok := v.(starlark.Bool); !ok {
			return nil, got(v, "bool")
		}
		return v, nil
	case intKind:
		return a.checkInt(v)
	case stringListKind, labelsKind, filesKind:
		return a.checkList(v)
	case stringDictKind, fileDictKind:
		return a.checkDict(v, a.checkString)
	case stringListDictKind:
		return a.checkDict(v, a.checkList)
	case intDictKind:
		return a.checkDict(v, a.checkInt)
	case releaseKind:
		return checkRelease(v)
	case groupsKind:
		return checkGroups(v)
	case environmentsKind:
		return checkEnvironments(v)
	case collectKind:
		return nil, wrong("", "its value is collected, not given")
	}
	panic("starlark: attribute of kind " + string(a.kind))
}

// entry is the attribute as it is for the file of one key of a dict, "" of others.
func (a *attribute) entry(key string) *attribute {
	if !a.folders {
		return a
	}
	e := *a
	e.directory = strings.HasSuffix(key, "/")
	return &e
}

func got(v starlark.Value, want string) error {
	return wrong("", "got %s, want %s", v.Type(), want)
}

func (a *attribute) checkString(v starlark.Value) (starlark.Value, error) {
	s, ok := starlark.AsString(v)
	if !ok {
		return nil, got(v, "string")
	}
	if a.values != nil && !slices.Contains(a.values, s) {
		return nil, wrong(s, "%q is not one of %s%s", s, quoted(a.values), spell.DidYouMean(s, a.values))
	}
	if a.valid != nil {
		if err := a.valid(s); err != nil {
			return nil, wrong(s, "%v", err)
		}
	}
	switch a.kind {
	case labelKind, labelsKind:
		if _, err := parseReference(s, ""); err != nil {
			return nil, wrong(s, "%v", err)
		}
	case fileKind, filesKind, fileDictKind:
		if err := checkFile(s); err != nil {
			return nil, wrong(s, "%v", err)
		}
	}
	return v, nil
}

// quoted lists values for people: "a", "b" or "c".
func quoted(values []string) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = fmt.Sprintf("%q", v)
	}
	return joined(all)
}

// joined lists words for people: a, b or c.
func joined(words []string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " or " + words[n]
	}
	return strings.Join(words, "")
}

func (a *attribute) checkInt(v starlark.Value) (starlark.Value, error) {
	i, ok := v.(starlark.Int)
	if !ok {
		return nil, got(v, "int")
	}
	n, err := starlark.AsInt32(i)
	if err != nil || n < a.least || n > a.most {
		return nil, wrong("", "%s is not in the range %d to %d", i, a.least, a.most)
	}
	return v, nil
}

func (a *attribute) checkList(v starlark.Value) (starlark.Value, error) {
	elements, ok := sequence(v)
	if !ok {
		return nil, got(v, "list of strings")
	}
	for i, e := range elements {
		if _, ok := starlark.AsString(e); !ok {
			return nil, wrong("", "element %d: got %s, want string", i, e.Type())
		}
		if _, err := a.checkString(e); err != nil {
			return nil, err
		}
	}
	return frozenList(elements), nil
}

// sequence returns the elements of a list or a tuple.
func sequence(v starlark.Value) ([]starlark.Value, bool) {
	switch v := v.(type) {
	case *starlark.List:
		return slices.Collect(v.Elements()), true
	case starlark.Tuple:
		return slices.Clone(v), true
	}
	return nil, false
}

func frozenList(elements []starlark.Value) *starlark.List {
	l := starlark.NewList(elements)
	l.Freeze()
	return l
}

func (a *attribute) checkDict(v starlark.Value, check func(starlark.Value) (starlark.Value, error)) (starlark.Value, error) {
	d, ok := v.(*starlark.Dict)
	if !ok {
		return nil, got(v, "dict")
	}
	checked := starlark.NewDict(d.Len())
	for key, value := range d.Entries() {
		k, ok := starlark.AsString(key)
		if !ok {
			return nil, wrong("", "key %s: got %s, want string", key, key.Type())
		}
		c, err := check(value)
		if err != nil {
			return nil, &mistake{msg: fmt.Sprintf("key %q: %v", k, err), literal: k}
		}
		if err := checked.SetKey(key, c); err != nil {
			return nil, err
		}
	}
	checked.Freeze()
	return checked, nil
}

// release is the value of an attribute that describes a product.
type release struct {
	starlark.Value
	product rules.Release
}

// checkRelease reads a dict or a struct with name, short, version and type.
func checkRelease(v starlark.Value) (starlark.Value, error) {
	fields := starlark.StringDict{}
	switch v := v.(type) {
	case *starlark.Dict:
		for key, value := range v.Entries() {
			k, _ := starlark.AsString(key)
			fields[k] = value
		}
	case *starlarkstruct.Struct:
		v.ToStringDict(fields)
	default:
		return nil, got(v, "dict or struct")
	}
	r := &release{product: rules.Release{Type: "ga"}}
	p := &r.product
	places := map[string]*string{"name": &p.Name, "short": &p.Short, "version": &p.Version, "type": &p.Type}
	for _, k := range fields.Keys() {
		place := places[k]
		if place == nil {
			return nil, wrong(k, "field %q is not known%s", k, spell.DidYouMean(k, slices.Collect(maps.Keys(places))))
		}
		s, err := productAttributes.byName[productField(k)].check(fields[k])
		if err != nil {
			return nil, &mistake{msg: fmt.Sprintf("field %q: %v", k, err), literal: k}
		}
		*place, _ = starlark.AsString(s)
	}
	for _, k := range []string{"name", "short", "version"} {
		if *places[k] == "" {
			return nil, wrong("", "field %q is missing", k)
		}
	}
	r.Value = releaseRecord(*p)
	return r, nil
}

// productField is the attribute of compose() that a field of a release is like.
func productField(field string) string {
	if field == "type" {
		return "release_type"
	}
	return field
}

// attributes are those of a rule, in order of declaration.
type attributes struct {
	names  []string
	byName map[string]*attribute
}

func (as *attributes) add(name string, a *attribute) {
	if as.byName == nil {
		as.byName = map[string]*attribute{}
	}
	as.names = append(as.names, name)
	as.byName[name] = a
}

// bind checks the arguments of a declaration and returns a setting for each
// attribute that was given. What is declared is named by subject, and by the
// attribute name if it has one.
func (as *attributes) bind(subject string, s *site, args starlark.Tuple, kwargs []starlark.Tuple) (map[string]*setting, error) {
	if len(args) > 0 {
		return nil, s.mistake(subject, "", wrong("", "got a positional argument, want name = value"))
	}
	settings := make(map[string]*setting, len(kwargs))
	subject = named(subject, kwargs)
	for _, kwarg := range kwargs {
		name := string(kwarg[0].(starlark.String))
		a := as.byName[name]
		if a == nil {
			m := wrong("", "attribute %q is not known%s", name, spell.DidYouMean(name, as.names))
			m.name = true
			return nil, s.mistake(subject, name, m)
		}
		set, err := a.set(kwarg[1])
		if err != nil {
			return nil, s.mistake(subject+": attribute \""+name+"\"", name, err)
		}
		if set != nil {
			settings[name] = set
		}
	}
	for _, name := range as.names {
		if as.byName[name].mandatory && settings[name] == nil {
			return nil, s.mistake(subject, "", wrong("", "attribute %q is missing", name))
		}
	}
	return settings, nil
}

// named adds the value of the argument name to the word for what is declared.
func named(subject string, kwargs []starlark.Tuple) string {
	for _, kwarg := range kwargs {
		if name, ok := starlark.AsString(kwarg[1]); ok && kwarg[0] == starlark.String("name") && subject != "compose" {
			return fmt.Sprintf("%s %q", subject, name)
		}
	}
	return subject
}

// attrModule is the predeclared attr.
func attrModule() starlark.Value {
	constructors := starlark.StringDict{}
	for k, options := range attrOptions {
		constructors[string(k)] = starlark.NewBuiltin("attr."+string(k), constructor(k, options))
	}
	return &starlarkstruct.Module{Name: "attr", Members: constructors}
}

// attrOptions are the options of attr.X, besides doc.
var attrOptions = map[kind][]string{
	labelKind:          {"default", "mandatory", "providers", "trees", "expand"},
	labelsKind:         {"default", "mandatory", "every", "providers", "trees"},
	collectKind:        {"provider"},
	stringKind:         {"default", "mandatory", "values", "pattern"},
	stringListKind:     {"default", "mandatory", "values", "pattern"},
	intKind:            {"default", "mandatory", "min", "max"},
	boolKind:           {"default", "mandatory"},
	stringDictKind:     {"default", "mandatory", "values", "pattern"},
	stringListDictKind: {"default", "mandatory", "values", "pattern"},
	fileKind:           {"default", "mandatory", "directory", "suffix", "sharded"},
	filesKind:          {"default", "mandatory", "directory", "suffix", "sharded"},
	fileDictKind:       {"default", "mandatory", "directory", "suffix", "sharded", "folders"},
}

// constructor is attr.X(...) of one kind.
func constructor(k kind, options []string) func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var (
			a       = &attribute{kind: k, least: math.MinInt32, most: math.MaxInt32}
			def     starlark.Value
			one     starlark.Value
			several *starlark.List
			pattern string
			values  *starlark.List
			trees   *starlark.List
		)
		all := map[string]any{
			"default": &def, "mandatory": &a.mandatory, "values": &values, "pattern": &pattern,
			"min": &a.least, "max": &a.most,
			"provider": &one, "providers": &several, "trees": &trees, "expand": &a.expand, "every": &a.every,
			"directory": &a.directory, "suffix": &a.suffix, "sharded": &a.sharded, "folders": &a.folders,
		}
		pairs := []any{"doc?", &a.doc}
		for _, name := range options {
			pairs = append(pairs, name+"?", all[name])
		}
		if k == collectKind { // attr.collect(Provider, doc = ...)
			pairs = []any{"provider", &one, "doc?", &a.doc}
		} else if len(args) > 0 {
			return nil, fmt.Errorf("%s: got a positional argument, want name = value", b.Name())
		}
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, pairs...); err != nil {
			return nil, err
		}
		if err := a.complete(scopeOf(thread), def, one, several, values, trees, pattern); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name(), err)
		}
		return a, nil
	}
}

// complete checks the options of attr.X that the interpreter has not.
func (a *attribute) complete(s *scope, def, one starlark.Value, several, values, trees *starlark.List, pattern string) (err error) {
	if a.doc == "" && strings.HasPrefix(s.file, phasePrefix) {
		return fmt.Errorf("doc is missing")
	}
	if a.values, err = stringsOf(values); err != nil {
		return fmt.Errorf("values: %w", err)
	}
	if a.trees, err = treesOf(trees); err != nil {
		return err
	}
	if a.providers, err = providersOf(several); err != nil {
		return err
	}
	if one != nil {
		p, ok := one.(*provider)
		if !ok {
			return fmt.Errorf("got %s, want provider", one.Type())
		}
		a.providers = []*provider{p}
	}
	if pattern != "" {
		if a.valid, err = matches(pattern); err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
	}
	if (a.suffix != "" || a.sharded) && !a.directory {
		return fmt.Errorf("suffix and sharded want directory = True")
	}
	if a.folders && a.directory {
		return fmt.Errorf("folders is for a mixture, and wants no directory = True")
	}
	if a.mandatory && def != nil && def != starlark.None {
		return fmt.Errorf("a mandatory attribute has no default")
	}
	a.def = a.zero()
	if def != nil && def != starlark.None {
		if a.def, err = a.check(def); err != nil {
			return fmt.Errorf("default: %w", err)
		}
	}
	return nil
}

// matches returns a function that wants the whole of a string to match.
func matches(pattern string) (func(string) error, error) {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, err
	}
	return func(s string) error {
		if !re.MatchString(s) {
			return fmt.Errorf("%q does not match %s", s, pattern)
		}
		return nil
	}, nil
}

// stringsOf returns the strings of a list, which may be nil.
func stringsOf(l *starlark.List) ([]string, error) {
	if l == nil {
		return nil, nil
	}
	out := make([]string, 0, l.Len())
	for v := range l.Elements() {
		s, ok := starlark.AsString(v)
		if !ok {
			return nil, got(v, "string")
		}
		out = append(out, s)
	}
	return out, nil
}

var allTrees = []string{rules.OS, rules.Debug, rules.Src}

// treesOf returns the names of a list of trees.
func treesOf(l *starlark.List) ([]string, error) {
	trees, err := stringsOf(l)
	if err != nil {
		return nil, fmt.Errorf("trees: %w", err)
	}
	for _, t := range trees {
		if !slices.Contains(allTrees, t) {
			return nil, wrong(t, "tree %q is not known, want %s", t, quoted(allTrees))
		}
	}
	return trees, nil
}

func providersOf(l *starlark.List) ([]*provider, error) {
	if l == nil {
		return nil, nil
	}
	var out []*provider
	for v := range l.Elements() {
		p, ok := v.(*provider)
		if !ok {
			return nil, got(v, "provider")
		}
		out = append(out, p)
	}
	return out, nil
}
