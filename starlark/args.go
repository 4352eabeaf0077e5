package starlark

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/rules"
)

// args is what ctx.actions.args(literal = False) returns: arguments in the making.
// Each add is one rules.Arg, which vanishes as a whole if a file in it is absent.
// Parts of the stamp in them stand for the compose's identity, unless they are
// literal: for texts that people wrote for something else. What a provider passes
// on is frozen, or whoever gets it could change the arguments of others.
type args struct {
	list    []rules.Arg
	literal bool
	frozen  bool
}

var _ starlark.HasAttrs = (*args)(nil)

func newArgs(_ *starlark.Thread, b *starlark.Builtin, positional starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	a := new(args)
	return a, unpack(b, positional, kwargs, &a.literal)
}

func (a *args) append(arg rules.Arg) {
	for i := range arg {
		arg[i].Literal = a.literal
	}
	a.list = append(a.list, arg)
}

func (a *args) String() string        { return "args(...)" }
func (a *args) Type() string          { return "args" }
func (a *args) Freeze()               { a.frozen = true }
func (a *args) Truth() starlark.Bool  { return len(a.list) > 0 }
func (a *args) Hash() (uint32, error) { return 0, fmt.Errorf("unhashable: args") }
func (a *args) AttrNames() []string   { return []string{"add", "add_all", "add_joined"} }

func (a *args) Attr(name string) (starlark.Value, error) {
	switch name {
	case "add":
		return a.adder("args.add", a.add), nil
	case "add_all":
		return a.adder("args.add_all", a.addAll), nil
	case "add_joined":
		return a.adder("args.add_joined", a.addJoined), nil
	}
	return nil, nil
}

// adder is a method that adds arguments.
func (a *args) adder(name string, add builtin) starlark.Value {
	return starlark.NewBuiltin(name, func(t *starlark.Thread, b *starlark.Builtin, positional starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if a.frozen {
			return nil, fmt.Errorf("%s: these arguments come from a provider, and cannot change", name)
		}
		return add(t, b, positional, kwargs)
	})
}

// add is args.add(name, value, ..., format = "%s"): one argument of several
// words. Format is for the last of them. If a value is None, nothing is added.
func (a *args) add(_ *starlark.Thread, b *starlark.Builtin, positional starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	format := "%s"
	if err := unpack(b, positional, kwargs, &format); err != nil {
		return nil, err
	}
	if len(positional) == 0 {
		return nil, fmt.Errorf("args.add: got no value")
	}
	var arg rules.Arg
	for n, v := range positional {
		if v == starlark.None {
			return starlark.None, nil
		}
		f := "%s"
		if n == len(positional)-1 {
			f = format
		}
		w, err := word(v, f)
		if err != nil {
			return nil, fmt.Errorf("args.add: %w", err)
		}
		arg = append(arg, w)
	}
	a.append(arg)
	return starlark.None, nil
}

// addAll is args.add_all(name, values, format_each = "%s") or
// args.add_all(values): name and value for each of a list, tuple or depset. An
// element that is a list or tuple is several words.
func (a *args) addAll(_ *starlark.Thread, b *starlark.Builtin, positional starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var formatEach string
	if err := unpack(b, positional, kwargs, &formatEach); err != nil {
		return nil, err
	}
	name, elements, err := nameAndElements(positional)
	if err != nil {
		return nil, fmt.Errorf("args.add_all: %w", err)
	}
	if formatEach == "" {
		formatEach = "%s"
	}
	for _, e := range elements {
		arg, err := wordsOf(e, formatEach)
		if err != nil {
			return nil, fmt.Errorf("args.add_all: %w", err)
		}
		if name != "" {
			arg = append(rules.Arg{{Text: name}}, arg...)
		}
		a.append(arg)
	}
	return starlark.None, nil
}

// addJoined is args.add_joined(name, values, join_with = ",") or
// args.add_joined(values): all values as one word, nothing if there are none.
// Files cannot be joined, since each has to be able to vanish.
func (a *args) addJoined(_ *starlark.Thread, b *starlark.Builtin, positional starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	joinWith, formatEach := ",", "%s"
	if err := unpack(b, positional, kwargs, &joinWith, &formatEach); err != nil {
		return nil, err
	}
	name, elements, err := nameAndElements(positional)
	if err != nil {
		return nil, fmt.Errorf("args.add_joined: %w", err)
	}
	if len(elements) == 0 {
		return starlark.None, nil
	}
	texts := make([]string, len(elements))
	for n, e := range elements {
		w, err := word(e, formatEach)
		if err != nil {
			return nil, fmt.Errorf("args.add_joined: %w", err)
		}
		if w.Artifact != nil {
			return nil, fmt.Errorf("args.add_joined: got file %s, want strings", w.Artifact.Name)
		}
		texts[n] = w.Text
	}
	arg := rules.Arg{{Text: strings.Join(texts, joinWith)}}
	if name != "" {
		arg = append(rules.Arg{{Text: name}}, arg...)
	}
	a.append(arg)
	return starlark.None, nil
}

// nameAndElements splits (name, values) or (values).
func nameAndElements(positional starlark.Tuple) (name string, elements []starlark.Value, err error) {
	switch len(positional) {
	case 1:
	case 2:
		var ok bool
		if name, ok = starlark.AsString(positional[0]); !ok {
			return "", nil, fmt.Errorf("name: %w", got(positional[0], "string"))
		}
	default:
		return "", nil, fmt.Errorf("got %d values, want a name and values", len(positional))
	}
	switch v := positional[len(positional)-1].(type) {
	case starlark.NoneType:
		return name, nil, nil
	case *depset:
		return name, v.elements(), nil
	default:
		var ok bool
		if elements, ok = sequence(v); !ok {
			return "", nil, got(v, "list or depset")
		}
		return name, elements, nil
	}
}

// wordsOf returns the words of one element of args.add_all.
func wordsOf(e starlark.Value, format string) (rules.Arg, error) {
	parts, ok := sequence(e)
	if !ok {
		parts = []starlark.Value{e}
	}
	var arg rules.Arg
	for _, p := range parts {
		w, err := word(p, format)
		if err != nil {
			return nil, err
		}
		arg = append(arg, w)
	}
	return arg, nil
}

// word returns a value as a word of a command line. Format has one "%s".
func word(v starlark.Value, format string) (rules.Word, error) {
	before, after, ok := strings.Cut(format, "%s")
	if !ok || strings.Contains(after, "%s") {
		return rules.Word{}, fmt.Errorf("format %q, want one %%s in it", format)
	}
	var text string
	switch v := v.(type) {
	case *file:
		return rules.Word{Text: before, Artifact: v.Artifact, Suffix: after}, nil
	case starlark.String:
		text = string(v)
	case starlark.Int:
		text = v.String()
	case starlark.Bool:
		text = map[starlark.Bool]string{true: "true", false: "false"}[v]
	default:
		return rules.Word{}, got(v, "string, int, bool or file")
	}
	return rules.Word{Text: before + text + after}, nil
}

// argsOf returns the arguments of an action: args objects, strings and files,
// one or a list of them.
func argsOf(v starlark.Value) ([]rules.Arg, error) {
	if v == nil || v == starlark.None {
		return nil, nil
	}
	elements, ok := sequence(v)
	if !ok {
		elements = []starlark.Value{v}
	}
	var out []rules.Arg
	for _, e := range elements {
		if a, ok := e.(*args); ok {
			out = append(out, a.list...)
			continue
		}
		w, err := word(e, "%s")
		if err != nil {
			return nil, err
		}
		out = append(out, rules.Arg{w})
	}
	return out, nil
}
