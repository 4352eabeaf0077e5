package starlark

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

type builtin = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

// context returns the ctx of an implementation.
func (a *analysis) context(i *instance) (starlark.Value, error) {
	attrs := make(starlark.StringDict, len(i.values))
	for _, name := range i.target.rule.attrs.names {
		v, err := a.attrValue(i, name)
		if err != nil {
			return nil, i.target.mistake(i.Instance.String(), name, err)
		}
		attrs[name] = v
	}
	if v := a.compose.Variant(i.Cell.Variant); v != nil {
		i.action.product = v.Release
	}
	actions := builtins("actions", map[string]builtin{
		"declare_file":      i.declareFile,
		"declare_directory": i.declareDirectory,
		"args":              newArgs,
		"tool":              i.tool,
		"run":               i.runProgram,
		"write":             i.write,
		"merge":             i.merge,
		"repository": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return a.repository(i, b, args, kwargs)
		},
		"checkout": func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return a.checkout(i, b, args, kwargs)
		},
	})
	deliver := starlark.NewBuiltin("ctx.deliver", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return starlark.None, a.deliver(i, b, args, kwargs)
	})
	return newRecord("ctx", "ctx", starlark.StringDict{
		"label":   labelValue(i.Label),
		"attr":    newRecord("attr", "ctx.attr", attrs),
		"variant": a.variantRecord(i.Cell.Variant),
		"arch":    textOrNone(i.Cell.Arch),
		"tree":    textOrNone(i.Cell.Tree),
		"cell":    i.cellRecord,
		"compose": a.composeRecord,
		"actions": actions,
		"deliver": deliver,
		"explain": starlark.NewBuiltin("ctx.explain", func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return starlark.None, a.explain(i, b, args, kwargs)
		}),
	}), nil
}

func builtins(kind string, functions map[string]builtin) *record {
	fields := make(starlark.StringDict, len(functions))
	for name, f := range functions {
		fields[name] = starlark.NewBuiltin("ctx."+kind+"."+name, f)
	}
	return newRecord(kind, "ctx."+kind, fields)
}

// attrValue is ctx.attr.<name>: labels give dependencies, files artifacts.
func (a *analysis) attrValue(i *instance, name string) (starlark.Value, error) {
	attr := i.target.rule.attrs.byName[name]
	v := i.values[name]
	switch attr.kind {
	case labelKind:
		if !attr.expand {
			if len(i.deps[name]) == 0 {
				return starlark.None, nil
			}
			return dependency{i.deps[name][0]}, nil
		}
		return dependencies(i.deps[name]), nil
	case labelsKind:
		return dependencies(i.deps[name]), nil
	case collectKind:
		// A rule may declare a provider and have none in some cells.
		return dependencies(slices.DeleteFunc(slices.Clone(i.deps[name]), func(d *instance) bool {
			return d.provided[attr.providers[0]] == nil
		})), nil
	case fileKind:
		if v == starlark.None {
			return v, nil
		}
		return a.fileValue(i, attr, textOf(v))
	case filesKind:
		return a.filesValue(i, attr, textsOf(v))
	case fileDictKind:
		out := starlark.NewDict(0)
		for key, text := range v.(*starlark.Dict).Entries() {
			f, err := a.fileValue(i, attr.entry(textOf(key)), textOf(text))
			if err != nil {
				return nil, err
			}
			if err := out.SetKey(key, f); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

func dependencies(instances []*instance) starlark.Value {
	values := make([]starlark.Value, len(instances))
	for n, i := range instances {
		values[n] = dependency{i}
	}
	return frozenList(values)
}

// fileValue is the one file that a path or label names.
func (a *analysis) fileValue(i *instance, attr *attribute, text string) (starlark.Value, error) {
	if !isLabel(text) {
		f, glob, err := a.workspaceFiles(i, text, attr)
		if err != nil || glob == "" {
			return f, err
		}
		return i.globbed(f, glob)
	}
	if len(i.byText[text]) == 0 {
		return starlark.None, nil
	}
	f, err := outputFile(i.byText[text][0], attr)
	if err != nil {
		return nil, wrong(text, "%v", err)
	}
	return f, nil
}

func (a *analysis) filesValue(i *instance, attr *attribute, texts []string) (starlark.Value, error) {
	var out []starlark.Value
	for _, text := range texts {
		if !isLabel(text) {
			f, err := a.workspaceFile(i.Label.Package, text, attr)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
		for _, d := range i.byText[text] {
			for _, f := range outputFiles(d, attr) {
				out = append(out, f)
			}
		}
	}
	return frozenList(out), nil
}

// declare makes a new artifact of the instance.
func (i *instance) declare(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple, kind cache.Kind) (starlark.Value, error) {
	var name string
	if err := unpack(b, args, kwargs, &name); err != nil {
		return nil, err
	}
	if !fs.ValidPath(name) || name == "." || rules.HasStamp(name) || strings.ContainsAny(name, "\x00\n") {
		return nil, fmt.Errorf("%s: %q is not a plain relative path", b.Name(), name)
	}
	for _, f := range i.declared {
		if f.Name == name || strings.HasPrefix(f.Name, name+"/") || strings.HasPrefix(name, f.Name+"/") {
			return nil, fmt.Errorf("%s: %q is in the way of %q", b.Name(), name, f.Name)
		}
	}
	f := &file{&rules.Artifact{Name: name, Kind: kind}}
	i.declared = append(i.declared, f)
	return f, nil
}

func (i *instance) declareFile(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return i.declare(b, args, kwargs, cache.FileKind)
}

func (i *instance) declareDirectory(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return i.declare(b, args, kwargs, cache.DirKind)
}

// tool is ctx.actions.tool(tool, args, inputs, outputs, program, host_files).
func (i *instance) tool(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		name                   string
		words, inputs, outputs starlark.Value
		program                starlark.Value = starlark.None
		files                  *starlark.List
	)
	if err := unpack(b, args, kwargs, &name, &words, &inputs, &outputs, &program, &files); err != nil {
		return nil, err
	}
	if name == "" {
		return nil, fmt.Errorf("%s: the name of the tool is empty", b.Name())
	}
	if files != nil && files.Len() > 0 && program == starlark.None {
		return nil, fmt.Errorf("%s: host_files are for a program, and there is none", b.Name())
	}
	action := &rules.Action{Tool: name}
	if program != starlark.None {
		t, err := i.toolchain(program)
		if err != nil {
			return nil, inCall(b, err)
		}
		if action.Program, err = withFiles(t, files); err != nil {
			return nil, inCall(b, err)
		}
	}
	return starlark.None, inCall(b, i.act(action, words, inputs, outputs))
}

// runProgram is ctx.actions.run(program, args, inputs, outputs, env).
func (i *instance) runProgram(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		program                starlark.Value
		words, inputs, outputs starlark.Value
		env                    *starlark.Dict
	)
	if err := unpack(b, args, kwargs, &program, &words, &inputs, &outputs, &env); err != nil {
		return nil, err
	}
	t, err := i.toolchain(program)
	if err != nil {
		return nil, inCall(b, err)
	}
	action := &rules.Action{Program: t}
	if action.Env, err = environment(env); err != nil {
		return nil, inCall(b, err)
	}
	return starlark.None, inCall(b, i.act(action, words, inputs, outputs))
}

// inCall puts the name of a function before an error.
func inCall(b *starlark.Builtin, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", b.Name(), err)
}

// toolchain returns the rule's toolchain of that name.
func (i *instance) toolchain(program starlark.Value) (*rules.Toolchain, error) {
	name, ok := starlark.AsString(program)
	if t, isChain := program.(*toolchain); isChain {
		name, ok = t.Name, true
	}
	if !ok {
		return nil, fmt.Errorf("program: got %s, want the name of a toolchain", program.Type())
	}
	names := make([]string, 0, len(i.target.rule.toolchains))
	for _, t := range i.target.rule.toolchains {
		if t.Name == name {
			return &t.Toolchain, nil
		}
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("program %q is not one of the toolchains of rule %s%s", name, i.target.rule.name, spell.DidYouMean(name, names))
}

// withFiles returns a toolchain for an action that wants files of the host, too.
func withFiles(t *rules.Toolchain, files *starlark.List) (*rules.Toolchain, error) {
	names, err := stringsOf(files)
	if err != nil {
		return nil, fmt.Errorf("host_files: %w", err)
	}
	if len(names) == 0 {
		return t, nil
	}
	for _, name := range names {
		if path.Clean(name) != name || !strings.HasPrefix(name, "/usr/") || rules.HasStamp(name) || strings.ContainsAny(name, "\x00\n") {
			return nil, fmt.Errorf("host_files: %q, want a clean path below /usr: a program sees no other file", name)
		}
	}
	with := *t
	with.Files = names
	return &with, nil
}

// environment returns the sorted NAME=value of a dict.
func environment(env *starlark.Dict) ([]string, error) {
	if env == nil {
		return nil, nil
	}
	values := map[string]string{}
	for k, v := range env.Entries() {
		name, ok := starlark.AsString(k)
		value, ok2 := starlark.AsString(v)
		if !ok || !ok2 {
			return nil, fmt.Errorf("env: got %s: %s, want string: string", k.Type(), v.Type())
		}
		if !identifier.MatchString(name) {
			return nil, fmt.Errorf("env: %q is not the name of a variable", name)
		}
		if rules.HasStamp(value) {
			return nil, fmt.Errorf("env: %s=%s: parts of the stamp are for arguments", name, value)
		}
		values[name] = name + "=" + value
	}
	out := make([]string, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, values[name])
	}
	return out, nil
}

// write is ctx.actions.write(output, content).
func (i *instance) write(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		output  *file
		content string
	)
	if err := unpack(b, args, kwargs, &output, &content); err != nil {
		return nil, err
	}
	if output.Kind != cache.FileKind {
		return nil, fmt.Errorf("%s: %s is a folder, want a file", b.Name(), output.Name)
	}
	action := &rules.Action{Tool: rules.WriteTool, Args: []rules.Arg{
		{{Text: "--output"}, {Artifact: output.Artifact}},
		{{Text: "--content"}, {Text: content}},
	}}
	return starlark.None, inCall(b, i.add(action, nil, []*file{output}))
}

// merge is ctx.actions.merge(output, dirs): dirs are folders of the output, each
// with a file or folder, or several.
func (i *instance) merge(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var (
		output *file
		dirs   *starlark.Dict
	)
	if err := unpack(b, args, kwargs, &output, &dirs); err != nil {
		return nil, err
	}
	if output.Kind != cache.DirKind {
		return nil, fmt.Errorf("%s: %s is a file, want a folder", b.Name(), output.Name)
	}
	action := &rules.Action{Tool: rules.MergeTool, Args: []rules.Arg{{{Text: "--output"}, {Artifact: output.Artifact}}}}
	for key, value := range dirs.Entries() {
		dir, ok := starlark.AsString(key)
		if !ok || dir != "" && !fs.ValidPath(dir) {
			return nil, fmt.Errorf("%s: %s is not a plain relative path", b.Name(), key)
		}
		files, err := filesOf(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %q: %w", b.Name(), dir, err)
		}
		for _, f := range files {
			action.Args = append(action.Args, rules.Arg{{Text: "--at"}, {Text: dir}, {Artifact: f.Artifact}})
		}
	}
	return starlark.None, inCall(b, i.add(action, nil, []*file{output}))
}

// filesOf returns the files of a value that is a file, None, or a list, tuple
// or depset of files.
func filesOf(v starlark.Value) ([]*file, error) {
	var elements []starlark.Value
	switch v := v.(type) {
	case nil, starlark.NoneType:
		return nil, nil
	case *file:
		return []*file{v}, nil
	case *depset:
		elements = v.elements()
	default:
		var ok bool
		if elements, ok = sequence(v); !ok {
			return nil, got(v, "files")
		}
	}
	files := make([]*file, 0, len(elements))
	for _, e := range elements {
		switch e := e.(type) {
		case *file:
			files = append(files, e)
		case *depset:
			nested, err := filesOf(e)
			if err != nil {
				return nil, err
			}
			files = append(files, nested...)
		default:
			return nil, got(e, "file")
		}
	}
	return files, nil
}

// act completes an action with what tool() and run() have in common.
func (i *instance) act(action *rules.Action, words, inputs, outputs starlark.Value) error {
	var err error
	if action.Args, err = argsOf(words); err != nil {
		return fmt.Errorf("args: %w", err)
	}
	in, err := filesOf(inputs)
	if err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	out, err := filesOf(outputs)
	if err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	return i.add(action, in, out)
}

// add adds an action to the instance, and makes it the producer of its outputs.
// Whatever else it names has to be there already: a file of the workspace, or
// the output of an action that came before.
func (i *instance) add(action *rules.Action, inputs, outputs []*file) error {
	if len(outputs) == 0 {
		return fmt.Errorf("no outputs")
	}
	for _, f := range outputs {
		if !slices.Contains(i.declared, f) {
			return fmt.Errorf("outputs: %s is not declared by %s", f.Name, i.Instance)
		}
		if f.Producer != nil {
			return fmt.Errorf("outputs: %s is made twice", f.Name)
		}
		f.Producer = action
		action.Outputs = append(action.Outputs, f.Artifact)
	}
	named := map[*rules.Artifact]bool{}
	for _, f := range action.Inputs() {
		named[f] = true
	}
	for _, f := range inputs {
		if !named[f.Artifact] {
			action.Extra = append(action.Extra, f.Artifact)
		}
	}
	for _, f := range action.Inputs() {
		if f.Producer == nil && f.Source == nil {
			return fmt.Errorf("%s is neither an output of this action nor made by one before it", f.Name)
		}
	}
	s := i.action
	action.Owner, action.Optional = i.Analysed, i.Optional
	action.Timeout, action.Resources, action.Arch, action.Product = s.timeout, s.resources, s.arch, s.product
	action.Test, action.Strictness = i.target.rule.test, s.strictness
	i.Actions = append(i.Actions, action)
	return nil
}
