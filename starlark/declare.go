package starlark

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/pungo-build/pungo/internal/modulemd"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// declared is what a definition has declared so far.
type declared struct {
	compose  *declaration
	variants []*declaration
	targets  []*target
	byLabel  map[rules.Label]*target
	// defines are the values that define() returned, by name.
	defines      map[string]starlark.Value
	defaults     map[string]starlark.Value
	variantNames map[string]bool
}

func newDeclared() *declared {
	return &declared{
		byLabel:      map[rules.Label]*target{},
		defines:      map[string]starlark.Value{},
		defaults:     map[string]starlark.Value{},
		variantNames: map[string]bool{},
	}
}

// declaration is one call of compose() or variant().
type declaration struct {
	site     *site
	settings map[string]*setting
	attrs    *attributes
}

func (d *declaration) value(name string) starlark.Value {
	if s := d.settings[name]; s != nil {
		return s.plain
	}
	return d.attrs.byName[name].def
}

func (d *declaration) text(name string) string     { return textOf(d.value(name)) }
func (d *declaration) list(name string) []string   { return textsOf(d.value(name)) }
func (d *declaration) flag(name string) bool       { return d.value(name) == starlark.True }
func (d *declaration) given(name string) bool      { return d.settings[name] != nil }
func (d *declaration) release() *rules.Release     { return releaseOf(d.value("release")) }
func (d *declaration) baseProduct() *rules.Release { return releaseOf(d.value("base_product")) }

func releaseOf(v starlark.Value) *rules.Release {
	if r, ok := v.(*release); ok {
		return &r.product
	}
	return nil
}

func textOf(v starlark.Value) string {
	s, _ := starlark.AsString(v)
	return s
}

// textsOf returns the strings of a checked list.
func textsOf(v starlark.Value) []string {
	elements, _ := sequence(v)
	out := make([]string, len(elements))
	for i, e := range elements {
		out[i] = textOf(e)
	}
	return out
}

// apiNames are predeclared in every file, phases included.
func apiNames(image *provider) starlark.StringDict {
	return starlark.StringDict{
		"attr":      attrModule(),
		"rule":      starlark.NewBuiltin("rule", makeRule),
		"provider":  starlark.NewBuiltin("provider", makeProvider),
		"toolchain": starlark.NewBuiltin("toolchain", makeToolchain),
		"depset":    starlark.NewBuiltin("depset", makeDepset),
		"select":    starlark.NewBuiltin("select", makeSelect),
		"struct":    starlark.NewBuiltin("struct", starlarkstruct.Make),
		"fail":      starlark.NewBuiltin("fail", fail),
		"json":      json.Module,
		"Image":     image,
	}
}

// languageNames are predeclared in definitions only.
func languageNames() starlark.StringDict {
	return starlark.StringDict{
		"compose": starlark.NewBuiltin("compose", declareCompose),
		"variant": starlark.NewBuiltin("variant", declareVariant),
		"define":  starlark.NewBuiltin("define", define),

		"group":       starlark.NewBuiltin("group", makeGroup),
		"environment": starlark.NewBuiltin("environment", makeEnvironment),
	}
}

// atLoad returns the scope of a thread that evaluates a file; what is made there
// cannot be made by an implementation.
func atLoad(thread *starlark.Thread, b *starlark.Builtin) (*scope, error) {
	s := scopeOf(thread)
	if s.instance != nil {
		return nil, fmt.Errorf("%s: called in the implementation of a rule", b.Name())
	}
	return s, nil
}

// inPackage returns the scope of a thread that may declare something.
func inPackage(thread *starlark.Thread, what string) (*scope, error) {
	s := scopeOf(thread)
	if s.instance != nil {
		return nil, fmt.Errorf("%s: called in the implementation of a rule", what)
	}
	if !s.inPackage {
		return nil, fmt.Errorf("%s: declared by a loaded file, want compose.star or a function that it calls", what)
	}
	return s, nil
}

// nameOfCall returns the name of the global that the call of a built-in in
// progress is assigned to, "" if it is not a statement of its own.
func (s *scope) nameOfCall(thread *starlark.Thread) string {
	pos := thread.CallFrame(1).Pos
	src := s.sources[pos.Filename()]
	if src == nil {
		return ""
	}
	return src.assigned(src.callAt(pos))
}

// text is an attribute that takes a string that is valid.
func text(doc string, valid func(string) error) *attribute {
	return &attribute{kind: stringKind, doc: doc, valid: valid, def: starlark.String(""), fixed: true}
}

func needed(a *attribute) *attribute {
	a.mandatory = true
	return a
}

// unset takes the default away, where not to be given means something else than
// any value.
func unset(a *attribute) *attribute {
	a.def = starlark.None
	return a
}

func oneOf(doc, def string, values ...string) *attribute {
	return &attribute{kind: stringKind, doc: doc, values: values, def: starlark.String(def), fixed: true}
}

func flag(doc string) *attribute {
	return &attribute{kind: boolKind, doc: doc, def: starlark.False, fixed: true}
}

func texts(doc string, def ...string) *attribute {
	return &attribute{kind: stringListKind, doc: doc, def: stringList(def), fixed: true}
}

// fromComps is an attribute that chooses groups or environments of comps.
func fromComps(k kind, doc string) *attribute {
	return &attribute{kind: k, doc: doc, def: frozenList(nil), fixed: true}
}

func product(doc string) *attribute {
	return &attribute{kind: releaseKind, doc: doc, def: starlark.None, fixed: true}
}

// What productmd accepts, so that no compose fails when it writes its metadata.
var (
	composeTypes = []string{
		string(productmd.Production), string(productmd.Nightly), string(productmd.Test), string(productmd.CI), string(productmd.Development),
	}
	// variantTypes are in the order in which siblings come before one another.
	variantTypes = []string{"variant", "addon", "layered-product", "optional"}
)

func validTitle(s string) error {
	if strings.TrimSpace(s) == "" || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%q is not a line of text", s)
	}
	if strings.Contains(s, "%") || strings.TrimSpace(s) != s { // readers of .treeinfo would expand the one, and lose the other
		return fmt.Errorf("%q has a percent sign, or space around it, which .treeinfo cannot have", s)
	}
	return nil
}

func validShort(s string) error { return productmd.ReleaseID{Short: s, Version: "1"}.Validate() }

func validVersion(s string) error { return productmd.ReleaseID{Short: "s", Version: s}.Validate() }

func validLabel(s string) error {
	_, err := productmd.ParseLabel(s)
	return err
}

// validArch also keeps the words apart that a cell is written with.
func validArch(s string) error {
	if slices.Contains(reserved, s) {
		return fmt.Errorf("%q is not an arch: the word is taken", s)
	}
	return productmd.ValidateArch(s)
}

func validVariant(s string) error {
	for _, word := range strings.Split(s, "-") {
		if productmd.ValidateVariantID(word) != nil {
			return fmt.Errorf("%q is not the name of a variant, want letters and digits, in words separated by dashes", s)
		}
	}
	return nil
}

func validModule(s string) error {
	_, _, err := modulemd.ParseSpec(s)
	return err
}

// productAttributes are those of compose().
var productAttributes = func() *attributes {
	as := new(attributes)
	as.add("name", needed(text("Name of the product, e.g. \"Tiny Linux\".", validTitle)))
	as.add("short", needed(text("Short name, which begins the compose id.", validShort)))
	as.add("version", needed(text("Version: dotted numbers, or a word that does not begin with a digit.", validVersion)))
	as.add("type", oneOf("Type of the compose.", "production", composeTypes...))
	arches := needed(texts("Tree arches of the compose."))
	arches.valid = validArch
	as.add("arches", arches)
	checksums := texts("Checksums of images and extra files.", "sha256")
	checksums.values = productmd.ChecksumTypes()
	as.add("checksums", checksums)
	as.add("release_type", oneOf("Type of the release.", "ga", productmd.ReleaseTypes()...))
	as.add("label", text("Milestone, e.g. \"Beta-1.2\".", validLabel))
	as.add("final", flag("Whether the compose is supported. It is if its milestone is RC, Update or SecurityFix."))
	as.add("internal", flag("Whether the product is internal."))
	as.add("base_product", product("The product that this one is layered on: a dict or struct of name, short, version and type."))
	return as
}()

// variantAttributes are those of variant().
var variantAttributes = func() *attributes {
	as := new(attributes)
	as.add("name", needed(text("Id of the variant. Its uid, by which cells and attributes call it, is parent-name for one with a parent.", validVariant)))
	as.add("parent", text("Uid of the variant that this one belongs to.", nil))
	as.add("type", oneOf("Type of the variant. All but \"variant\" have a parent.", "variant", variantTypes...))
	as.add("title", text("Name of the variant for people; its uid if empty.", validTitle))
	as.add("arches", unset(texts("Arches of the variant; its parent's, or the compose's, if not given.")))
	as.add("is_empty", flag("Whether the variant has no packages, only images or the like."))
	as.add("release", product("The product in a variant of type \"layered-product\": a dict or struct of name, short, version and type."))
	as.add("comps_groups", fromComps(groupsKind, "Comps groups of the variant: ids, shell patterns that match several, or group(...) of either."))
	as.add("comps_environments", fromComps(environmentsKind, "Comps environments of the variant: ids, or environment(...)."))
	modules := texts("Module streams of the variant: NAME:STREAM, of which the newest version is taken, NAME:STREAM:VERSION or " +
		"NAME:STREAM:VERSION:CONTEXT, all parts shell patterns; \"*\" for all. Children do not inherit them.")
	modules.valid = validModule
	as.add("modules", modules)
	return as
}()

func declareCompose(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := inPackage(thread, b.Name())
	if err != nil {
		return nil, err
	}
	at := s.site(thread.CallStack())
	if s.pkg != "" {
		return nil, at.mistake("", "", &mistake{msg: "compose: called below the root, whose compose.star calls it", hint: "the output of builds and folders that begin with a dot are not read"})
	}
	if s.declared.compose != nil {
		return nil, at.mistake("", "", wrong("", "compose: called twice, first at %s", s.declared.compose.site.pos))
	}
	settings, err := productAttributes.bind("compose", at, args, kwargs)
	if err != nil {
		return nil, err
	}
	s.declared.compose = &declaration{site: at, settings: settings, attrs: productAttributes}
	return starlark.None, nil
}

func declareVariant(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := inPackage(thread, b.Name())
	if err != nil {
		return nil, err
	}
	at := s.site(thread.CallStack())
	settings, err := variantAttributes.bind("variant", at, args, kwargs)
	if err != nil {
		return nil, err
	}
	s.declared.variants = append(s.declared.variants, &declaration{site: at, settings: settings, attrs: variantAttributes})
	return starlark.None, nil
}

// define is define(name, default): the value of --define name=value, in the
// type of the default.
func define(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var def starlark.Value = starlark.None
	if err := unpack(b, args, kwargs, &name, &def); err != nil {
		return nil, err
	}
	s, err := atLoad(thread, b)
	if err != nil {
		return nil, err
	}
	switch def.(type) {
	case starlark.String, starlark.Int, starlark.Bool, starlark.NoneType:
	default:
		return nil, fmt.Errorf("define %q: default: got %s, want string, int, bool or None", name, def.Type())
	}
	if old, ok := s.declared.defaults[name]; ok {
		if same, err := starlark.Equal(old, def); err != nil || !same || old.Type() != def.Type() {
			return nil, fmt.Errorf("define %q: default %s, elsewhere %s", name, def, old)
		}
	}
	value, err := defined(def, name, s.options.Defines)
	if err != nil {
		return nil, err
	}
	s.declared.defaults[name], s.declared.defines[name] = def, value
	return value, nil
}

func defined(def starlark.Value, name string, defines map[string]string) (starlark.Value, error) {
	given, ok := defines[name]
	if !ok {
		return def, nil
	}
	switch def.(type) {
	case starlark.Bool:
		switch given {
		case "true", "True", "1":
			return starlark.True, nil
		case "false", "False", "0":
			return starlark.False, nil
		}
		return nil, fmt.Errorf("--define %s=%s: want true or false", name, given)
	case starlark.Int:
		var n int
		if _, err := fmt.Sscanf(given+"\n", "%d\n", &n); err != nil {
			return nil, fmt.Errorf("--define %s=%s: want a number", name, given)
		}
		return starlark.MakeInt(n), nil
	}
	return starlark.String(given), nil
}

// checkDefines reports a --define that nobody asks for.
func (d *declared) checkDefines(given map[string]string) error {
	known := slices.Sorted(maps.Keys(d.defines))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(known, name) {
			return &rules.Error{Msg: fmt.Sprintf("--define %s: no file of the definition asks for it%s", name, spell.DidYouMean(name, known))}
		}
	}
	return nil
}

// fail is fail(*args, sep = " ").
func fail(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	sep := " "
	if err := unpack(b, args, kwargs, &sep); err != nil {
		return nil, err
	}
	msg := ""
	for i, a := range args {
		if i > 0 {
			msg += sep
		}
		if s, ok := starlark.AsString(a); ok {
			msg += s
		} else {
			msg += a.String()
		}
	}
	return nil, &rules.Error{Msg: msg}
}

// makeToolchain is toolchain(program, packages, hint).
func makeToolchain(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		t        rules.Toolchain
		packages *starlark.List
	)
	if err := unpack(b, args, kwargs, &t.Program, &packages, &t.Hint); err != nil {
		return nil, err
	}
	if _, err := atLoad(thread, b); err != nil {
		return nil, err
	}
	if !programPattern.MatchString(t.Program) {
		return nil, fmt.Errorf("toolchain: program %q, want a name without a path, or a path below /usr/lib or /usr/libexec", t.Program)
	}
	t.Name = t.Program
	var err error
	if t.Pkgs, err = stringsOf(packages); err != nil {
		return nil, fmt.Errorf("toolchain: packages: %w", err)
	}
	return &toolchain{t}, nil
}

// programPattern: names, since the executor decides where it looks, and what is in no
// place where anybody looks.
var programPattern = regexp.MustCompile(`^(/usr/lib(exec)?(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*/)?[A-Za-z0-9_][A-Za-z0-9_.+-]*$`)

// toolchain is a host program.
type toolchain struct{ rules.Toolchain }

func (t *toolchain) String() string        { return t.Name }
func (t *toolchain) Type() string          { return "toolchain" }
func (t *toolchain) Freeze()               {}
func (t *toolchain) Truth() starlark.Bool  { return true }
func (t *toolchain) Hash() (uint32, error) { return starlark.String(t.Name).Hash() }
