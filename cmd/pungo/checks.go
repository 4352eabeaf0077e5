package main

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"github.com/bazelbuild/buildtools/bzlenv"
	"github.com/bazelbuild/buildtools/warn"
)

// sharedChecks are the checks of buildifier that say something about definitions.
// What they look for is in its WARNINGS.md. Not among them are those that
//
//   - evaluation makes errors of, with a better message: duplicated-name (which
//     would also compare variants with targets), redefined-variable
//   - mean something else here: dict-concatenation ({...} + select({...}) is fine),
//     integer-division (its fix turns the real number 1 / 2 into 0), list-append
//     (its fix breaks a list that may be a select), name-conventions (not every
//     provider is called ...Info), unsorted-dict-items (whoever writes it chooses
//     the order, of attributes for example)
//   - do not know scopes, and fix calls of functions that only look like built-in
//     ones: keyword-positional-params
//   - know Bazel's rules, attributes and repositories: all others
var sharedChecks = []string{
	// Names and statements that are for nothing.
	"load", // fixable
	"no-effect",
	"unreachable",
	"unused-variable",

	// Mistakes that evaluation meets only when it comes along, which may be on the
	// day that somebody adds an arch.
	"depset-iteration", // fixable
	"depset-union",
	"dict-method-named-arg",
	"return-value",
	"string-iteration",
	"uninitialized",

	// What works, and should not stay.
	"confusing-name",
	"overly-nested-depset",
	"print",

	// Docs. A function of fewer than five statements needs none.
	"function-docstring",
	"function-docstring-args",
	"function-docstring-header",
	"function-docstring-return",
	"module-docstring",
	"provider-params",
}

// The checks that are ours.
const (
	// A rule, or an attribute of one, without a doc. "pungo query" and the docs show
	// it.
	ruleDoc = "rule-doc"
	// A target that a compose does without. It needs the graph.
	undelivered = "undelivered"
)

// parseForLint parses a file into the syntax tree that the checks read. A syntax
// error is a *rules.Error.
func parseForLint(path string, source []byte) (*build.File, error) {
	f, err := parseForEdit(path, source)
	if err != nil {
		return nil, err
	}
	// The checks tell files that declare targets, whose variables nobody else can
	// read, from modules, which others load. Bazel calls these BUILD and .bzl. Of the
	// type that the parser gives, "default", several checks know nothing.
	f.Type = build.TypeBzl
	if filepath.Base(path) == definitionFile {
		f.Type = build.TypeBuild
	}
	return f, nil
}

// lintSource returns the findings in one file, in the order of lines. A syntax
// error is a *rules.Error.
func lintSource(path string, source []byte) ([]finding, error) {
	f, err := parseForLint(path, source)
	if err != nil {
		return nil, err
	}
	findings := undocumented(f)
	fixable := map[string]bool{} // by check
	for _, w := range warn.FileWarnings(f, sharedChecks, nil, warn.ModeWarn, nil) {
		// The first name that a load() could do without has the fix for all.
		fixable[w.Category] = fixable[w.Category] || w.AutoFixable
		findings = append(findings, finding{
			File: path, Line: w.Start.Line, Col: w.Start.LineRune, Check: w.Category,
			Message: strings.ReplaceAll(w.Message, `\n`, "\n"), // provider-params means a new line
			Fixable: fixable[w.Category],
		})
	}
	slices.SortStableFunc(findings, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return findings, nil
}

// fixSource corrects what can be, and formats the file.
func fixSource(path string, source []byte) ([]byte, error) {
	f, err := parseForLint(path, source)
	if err != nil {
		return nil, err
	}
	warn.FixWarnings(f, sharedChecks, false, nil)
	f.Type = build.TypeDefault // as for fmt
	return build.Format(f), nil
}

// undocumented finds rules and attributes without a doc.
func undocumented(f *build.File) []finding {
	var (
		findings []finding
		root     build.Expr = f
		visit    func(*build.Expr, *bzlenv.Environment)
	)
	visit = func(e *build.Expr, env *bzlenv.Environment) {
		if call, ok := (*e).(*build.CallExpr); ok && !hasArgument(call, "doc") {
			start, _ := call.Span()
			what := documentable(call.X, env)
			if what != "" && !warn.DisabledWarning(f, start.Line, ruleDoc) {
				findings = append(findings, finding{
					File: f.Path, Line: start.Line, Col: start.LineRune, Check: ruleDoc,
					Message: "The " + what + " has no doc.",
				})
			}
		}
		bzlenv.WalkOnceWithEnvironment(*e, env, visit)
	}
	visit(&root, bzlenv.NewEnvironment())
	return findings
}

// documentable says what a function makes that wants a doc, if it is rule() or one
// like attr.string(), and not the file's own of that name; else "".
func documentable(function build.Expr, env *bzlenv.Environment) string {
	switch fn := function.(type) {
	case *build.Ident:
		if fn.Name == "rule" && env.Get("rule") == nil {
			return "rule"
		}
	case *build.DotExpr:
		if x, ok := fn.X.(*build.Ident); ok && x.Name == "attr" && env.Get("attr") == nil {
			return "attribute"
		}
	}
	return ""
}

// hasArgument reports whether a call has an argument of a name, or may have it
// among those of a **.
func hasArgument(call *build.CallExpr, name string) bool {
	return slices.ContainsFunc(call.List, func(arg build.Expr) bool {
		switch arg := arg.(type) {
		case *build.AssignExpr:
			id, ok := arg.LHSIdent()
			return ok && id.Name == name
		case *build.UnaryExpr:
			return arg.Op == "**"
		}
		return false
	})
}
