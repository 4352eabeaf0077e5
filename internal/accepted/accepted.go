// Package accepted is where our tests keep in what we differ from others, knowingly:
// from the composes that Pungi makes, and from what libsolv thinks of packages.
//
// The differences are lines of one file, differences.txt:
//
//	SCOPE | PATTERN | BEHAVIOUR
//
//	libsolv-debian | conflicts: * | gather takes the best provider of a requirement, ...
//
// A test finds differences in one scope, and words each of them in a line. It asks
// whether a pattern has that line, and at its end which patterns had none: these
// accept what is no more, and fail it. In patterns, * is any text, and all else itself.
// The behaviour says in words what Pungi or libsolv does, and we do not.
package accepted

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:embed differences.txt
var file string

// Scopes are the comparisons that there are.
var Scopes = []string{"golden", "libsolv-centos", "libsolv-debian"}

// Differences are those that one comparison accepts.
type Differences struct{ lines []*difference }

type difference struct {
	pattern string
	is      *regexp.Regexp
	used    bool
}

// In returns the differences of a scope. Every line of the file has to be right.
func In(scope string) (*Differences, error) {
	if !slices.Contains(Scopes, scope) {
		return nil, fmt.Errorf("scope %q, want one of %q", scope, Scopes)
	}
	all, err := parse(file)
	return all[scope], err
}

// parse reads the file. Empty lines, and those that begin with #, are left out.
func parse(text string) (map[string]*Differences, error) {
	all := map[string]*Differences{}
	for _, scope := range Scopes {
		all[scope] = &Differences{}
	}
	seen := map[string]bool{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, " | ")
		if len(fields) != 3 || slices.Contains(fields, "") {
			return nil, fmt.Errorf("differences.txt:%d: %q, want SCOPE | PATTERN | BEHAVIOUR", number, line)
		}
		scope, pattern := strings.TrimSpace(fields[0]), strings.TrimSpace(fields[1])
		of, ok := all[scope]
		if !ok {
			return nil, fmt.Errorf("differences.txt:%d: scope %q, want one of %q", number, scope, Scopes)
		}
		if key := scope + " | " + pattern; seen[key] {
			return nil, fmt.Errorf("differences.txt:%d: %q is there twice", number, key)
		} else {
			seen[key] = true
		}
		of.lines = append(of.lines, &difference{pattern: pattern, is: compile(pattern)})
	}
	return all, nil
}

// compile makes a pattern an expression for whole lines.
func compile(pattern string) *regexp.Regexp {
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`)
}

// Accept tells whether a difference is known.
func (d *Differences) Accept(difference string) bool {
	known := false
	for _, l := range d.lines {
		if l.is.MatchString(difference) {
			l.used, known = true, true
		}
	}
	return known
}

// Unused lists the patterns that no difference had so far.
func (d *Differences) Unused() []string {
	var list []string
	for _, l := range d.lines {
		if !l.used {
			list = append(list, l.pattern)
		}
	}
	return list
}
