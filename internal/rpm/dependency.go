package rpm

import (
	"fmt"
	"strings"
)

// senseNames are the operators as spec files write them, indexed by Sense.
var senseNames = [8]string{"", "<", ">", "<>", "=", "<=", ">=", "<=>"}

// String is the operator, such as ">="; "" for 0.
func (s Sense) String() string { return senseNames[s&(Less|Greater|Equal)] }

// parseSense reads an operator of a spec file.
func parseSense(s string) (Sense, bool) {
	switch s {
	case "<":
		return Less, true
	case "<=":
		return Less | Equal, true
	case "=", "==":
		return Equal, true
	case ">=":
		return Greater | Equal, true
	case ">":
		return Greater, true
	}
	return 0, false
}

// String is "foo >= 1:2-3", or the name alone if the dependency has no version.
func (d Dependency) String() string {
	if d.Sense == 0 {
		return d.Name
	}
	b := make([]byte, 0, 64)
	b = append(b, d.Name...)
	b = append(b, ' ')
	b = append(b, d.Sense.String()...)
	b = append(b, ' ')
	return string(d.EVR.append(b))
}

// IsRich tells whether the name is an expression in parentheses, such as
// "(a or b)", which says by itself what it compares.
func (d Dependency) IsRich() bool { return strings.HasPrefix(d.Name, "(") }

// ParseDependency reads a dependency as spec files write it: "foo",
// "foo >= 1:2-3", "/usr/bin/foo", or a rich one, "(a >= 1 or b)", which is kept
// whole as the name.
func ParseDependency(s string) (Dependency, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "(") {
		if err := checkParentheses(s); err != nil {
			return Dependency{}, fmt.Errorf("dependency %q: %w", s, err)
		}
		return Dependency{Name: s}, nil
	}
	fields := strings.Fields(s)
	if len(fields) != 1 && len(fields) != 3 {
		return Dependency{}, fmt.Errorf("dependency %q has %d words, want NAME or NAME OPERATOR VERSION", s, len(fields))
	}
	d := Dependency{Name: fields[0]}
	if strings.ContainsAny(d.Name, "<>") {
		return Dependency{}, fmt.Errorf("dependency %q: name %q holds an operator, want spaces around it", s, d.Name)
	}
	if len(fields) == 1 {
		return d, nil
	}
	var ok bool
	if d.Sense, ok = parseSense(fields[1]); !ok {
		return Dependency{}, fmt.Errorf("dependency %q: operator %q, want one of < <= = >= >", s, fields[1])
	}
	var err error
	if d.EVR, err = parseEVR(fields[2]); err != nil {
		return Dependency{}, fmt.Errorf("dependency %q: %w", s, err)
	}
	return d, nil
}

// checkParentheses wants one expression whose last parenthesis closes the first.
func checkParentheses(s string) error {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 && i < len(s)-1 {
			return fmt.Errorf("%q follows the last parenthesis", s[i+1:])
		}
	}
	if depth != 0 {
		return fmt.Errorf("%d parentheses are not closed", depth)
	}
	return nil
}

// Overlaps tells whether what is provided satisfies d, as rpmdsCompare decides:
// the names are the same, and so is some version in both ranges. The relation
// is symmetric.
//
// A side without a version accepts every version of the other, so that an
// unversioned Provides satisfies a versioned Requires. Releases count only when
// both sides have one. Files and rich dependencies are matched by name alone;
// that a package owns a file, or what a rich dependency means, is the solver's
// knowledge.
func (d Dependency) Overlaps(provided Dependency) bool {
	if d.Name != provided.Name {
		return false
	}
	if d.Sense == 0 || provided.Sense == 0 || d.EVR == (EVR{}) || provided.EVR == (EVR{}) {
		return true
	}
	return overlap(d.EVR, d.Sense, provided.EVR, provided.Sense)
}

// overlap tells whether the ranges (a, as) and (b, bs) have a version in common.
func overlap(a EVR, as Sense, b EVR, bs Sense) bool {
	order := compareEpochVersion(a, b)
	if order == 0 {
		if a.Release != "" && b.Release != "" {
			order = CompareVersion(a.Release, b.Release)
		} else if a.Release != "" && bs&Equal != 0 || b.Release != "" && as&Equal != 0 {
			// "= 1.0" stands for every 1.0-*, and thus meets "> 1.0-3" too.
			return true
		}
	}
	switch {
	case order < 0:
		return as&Greater != 0 || bs&Less != 0
	case order > 0:
		return as&Less != 0 || bs&Greater != 0
	}
	return as&bs != 0
}

func compareEpochVersion(a, b EVR) int {
	a.Release, b.Release = "", ""
	return Compare(a, b)
}
