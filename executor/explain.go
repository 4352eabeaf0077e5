package executor

import (
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Field is one line of an explanation: something that a key depends on, in words
// that stay the same while the thing does. So an artifact is told by who made it
// and not by its number among the inputs.
type Field struct {
	// Name is "tool", "program", "argument --NAME", "argument", "environment NAME",
	// "output", "property NAME", "timeout", "salt NAME" or "input NAME".
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	// Digest of an input.
	Digest cache.Digest `json:"digest,omitzero"`
	// From is the instance that made an input, or its path in the workspace.
	From string `json:"from,omitempty"`
}

func (f Field) String() string {
	text := f.Name
	if f.Value != "" {
		text += " " + f.Value
	}
	if f.From != "" {
		text += " of " + f.From
	}
	if !f.Digest.IsZero() {
		text += " (" + f.Digest.Short() + ")"
	}
	return text
}

// explained is the reader that writes the explanation.
type explained struct {
	fields []Field
}

// fact implements reader.
func (e *explained) fact(f fact) {
	switch f.Kind {
	case argumentFact:
		e.argument(f)
	case variableFact:
		e.add(Field{Name: "environment " + f.Name, Value: f.Value})
	case propertyFact:
		e.add(Field{Name: "property " + f.Name, Value: f.Value})
	case outputFact:
		e.add(Field{Name: "output", Value: f.Value})
	case timeoutFact:
		e.add(Field{Name: "timeout", Value: f.Duration.String()})
	case saltFact:
		e.add(Field{Name: "salt " + f.Name, Value: f.Value})
	case inputFact:
		e.input(f)
	}
}

func (e *explained) add(f Field) { e.fields = append(e.fields, f) }

// argument adds a field for the first of arguments that belong together, and the
// others to its value.
func (e *explained) argument(f fact) {
	value := f.Value
	if f.From != nil {
		value = strings.Replace(value, f.Name, "{"+f.From.Name+" of "+origin(f.From)+"}", 1)
	}
	switch {
	case !f.Begins:
		last := &e.fields[len(e.fields)-1]
		last.Value = strings.TrimPrefix(last.Value+" "+value, " ")
	case len(e.fields) == 0 && value == toolProgram:
		e.add(Field{Name: "tool"})
	case len(e.fields) == 0:
		e.add(Field{Name: "program", Value: value})
	case strings.HasPrefix(value, "--"):
		e.add(Field{Name: "argument " + value})
	default:
		e.add(Field{Name: "argument", Value: value})
	}
}

func (e *explained) input(f fact) {
	field := Field{Name: "input " + f.Name, Digest: f.Node.Digest}
	if f.From != nil {
		field.Name, field.From = "input "+f.From.Name, origin(f.From)
	}
	if f.Node.Executable {
		field.Value = "executable"
	}
	e.add(field)
}

// origin tells where an artifact comes from.
func origin(f *rules.Artifact) string {
	switch {
	case f.Producer != nil:
		return f.Producer.String()
	case f.Source != nil:
		return f.Source.Name()
	}
	return ""
}

// Change is a difference between two explanations. Before or After is nil if the
// field is only in the other.
type Change struct {
	Before *Field `json:"before,omitempty"`
	After  *Field `json:"after,omitempty"`
}

// Changes tells what of an explanation is not in another, in the order of after,
// then what is gone in the order of before. A field that changed its value is one
// Change.
func Changes(before, after []Field) []Change {
	left := map[Field]int{}
	for _, f := range before {
		left[f]++
	}
	var added []int
	for i, f := range after {
		if left[f] > 0 {
			left[f]--
		} else {
			added = append(added, i)
		}
	}
	gone := map[string][]*Field{}
	var names []string
	for i := len(before) - 1; i >= 0; i-- {
		f := &before[i]
		if left[*f] == 0 {
			continue
		}
		left[*f]--
		if gone[f.Name] == nil {
			names = append(names, f.Name)
		}
		gone[f.Name] = append(gone[f.Name], f)
	}
	return pairUp(added, after, gone, names)
}

// pairUp makes one Change of a field that is new and one of the same name that is
// gone. gone holds the last first.
func pairUp(added []int, after []Field, gone map[string][]*Field, names []string) []Change {
	var changes []Change
	for _, i := range added {
		c := Change{After: &after[i]}
		if same := gone[c.After.Name]; len(same) > 0 {
			c.Before = same[len(same)-1]
			gone[c.After.Name] = same[:len(same)-1]
		}
		changes = append(changes, c)
	}
	for i := len(names) - 1; i >= 0; i-- {
		same := gone[names[i]]
		for j := len(same) - 1; j >= 0; j-- {
			changes = append(changes, Change{Before: same[j]})
		}
	}
	return changes
}
