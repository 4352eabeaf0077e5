package solve

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// op is an operator of a rich dependency.
type op uint8

const (
	opLeaf    op = iota // a plain dependency
	opAnd               // every operand
	opOr                // any operand
	opIf                // A if B [else C]
	opUnless            // A unless B [else C]
	opWith              // one package provides every operand
	opWithout           // one package provides the first operand and not the second
)

var opNames = [...]string{
	opAnd: "and", opOr: "or", opIf: "if", opUnless: "unless", opWith: "with", opWithout: "without",
}

// expr is a dependency as a tree. A leaf has no operands.
type expr struct {
	op       op
	dep      rpm.Dependency // of a leaf
	operands []*expr
	set      int32 // if isSet: the requirement of these words in the pool
}

// maxRichDepth bounds nesting; real dependencies nest two or three deep.
const maxRichDepth = 64

// parseRich reads a boolean dependency, such as "((a >= 1 with a < 2) or b(x))".
//
//	rich    = "(" operand [ tail ] ")"
//	tail    = { "and" operand } | { "or" operand } | { "with" operand }
//	        | "without" operand | ( "if" | "unless" ) operand [ "else" operand ]
//	operand = rich | name [ compare version ]
//
// Operators are not mixed without parentheses. A name may hold balanced
// parentheses. Operands of with and without say what a single package provides,
// so they are capabilities, or these joined by with, without and or. Unlike
// rpmbuild it lets "if" stand below "or"; what that means is clear enough.
func parseRich(s string) (*expr, error) {
	if !strings.HasPrefix(s, "(") {
		return nil, fmt.Errorf("dependency %q has no parentheses", s)
	}
	p := richParser{rest: s}
	e, err := p.rich(0)
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q follows the last parenthesis", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("dependency %q: %w", s, err)
	}
	return e, nil
}

type richParser struct{ rest string }

func (p *richParser) rich(depth int) (*expr, error) {
	if depth == maxRichDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxRichDepth)
	}
	p.rest = p.rest[len("("):]
	first, err := p.operand(depth)
	if err != nil {
		return nil, err
	}
	e, err := p.tail(first, depth)
	if err != nil {
		return nil, err
	}
	p.space()
	if !strings.HasPrefix(p.rest, ")") {
		return nil, fmt.Errorf("found %q, want a closing parenthesis", p.rest)
	}
	p.rest = p.rest[len(")"):]
	return e, nil
}

// tail reads what follows the first operand up to the closing parenthesis.
func (p *richParser) tail(first *expr, depth int) (*expr, error) {
	word := p.word()
	if word == "" {
		return first, nil
	}
	e := &expr{operands: []*expr{first}}
	var ok bool
	if e.op, ok = parseOp(word); !ok {
		return nil, fmt.Errorf("operator %q, want one of and, or, if, unless, with, without", word)
	}
	for {
		next, err := p.operand(depth)
		if err != nil {
			return nil, err
		}
		e.operands = append(e.operands, next)
		again := p.word()
		if again == "" {
			return e, e.check()
		}
		if !e.continues(word, again) {
			return nil, fmt.Errorf("operator %q follows %q, want parentheses around one of them", again, word)
		}
		word = again
	}
}

func parseOp(word string) (op, bool) {
	for i, name := range opNames {
		if name == word && name != "" {
			return op(i), true
		}
	}
	return 0, false
}

// continues tells whether a further operand may follow after word.
func (e *expr) continues(last, word string) bool {
	switch e.op {
	case opAnd, opOr, opWith:
		return word == last
	case opIf, opUnless:
		return word == "else" && last != "else"
	}
	return false
}

// check wants operands of with and without that talk about one package.
func (e *expr) check() error {
	if e.op != opWith && e.op != opWithout {
		return nil
	}
	for _, o := range e.operands {
		if !o.isSet() {
			return fmt.Errorf("operand %s of %q, want what a single package can provide", o, opNames[e.op])
		}
	}
	return nil
}

// isSet tells whether the expression is satisfied by one package alone, so that
// it stands for the set of these packages.
func (e *expr) isSet() bool {
	switch e.op {
	case opLeaf, opWith, opWithout:
		return true
	case opOr:
		for _, o := range e.operands {
			if !o.isSet() {
				return false
			}
		}
		return true
	}
	return false
}

func (p *richParser) operand(depth int) (*expr, error) {
	p.space()
	if strings.HasPrefix(p.rest, "(") {
		return p.rich(depth + 1)
	}
	name := p.name()
	if name == "" {
		return nil, errors.New("an operand is missing")
	}
	if strings.Count(name, "(") != strings.Count(name, ")") {
		return nil, fmt.Errorf("parentheses of %q are not closed", name)
	}
	text := name
	p.space()
	if sense := p.take(isSenseByte); sense != "" {
		p.space()
		text += " " + sense + " " + p.take(isVersionByte)
	}
	d, err := rpm.ParseDependency(text)
	if err != nil {
		return nil, err
	}
	return &expr{dep: d}, nil
}

// name takes a capability; parentheses that open inside belong to it.
func (p *richParser) name() string {
	open := 0
	for i := 0; i < len(p.rest); i++ {
		switch p.rest[i] {
		case ' ', '\t', '\n', ',':
			return p.cut(i)
		case '(':
			open++
		case ')':
			if open == 0 {
				return p.cut(i)
			}
			open--
		}
	}
	return p.cut(len(p.rest))
}

// word takes an operator: letters up to a space or a parenthesis.
func (p *richParser) word() string {
	p.space()
	return p.take(func(c byte) bool { return c != ' ' && c != '\t' && c != '\n' && c != '(' && c != ')' })
}

func (p *richParser) space() {
	p.rest = strings.TrimLeft(p.rest, " \t\n")
}

func (p *richParser) take(accept func(byte) bool) string {
	i := 0
	for i < len(p.rest) && accept(p.rest[i]) {
		i++
	}
	return p.cut(i)
}

func (p *richParser) cut(n int) string {
	s := p.rest[:n]
	p.rest = p.rest[n:]
	return s
}

func isSenseByte(c byte) bool   { return c == '<' || c == '=' || c == '>' }
func isVersionByte(c byte) bool { return c > ' ' && c != '(' && c != ')' && c != ',' }

// String is the dependency as a spec file has it. Needless parentheses are left out,
// as in "(a or (b or c))".
func (e *expr) String() string {
	if e.op == opLeaf {
		return e.dep.String()
	}
	var b strings.Builder
	b.WriteByte('(')
	e.write(&b)
	b.WriteByte(')')
	return b.String()
}

// write writes what stands between the parentheses.
func (e *expr) write(b *strings.Builder) {
	for i, o := range e.operands {
		switch {
		case i == 2 && (e.op == opIf || e.op == opUnless):
			b.WriteString(" else ")
		case i > 0:
			b.WriteString(" " + opNames[e.op] + " ")
		}
		if o.op == e.op && (e.op == opAnd || e.op == opOr || e.op == opWith) {
			o.write(b)
		} else {
			b.WriteString(o.String())
		}
	}
}

// eachPath visits the required files.
func (e *expr) eachPath(visit func(path string)) {
	if e.op == opLeaf && strings.HasPrefix(e.dep.Name, "/") {
		visit(e.dep.Name)
	}
	for _, o := range e.operands {
		o.eachPath(visit)
	}
}
