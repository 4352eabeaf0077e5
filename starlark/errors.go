package starlark

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

// mistake is what is wrong with a value. Literal is the text to look for in the
// source, so that the error can stand where the text does; "" if there is none.
type mistake struct {
	msg, hint string
	literal   string
	// name: the error is about the name of the attribute, not about its value.
	name bool
}

func (m *mistake) Error() string { return m.msg }

// wrong returns a mistake about the text literal.
func wrong(literal, format string, args ...any) *mistake {
	return &mistake{msg: fmt.Sprintf(format, args...), literal: literal}
}

// site is where a declaration stands.
type site struct {
	pos rules.Position // of the innermost call that stands in the workspace
	// stack of the calls that led there, outermost first.
	stack []rules.Position
	call  *syntax.CallExpr // at pos; nil for what has no source
}

// outermost is the place in compose.star that a person would change.
func (s *site) outermost() rules.Position {
	if len(s.stack) > 0 {
		return s.stack[0]
	}
	return s.pos
}

// mistake places an error about the attribute attr of subject: at the text the
// error is about, else at the attribute's value, else at the call.
func (s *site) mistake(subject, attr string, err error) *rules.Error {
	e := &rules.Error{Pos: s.pos, Stack: s.stack, Msg: err.Error()}
	if subject != "" {
		e.Msg = subject + ": " + e.Msg
	}
	m := new(mistake)
	if errors.As(err, &m) {
		e.Hint = m.hint
	}
	if pos, ok := find(s.call, attr, m); ok {
		e.Pos = rules.Position{File: s.pos.File, Line: int(pos.Line), Col: int(pos.Col)}
	}
	return e
}

// find returns where the text that is wrong stands in the value of the keyword
// argument attr, or where that value starts.
func find(call *syntax.CallExpr, attr string, m *mistake) (pos syntax.Position, ok bool) {
	if call == nil {
		return pos, false
	}
	for _, arg := range call.Args {
		name, value := keyword(arg)
		if name == nil || name.Name != attr {
			continue
		}
		if m.name {
			return name.NamePos, true
		}
		pos, ok = syntax.Start(value), true
		found := false
		syntax.Walk(value, func(n syntax.Node) bool {
			l, isLiteral := n.(*syntax.Literal)
			if isLiteral && !found && m.literal != "" && l.Value == any(m.literal) {
				pos, found = l.TokenPos, true
			}
			return !found
		})
	}
	return pos, ok
}

// keyword splits name = value; name is nil for a positional argument.
func keyword(arg syntax.Expr) (name *syntax.Ident, value syntax.Expr) {
	if b, ok := arg.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
		if id, ok := b.X.(*syntax.Ident); ok {
			return id, b.Y
		}
	}
	return nil, arg
}

// phasePrefix begins the names of the files that ship with pungo. Errors point
// into the workspace where they can, not to these.
const phasePrefix = "@pungo//"

func position(p syntax.Position) rules.Position {
	return rules.Position{File: p.Filename(), Line: int(p.Line), Col: int(p.Col)}
}

// site finds out where the innermost call of a stack stands in the workspace.
func (l *loader) site(stack starlark.CallStack) *site {
	s := new(site)
	for _, frame := range l.places(stack) {
		if s.pos.File != "" {
			s.stack = append(s.stack, s.pos)
		}
		s.call = l.sources[frame.Filename()].callAt(frame)
		if s.pos = position(frame); s.call != nil {
			start := syntax.Start(s.call)
			s.pos.Line, s.pos.Col = int(start.Line), int(start.Col)
		}
	}
	return s
}

// places returns the positions of a stack that are in files of the workspace, or
// of phases if there are none.
func (l *loader) places(stack starlark.CallStack) []syntax.Position {
	var workspace, phases []syntax.Position
	for _, frame := range stack {
		switch name := frame.Pos.Filename(); {
		case strings.HasPrefix(name, phasePrefix):
			phases = append(phases, frame.Pos)
		case l.sources[name] != nil:
			workspace = append(workspace, frame.Pos)
		}
	}
	if len(workspace) > 0 {
		return workspace
	}
	return phases
}

// asError makes a rules.Error of whatever the interpreter returned.
func (l *loader) asError(err error) *rules.Error {
	var (
		known    *rules.Error
		eval     *starlark.EvalError
		syntaxed syntax.Error
		resolved resolve.ErrorList
	)
	isEval := errors.As(err, &eval)
	switch {
	case errors.As(err, &known):
		if isEval && known.Pos.File == "" {
			s := l.site(eval.CallStack)
			known.Pos, known.Stack = s.pos, s.stack
		}
		return known
	case isEval:
		s := l.site(eval.CallStack)
		return &rules.Error{Pos: s.pos, Stack: s.stack, Msg: reworded(eval.Msg) + inPhase(s, eval.CallStack)}
	case errors.As(err, &syntaxed):
		return &rules.Error{Pos: position(syntaxed.Pos), Msg: reworded(syntaxed.Msg)}
	case errors.As(err, &resolved):
		return &rules.Error{Pos: position(resolved[0].Pos), Msg: l.unresolved(resolved[0].Msg)}
	}
	return &rules.Error{Msg: err.Error()}
}

// unresolved adds a proposal to the message about a name that is not defined. The
// interpreter proposes names of the file only.
func (l *loader) unresolved(msg string) string {
	name, ok := strings.CutPrefix(msg, "undefined: ")
	if !ok || strings.Contains(name, " ") {
		return reworded(msg)
	}
	return reworded(msg) + spell.DidYouMean(name, slices.Concat(l.language.Keys(), starlark.Universe.Keys()))
}

// inPhase names the line of a phase in which Starlark itself failed, if the error
// stands elsewhere; errors that a phase states by fail() do not need it.
func inPhase(s *site, stack starlark.CallStack) string {
	if strings.HasPrefix(s.pos.File, phasePrefix) {
		return ""
	}
	for i := len(stack) - 1; i >= 0; i-- {
		if strings.HasPrefix(stack[i].Pos.Filename(), phasePrefix) {
			return " (in " + position(stack[i].Pos).String() + ")"
		}
	}
	return ""
}

var (
	starlarkHint = regexp.MustCompile(` \(did you mean \.?([^ ?]+)\?\)$`)
	undefined    = regexp.MustCompile(`^undefined: ([^ ]+)`)
)

// reworded brings the messages of the interpreter into the form of ours.
func reworded(msg string) string {
	msg = strings.TrimPrefix(msg, "Starlark computation cancelled: ")
	msg = undefined.ReplaceAllString(msg, `"$1" is not defined`)
	return starlarkHint.ReplaceAllString(msg, `; did you mean "$1"?`)
}
