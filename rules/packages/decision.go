package packages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Decision is one line of a log of decisions: what a step on the way from sources to
// trees did with a package, and why. A package that the step lets through needs none.
type Decision struct {
	Package string   `json:"package,omitempty"` // NEVRA; "" if nothing matches what was wanted
	Tree    string   `json:"tree,omitempty"`    // os, debug or src
	Flags   []string `json:"flags,omitempty"`
	// Step is what brought the package in, or the rule that it fell to.
	Step     string   `json:"step"`
	By       string   `json:"by,omitempty"` // the package that wanted it
	Wanted   string   `json:"wanted,omitempty"`
	For      string   `json:"for,omitempty"`      // whose wish it is: a group, a variant
	Rule     string   `json:"rule,omitempty"`     // what decided between several candidates
	Rejected []string `json:"rejected,omitempty"` // the other candidates
	// Dropped says why the package goes no further: "ExcludeArch has s390x". It is ""
	// of one that was brought in.
	Dropped string `json:"dropped,omitempty"`
}

// What readers of logs look for in them.
const (
	StepNoMatch   = "no match"   // what was wanted by a name that no package has
	StepFromChild = "from child" // a child left the package: For is LeftBy and its uid
	LeftBy        = "left by "
)

// EncodeDecisions writes one JSON object a line.
func EncodeDecisions(decisions []Decision) []byte {
	var lines Lines
	for i := range decisions {
		lines.AddDecision(&decisions[i])
	}
	return lines.Bytes()
}

// AddDecision adds a line of a log.
func (l *Lines) AddDecision(d *Decision) {
	o := &l.o
	o.text("package", d.Package, true)
	o.text("tree", d.Tree, true)
	o.texts("flags", d.Flags)
	o.text("step", d.Step, false)
	o.text("by", d.By, true)
	o.text("wanted", d.Wanted, true)
	o.text("for", d.For, true)
	o.text("rule", d.Rule, true)
	o.texts("rejected", d.Rejected)
	o.text("dropped", d.Dropped, true)
	o.end()
}

// DecisionLog is a log of decisions that is read line by line, as they are asked for:
// that of a distribution has 60,000.
type DecisionLog struct {
	data  []byte
	lines map[string][]span // by package
}

// span is a part of a text.
type span struct{ start, end int }

// linePrefix begins every line about a package. What writes the lines puts the package
// first, and names of packages need no escape.
const linePrefix = `{"package":"`

// ReadDecisions reads a log that EncodeDecisions wrote.
func ReadDecisions(data []byte) (*DecisionLog, error) {
	l := &DecisionLog{data: data, lines: make(map[string][]span, bytes.Count(data, []byte{'\n'}))}
	for start := 0; start < len(data); {
		end := len(data)
		if n := bytes.IndexByte(data[start:], '\n'); n >= 0 {
			end = start + n
		}
		name, err := linePackage(data[start:end])
		if err != nil {
			return nil, fmt.Errorf("log of decisions, line %d: %w", 1+bytes.Count(data[:start], []byte{'\n'}), err)
		}
		l.lines[name] = append(l.lines[name], span{start, end})
		start = end + 1
	}
	return l, nil
}

// linePackage returns the package that a line is about, "" if it is about none.
func linePackage(line []byte) (string, error) {
	if rest, ok := bytes.CutPrefix(line, []byte(linePrefix)); ok {
		if name, _, ok := bytes.Cut(rest, []byte{'"'}); ok && !bytes.ContainsRune(name, '\\') {
			return string(name), nil
		}
	}
	var d Decision // of somebody who writes JSON in another way
	err := json.Unmarshal(line, &d)
	return d.Package, err
}

// Packages returns the packages that the log is about, in no order.
func (l *DecisionLog) Packages() []string {
	names := make([]string, 0, len(l.lines))
	for name := range l.lines {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Of returns what was decided on a package, by its NEVRA; of "" what concerns none.
func (l *DecisionLog) Of(nevra string) ([]Decision, error) {
	return l.decode(l.lines[nevra])
}

// Rejecting returns the decisions against a package whose name begins so: those that
// took another one.
func (l *DecisionLog) Rejecting(prefix string) ([]Decision, error) {
	const list = `"rejected":[`
	quoted := []byte(`"` + prefix)
	var lines []span
	for next := 0; ; {
		at := bytes.Index(l.data[next:], []byte(list))
		if at < 0 {
			return l.decode(lines)
		}
		at += next
		line := span{bytes.LastIndexByte(l.data[:at], '\n') + 1, len(l.data)}
		if n := bytes.IndexByte(l.data[at:], '\n'); n >= 0 {
			line.end = at + n
		}
		if bytes.Contains(l.data[at+len(list):line.end], quoted) {
			lines = append(lines, line)
		}
		next = line.end
	}
}

func (l *DecisionLog) decode(lines []span) ([]Decision, error) {
	decisions := make([]Decision, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal(l.data[line.start:line.end], &decisions[i]); err != nil {
			return nil, fmt.Errorf("log of decisions: %w", err)
		}
	}
	return decisions, nil
}

// ShortName returns a NEVRA as people know it: "bash-5.2-1.x86_64", with the epoch only
// if there is one.
func ShortName(nevra string) string {
	if name, evr, ok := strings.Cut(nevra, "-0:"); ok {
		return name + "-" + evr
	}
	return nevra
}
