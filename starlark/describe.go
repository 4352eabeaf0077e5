package starlark

import (
	"context"
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// RuleDoc describes a name of the language: a rule, a macro, a provider, a
// function such as compose(), a module such as attr, or a value such as ctx.
type RuleDoc struct {
	Name  string
	Kind  string // "rule", "macro", "provider", "function", "module" or "value"
	Phase string // that defines it; "" for the language itself
	Doc   string
	// Per, Trees, Types and Empty are the grain of a rule and the cells its
	// targets have by default; no Trees or Types are all.
	Per          string
	Trees, Types []string
	Empty        bool
	Test         bool
	// API: the name is for those who write rules, not for definitions.
	API        bool
	Provides   []string // names of providers
	Toolchains []string // programs
	// Attrs are the attributes of a rule, the parameters of a macro or function,
	// or the fields of a provider, module or value, in order of declaration.
	Attrs []AttrDoc
}

// AttrDoc describes an attribute.
type AttrDoc struct {
	Name string
	Type string // X of attr.X, or in words what a parameter or field is; "" for any
	// Default as it would be written; "" if there is none.
	Default   string
	Mandatory bool
	Values    []string // that strings are limited to
	Doc       string
	Common    bool // every rule has it
}

// Describe returns what the language and the phases define: first the functions
// of the language, then phase by phase in the order of names, then what rules are
// written with. Private names are left out.
func Describe(phases []Phase) ([]RuleDoc, error) {
	l := newLoader(context.Background(), nil, Options{Phases: phases})
	if err := l.loadPhases(); err != nil {
		return nil, err
	}
	docs := []RuleDoc{
		{Name: "compose", Kind: "function", Doc: "Says what is composed. The compose.star of the root calls it once.", Attrs: productAttributes.describe()},
		{Name: "variant", Kind: "function", Doc: "Declares a variant.", Attrs: variantAttributes.describe()},
	}
	docs = append(append(docs, definitionDocs...), l.image.describe())
	for _, p := range phases {
		globals := l.modules[phaseFile(p.Name)].globals
		for _, name := range slices.Sorted(maps.Keys(globals)) {
			d, ok := describeValue(globals[name])
			if !ok || strings.HasPrefix(name, "_") {
				continue
			}
			if r, wraps := globals["_"+name].(*rule); wraps {
				d = d.over(r.describe())
			}
			d.Name, d.Phase = name, p.Name
			docs = append(docs, d)
		}
	}
	return append(docs, describeAPI()...), nil
}

func describeValue(v starlark.Value) (RuleDoc, bool) {
	switch v := v.(type) {
	case *rule:
		return v.describe(), true
	case *provider:
		return v.describe(), true
	case *starlark.Function:
		return describeFunction(v), true
	}
	return RuleDoc{}, false
}

func (r *rule) describe() RuleDoc {
	d := RuleDoc{
		Kind:  "rule",
		Doc:   r.doc,
		Per:   r.per,
		Trees: r.trees,
		Types: r.types,
		Empty: r.empty,
		Test:  r.test,
		Attrs: r.attrs.describe(),
	}
	for n := range d.Attrs {
		d.Attrs[n].Common = !slices.Contains(r.own, d.Attrs[n].Name)
	}
	for _, p := range r.provides {
		d.Provides = append(d.Provides, p.name)
	}
	for _, t := range r.toolchains {
		d.Toolchains = append(d.Toolchains, t.Program)
	}
	return d
}

func (as *attributes) describe() []AttrDoc {
	docs := make([]AttrDoc, len(as.names))
	for n, name := range as.names {
		a := as.byName[name]
		docs[n] = AttrDoc{
			Name:      name,
			Type:      string(a.kind),
			Mandatory: a.mandatory,
			Values:    a.values,
			Doc:       a.doc,
		}
		if !a.mandatory && a.kind != collectKind {
			docs[n].Default = a.def.String()
		}
	}
	return docs
}

func (p *provider) describe() RuleDoc {
	d := RuleDoc{Name: p.name, Kind: "provider", Doc: p.doc}
	for _, f := range p.fields {
		d.Attrs = append(d.Attrs, AttrDoc{Name: f, Doc: p.docs[f]})
	}
	return d
}

// describeFunction describes a macro by its parameters and its docstring.
func describeFunction(f *starlark.Function) RuleDoc {
	text, params := splitDoc(f.Doc())
	d := RuleDoc{Kind: "macro", Doc: text}
	for n := range f.NumParams() {
		name, _ := f.Param(n)
		a := AttrDoc{Name: name, Doc: params[name]}
		switch last := f.NumParams() - 1; {
		case f.HasKwargs() && n == last:
			a.Name = "**" + name
		case f.HasVarargs() && (n == last || f.HasKwargs() && n == last-1):
			a.Name = "*" + name
		default:
			def := f.ParamDefault(n)
			if a.Mandatory = def == nil; !a.Mandatory {
				a.Default = def.String()
			}
		}
		d.Attrs = append(d.Attrs, a)
	}
	return d
}

// over describes a macro createiso that declares targets of a rule _createiso: as a rule,
// whose attributes are the parameters of the macro and what these leave of the rule's.
func (d RuleDoc) over(r RuleDoc) RuleDoc {
	var attrs []AttrDoc
	for _, p := range d.Attrs {
		if strings.HasPrefix(p.Name, "*") {
			continue
		}
		if i := slices.IndexFunc(r.Attrs, func(a AttrDoc) bool { return a.Name == p.Name }); i >= 0 {
			p.Type, p.Values, p.Common = r.Attrs[i].Type, r.Attrs[i].Values, r.Attrs[i].Common
			r.Attrs = slices.Delete(r.Attrs, i, i+1)
		}
		attrs = append(attrs, p)
	}
	r.Doc, r.Attrs = d.Doc+"\n\n"+r.Doc, append(attrs, r.Attrs...)
	return r
}

// splitDoc takes a docstring apart, which looks like
//
//	What the function does.
//
//	Args:
//	  name: what it is
//	    and more of it
//
//	Returns:
//	  what it returns
//
// into the text, with what is returned at its end, and the parameters.
func splitDoc(doc string) (text string, params map[string]string) {
	params = map[string]string{}
	section, param, returns := "", "", ""
	var lines []string
	for line := range strings.Lines(doc) {
		line = strings.TrimSpace(line)
		name, about, ok := strings.Cut(line, ": ")
		name = strings.TrimLeft(name, "*")
		switch {
		case line == "Args:" || line == "Returns:":
			section, param = line, ""
		case section == "":
			lines = append(lines, line)
		case section == "Returns:":
			returns += " " + line
		case ok && identifier.MatchString(name):
			param, params[name] = name, about
		case line != "" && param != "":
			params[param] += " " + line
		}
	}
	text = strings.TrimSpace(strings.Join(lines, "\n"))
	if returns = strings.TrimSpace(returns); returns != "" {
		text += "\n\nReturns " + returns
	}
	return text, params
}
