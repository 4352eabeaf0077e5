package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"
)

// The checks of lint. Two targets of one name, unknown names and the like are not
// among them: evaluation says so. A comment "# pungo: disable=<check>" on the line
// or above it switches one off.
const (
	// A name that is loaded and not used costs whoever reads the file a look at
	// another one.
	unusedLoad = "unused-load"
	// A variable, or a function that no other file can load, that nobody reads. Names
	// that begin with _ say that this is meant, inside of functions.
	unusedVariable = "unused-variable"
	// Statements after return, break or continue.
	unreachable = "unreachable"
	// An expression whose value is dropped: often "==" for "=", or a call without
	// parentheses.
	noEffect = "no-effect"
	// print() is for looking for mistakes.
	printed = "print"
	// A module says what it is for, in its first statement.
	moduleDoc = "module-docstring"
	// So does a function that other files may load.
	functionDoc = "function-docstring"
	// And a rule, and each of its attributes: "pungo query" and the docs show it.
	ruleDoc = "rule-doc"
	// A target that a compose does without. It needs the graph.
	undelivered = "undelivered"
)

// lintSource returns the findings in one file, in the order of lines. A syntax
// error is a *rules.Error.
func lintSource(path string, source []byte) ([]finding, error) {
	f, err := parseStar(path, source)
	if err != nil {
		return nil, err
	}
	// Whatever is not defined here counts as predeclared. What else may be wrong
	// with names, evaluation reports.
	_ = resolve.File(f, func(string) bool { return true }, func(string) bool { return false })
	l := &linter{path: path, module: filepath.Base(path) != definitionFile, disabled: suppressed(source)}
	l.unused(f)
	l.block(f.Stmts)
	l.calls(f)
	if l.module {
		l.docstrings(f)
	}
	slices.SortStableFunc(l.findings, func(a, b finding) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	return l.findings, nil
}

// linter collects the findings of one file.
type linter struct {
	path     string
	module   bool // other files load it
	disabled suppressions
	findings []finding
}

// report adds a finding and returns it; nil if a comment switches it off.
func (l *linter) report(pos syntax.Position, check, format string, args ...any) *finding {
	if l.disabled.has(int(pos.Line), check) {
		return nil
	}
	l.findings = append(l.findings, finding{
		File: l.path, Line: int(pos.Line), Col: int(pos.Col), Check: check, Message: fmt.Sprintf(format, args...),
	})
	return &l.findings[len(l.findings)-1]
}

// unused reports names that are bound and never read.
func (l *linter) unused(f *syntax.File) {
	bound := bindings(f)
	read := map[*syntax.Ident]bool{} // by first binding
	syntax.Walk(f, func(n syntax.Node) bool {
		if id, ok := n.(*syntax.Ident); ok && bound[id] == "" {
			if b, ok := id.Binding.(*resolve.Binding); ok && b.First != nil {
				read[b.First] = true
			}
		}
		return true
	})
	reported := map[*syntax.Ident]bool{}
	syntax.Walk(f, func(n syntax.Node) bool {
		id, ok := n.(*syntax.Ident)
		if !ok || bound[id] == "" {
			return true
		}
		b, ok := id.Binding.(*resolve.Binding)
		if !ok || b.First == nil || read[b.First] || reported[b.First] {
			return true
		}
		reported[b.First] = true
		l.unread(id, bound[id], b.Scope)
		return true
	})
}

func (l *linter) unread(id *syntax.Ident, kind string, scope resolve.Scope) {
	private := strings.HasPrefix(id.Name, "_")
	switch {
	case kind == loadedName:
		if f := l.report(id.NamePos, unusedLoad, "%q is loaded and not used", id.Name); f != nil {
			f.Fixable, f.loaded = true, id.Name
		}
	case scope == resolve.Global && l.module && !private: // other files may load it
	case scope != resolve.Global && private:
	default:
		l.report(id.NamePos, unusedVariable, "%s %q is not used", kind, id.Name)
	}
}

// The kinds of names that bindings tells apart.
const (
	loadedName   = "loaded name"
	functionName = "function"
	variableName = "variable"
)

// bindings finds the places where names are bound, and what is bound there.
// Parameters are left out: a rule's implementation has to take ctx, used or not.
func bindings(f *syntax.File) map[*syntax.Ident]string {
	bound := map[*syntax.Ident]string{}
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.LoadStmt:
			for _, id := range n.To {
				bound[id] = loadedName
			}
		case *syntax.DefStmt:
			bound[n.Name] = functionName
		case *syntax.AssignStmt:
			bind(bound, n.LHS)
		case *syntax.ForStmt:
			bind(bound, n.Vars)
		case *syntax.ForClause:
			bind(bound, n.Vars)
		}
		return true
	})
	return bound
}

// bind marks the names of an assignment's left side. In x[i] = y and x.f = y
// nothing is bound.
func bind(bound map[*syntax.Ident]string, left syntax.Expr) {
	switch left := left.(type) {
	case *syntax.Ident:
		bound[left] = variableName
	case *syntax.ParenExpr:
		bind(bound, left.X)
	case *syntax.TupleExpr:
		for _, x := range left.List {
			bind(bound, x)
		}
	case *syntax.ListExpr:
		for _, x := range left.List {
			bind(bound, x)
		}
	}
}

// block reports statements that do nothing, or are never reached.
func (l *linter) block(stmts []syntax.Stmt) {
	ended := false
	for i, s := range stmts {
		if ended {
			start, _ := s.Span()
			l.report(start, unreachable, "this statement is never reached")
			return
		}
		switch s := s.(type) {
		case *syntax.ReturnStmt:
			ended = true
		case *syntax.BranchStmt:
			ended = s.Token != syntax.PASS
		case *syntax.DefStmt:
			l.block(s.Body)
		case *syntax.ForStmt:
			l.block(s.Body)
		case *syntax.IfStmt:
			l.block(s.True)
			l.block(s.False)
		case *syntax.ExprStmt:
			if !effective(s.X) && !(i == 0 && docstring(stmts) != "") {
				l.report(syntax.Start(s.X), noEffect, "the value of this expression is not used")
			}
		}
	}
}

// effective reports whether an expression may be worth evaluating for something
// else than its value: it calls, as [repo(name = n) for n in names] does.
func effective(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.CallExpr:
		return true
	case *syntax.Comprehension:
		return effective(x.Body)
	case *syntax.CondExpr:
		return effective(x.True) || effective(x.False)
	case *syntax.ParenExpr:
		return effective(x.X)
	}
	return false
}

// docstring returns the string that is the first statement, "" if there is none.
func docstring(stmts []syntax.Stmt) string {
	if len(stmts) == 0 {
		return ""
	}
	s, ok := stmts[0].(*syntax.ExprStmt)
	if !ok {
		return ""
	}
	literal, ok := s.X.(*syntax.Literal)
	if !ok {
		return ""
	}
	text, _ := literal.Value.(string)
	return text
}

// calls reports calls of print(), and rules and attributes without a doc.
func (l *linter) calls(f *syntax.File) {
	syntax.Walk(f, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok {
			return true
		}
		switch fn := call.Fn.(type) {
		case *syntax.Ident:
			switch {
			case fn.Name == "print" && predeclared(fn):
				l.report(fn.NamePos, printed, "print() is called")
			case fn.Name == "rule" && predeclared(fn) && !hasArgument(call, "doc"):
				l.report(fn.NamePos, ruleDoc, "the rule has no doc")
			}
		case *syntax.DotExpr:
			if x, ok := fn.X.(*syntax.Ident); ok && x.Name == "attr" && predeclared(x) && !hasArgument(call, "doc") {
				l.report(x.NamePos, ruleDoc, "the attribute has no doc")
			}
		}
		return true
	})
}

// predeclared reports whether a name is one of the language's, not the file's.
func predeclared(id *syntax.Ident) bool {
	b, ok := id.Binding.(*resolve.Binding)
	return ok && b.Scope == resolve.Predeclared
}

func hasArgument(call *syntax.CallExpr, name string) bool {
	return slices.ContainsFunc(call.Args, func(arg syntax.Expr) bool {
		switch arg := arg.(type) {
		case *syntax.BinaryExpr:
			id, ok := arg.X.(*syntax.Ident)
			return ok && arg.Op == syntax.EQ && id.Name == name
		case *syntax.UnaryExpr:
			return arg.Op == syntax.STARSTAR // it may be among them
		}
		return false
	})
}

// docstrings reports a module, and public functions in it, that do not say what
// they are for.
func (l *linter) docstrings(f *syntax.File) {
	if len(f.Stmts) > 0 && docstring(f.Stmts) == "" {
		start, _ := f.Stmts[0].Span()
		l.report(start, moduleDoc, "the module has no docstring")
	}
	for _, s := range f.Stmts {
		def, ok := s.(*syntax.DefStmt)
		if ok && !strings.HasPrefix(def.Name.Name, "_") && docstring(def.Body) == "" {
			l.report(def.Name.NamePos, functionDoc, "function %q has no docstring", def.Name.Name)
		}
	}
}
