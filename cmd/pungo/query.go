package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/rules"
)

// queryCmd lists targets, what they depend on, or their actions. It evaluates the
// definition and does nothing else.
type queryCmd struct {
	matrixFlags
	targetArgs

	Deps      bool   `help:"Add what the targets depend on, and what that depends on." xor:"direction"`
	Rdeps     bool   `help:"Add what depends on the targets, and what depends on that." xor:"direction"`
	Actions   bool   `help:"List actions instead, with their inputs and outputs."`
	Instances bool   `help:"List instances instead: a target in each of its cells."`
	Output    string `help:"Format: label, json or dot; by default ${default}." enum:"label,json,dot" default:"label" placeholder:"FORMAT"`
}

// Run prints the answer to standard output.
func (c *queryCmd) Run(ctx context.Context, p process, g *Globals) error {
	w, err := evaluate(ctx, p, g, c.matrixFlags, identityFlags{})
	if err != nil {
		return err
	}
	chosen, err := c.targetArgs.choose(w.graph, w.pkg)
	if err != nil {
		return err
	}
	switch {
	case c.Deps:
		chosen = closure(w.graph, chosen, func(a *rules.Analysed) []*rules.Analysed { return a.Deps })
	case c.Rdeps:
		users := usersOf(w.graph)
		chosen = closure(w.graph, chosen, func(a *rules.Analysed) []*rules.Analysed { return users[a] })
	}
	if g.JSON {
		c.Output = "json"
	}
	out := bufio.NewWriter(p.stdout)
	if err := c.print(out, w.graph, chosen); err != nil {
		return err
	}
	return out.Flush()
}

func (c *queryCmd) print(w io.Writer, g *rules.Graph, chosen []*rules.Analysed) error {
	if c.Actions {
		actions := actionsOf(chosen)
		if len(c.Targets)+len(c.Without) == 0 && g.Layout != nil && !slices.Contains(actions, g.Layout) {
			actions = append(actions, g.Layout)
		}
		return printActions(w, c.Output, actions)
	}
	if c.Instances {
		return printNodes(w, c.Output, instanceNodes(chosen))
	}
	return printNodes(w, c.Output, targetNodes(chosen))
}

// closure adds to instances what next leads to, and returns all in the order of
// the graph.
func closure(g *rules.Graph, start []*rules.Analysed, next func(*rules.Analysed) []*rules.Analysed) []*rules.Analysed {
	seen := map[*rules.Analysed]bool{}
	for queue := slices.Clone(start); len(queue) > 0; {
		a := queue[0]
		queue = queue[1:]
		if !seen[a] {
			seen[a] = true
			queue = append(queue, next(a)...)
		}
	}
	var all []*rules.Analysed
	for _, t := range g.Targets {
		for _, a := range t.Instances {
			if seen[a] {
				all = append(all, a)
			}
		}
	}
	return all
}

// usersOf turns the dependencies of a graph round.
func usersOf(g *rules.Graph) map[*rules.Analysed][]*rules.Analysed {
	users := map[*rules.Analysed][]*rules.Analysed{}
	for _, t := range g.Targets {
		for _, a := range t.Instances {
			for _, d := range a.Deps {
				users[d] = append(users[d], a)
			}
		}
	}
	return users
}

func actionsOf(chosen []*rules.Analysed) []*rules.Action {
	var actions []*rules.Action
	for _, a := range chosen {
		actions = append(actions, a.Actions...)
	}
	return actions
}

// queryNode is a target or an instance in JSON. Deps are direct ones, whether
// they were asked for or not.
type queryNode struct {
	Label     string   `json:"label"`
	Cell      *string  `json:"cell,omitempty"` // of an instance
	Rule      string   `json:"rule"`
	Per       string   `json:"per"`
	Position  string   `json:"position"`
	Test      bool     `json:"test,omitempty"`
	Optional  bool     `json:"optional,omitempty"` // in any cell
	Tags      []string `json:"tags,omitempty"`
	Cells     []string `json:"cells,omitempty"` // of a target
	Providers []string `json:"providers"`
	Deps      []string `json:"deps"`

	name string // how others call it in their Deps
}

// instanceNodes describes instances one by one.
func instanceNodes(chosen []*rules.Analysed) []queryNode {
	nodes := make([]queryNode, 0, len(chosen))
	for _, a := range chosen {
		cell := a.Cell.String()
		n := queryNode{
			Label: a.Label.String(), Cell: &cell, Rule: a.Target.Rule, Per: a.Target.Per,
			Position: a.Target.Pos.String(), Test: a.Target.Test, Optional: a.Optional, Tags: a.Target.Tags,
			Providers: append([]string{}, a.Providers...), Deps: []string{}, name: a.Instance.String(),
		}
		for _, d := range a.Deps {
			n.Deps = append(n.Deps, d.Instance.String())
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// targetNodes puts the instances of each target together: their cells are listed
// and their dependencies united.
func targetNodes(chosen []*rules.Analysed) []queryNode {
	nodes := []queryNode{}
	at := map[rules.Label]int{}
	for _, a := range chosen {
		i, ok := at[a.Label]
		if !ok {
			i = len(nodes)
			at[a.Label] = i
			nodes = append(nodes, queryNode{
				Label: a.Label.String(), Rule: a.Target.Rule, Per: a.Target.Per, Position: a.Target.Pos.String(),
				Test: a.Target.Test, Tags: a.Target.Tags, Providers: []string{}, Deps: []string{}, name: a.Label.String(),
			})
		}
		n := &nodes[i]
		if cell := a.Cell.String(); cell != "" {
			n.Cells = append(n.Cells, cell)
		}
		n.Optional = n.Optional || a.Optional
		n.Providers = united(n.Providers, a.Providers)
		for _, d := range a.Deps {
			if d.Label != a.Label {
				n.Deps = united(n.Deps, []string{d.Label.String()})
			}
		}
	}
	return nodes
}

// united appends to list what it does not have yet.
func united(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func printNodes(w io.Writer, format string, nodes []queryNode) error {
	switch format {
	case "json":
		return printJSON(w, nodes)
	case "dot":
		edges := make([]edge, 0, len(nodes))
		names := make([]string, 0, len(nodes))
		for _, n := range nodes {
			names = append(names, n.name)
			for _, d := range n.Deps {
				edges = append(edges, edge{n.name, d})
			}
		}
		return printDot(w, names, edges)
	}
	for _, n := range nodes {
		if _, err := fmt.Fprintln(w, n.name); err != nil {
			return err
		}
	}
	return nil
}

// queryAction is an action in JSON.
type queryAction struct {
	Instance string   `json:"instance"`
	Tool     string   `json:"tool,omitempty"`
	Program  string   `json:"program,omitempty"`
	Args     []string `json:"args"`
	Inputs   []string `json:"inputs"`
	Outputs  []string `json:"outputs"`
	Optional bool     `json:"optional,omitempty"`
	Stamped  bool     `json:"stamped,omitempty"`
}

func describeAction(a *rules.Action) queryAction {
	q := queryAction{
		Instance: a.String(), Tool: a.Tool, Optional: a.Optional, Stamped: a.Stamped(),
		Args: []string{}, Inputs: []string{}, Outputs: []string{},
	}
	if a.Toolchain != nil {
		q.Program = a.Toolchain.Program
	}
	for _, arg := range a.Args {
		for _, w := range arg {
			text := w.Text
			if w.Artifact != nil {
				text += artifactName(w.Artifact)
			}
			q.Args = append(q.Args, text+w.Suffix)
		}
	}
	for _, f := range a.Inputs() {
		q.Inputs = append(q.Inputs, artifactName(f))
	}
	for _, f := range a.Outputs {
		q.Outputs = append(q.Outputs, artifactName(f))
	}
	return q
}

// artifactName names a file of the workspace by its path, and what an action
// makes by the instance and its name there.
func artifactName(f *rules.Artifact) string {
	if f.Source != nil {
		return f.Source.Name()
	}
	return f.Producer.String() + "/" + f.Name
}

func printActions(w io.Writer, format string, actions []*rules.Action) error {
	switch format {
	case "json":
		list := make([]queryAction, 0, len(actions))
		for _, a := range actions {
			list = append(list, describeAction(a))
		}
		return printJSON(w, list)
	case "dot":
		return printActionDot(w, actions)
	}
	for _, a := range actions {
		q := describeAction(a)
		fmt.Fprintf(w, "%s (%s)\n", q.Instance, a.Mnemonic())
		for _, name := range q.Inputs {
			fmt.Fprintf(w, "  in  %s\n", name)
		}
		for _, name := range q.Outputs {
			fmt.Fprintf(w, "  out %s\n", name)
		}
	}
	return nil
}

// printActionDot draws actions and the artifacts between them. An action is named
// by its first output: an instance may have several.
func printActionDot(w io.Writer, actions []*rules.Action) error {
	var names []string
	var edges []edge
	for _, a := range actions {
		if len(a.Outputs) == 0 {
			continue
		}
		name := artifactName(a.Outputs[0])
		names = append(names, name)
		for _, f := range a.Inputs() {
			if f.Producer != nil && len(f.Producer.Outputs) > 0 {
				edges = append(edges, edge{name, artifactName(f.Producer.Outputs[0])})
			}
		}
	}
	return printDot(w, names, edges)
}

// edge says that one node needs another.
type edge struct{ from, to string }

// printDot writes a graph for Graphviz, without edges to what is not in it.
func printDot(w io.Writer, names []string, edges []edge) error {
	var b strings.Builder
	b.WriteString("digraph pungo {\n  node [shape=box];\n")
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
		fmt.Fprintf(&b, "  %q;\n", n)
	}
	drawn := map[edge]bool{}
	for _, e := range edges {
		if known[e.to] && !drawn[e] {
			drawn[e] = true
			fmt.Fprintf(&b, "  %q -> %q;\n", e.from, e.to)
		}
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// printJSON writes a value with an indent, for people and for jq.
func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escaped(b.Bytes()))
	return err
}

// escaped is JSON in which no string has a character that steers a terminal: encoding/json
// escapes those of ASCII only.
func escaped(document []byte) []byte {
	if bytes.IndexFunc(document, foreignSteering) < 0 {
		return document
	}
	var b bytes.Buffer
	for _, r := range string(document) {
		if foreignSteering(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.Bytes()
}

func foreignSteering(r rune) bool { return r >= 0x7f && steers(r) }
