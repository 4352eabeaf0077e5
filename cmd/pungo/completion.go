package main

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd writes a completion script for a shell. What never changes is in
// the script: commands, flags, values of flags. For the names of targets it calls
// "pungo query".
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Run writes the script to standard output.
func (c *completionCmd) Run(k *kong.Context, p process) error {
	m := modelOf(k.Model.Node)
	script := map[string]func(completionModel) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell]
	_, err := io.WriteString(p.stdout, script(m))
	return err
}

// completionModel is what there is to complete.
type completionModel []completedCommand

type completedCommand struct {
	name, help string
	flags      []completedFlag
	// argument says what the arguments are: "targets", "files", "" for none of these.
	argument string
	values   []string // of the argument, if it is a choice
}

type completedFlag struct {
	name, help string
	short      string // one letter or ""
	takesValue bool
	values     []string // if it is a choice
}

// modelOf walks the model of the command line. Flags of every command come with
// each of them; those of the commands below a command with that one, whose first
// argument is one of their names.
func modelOf(app *kong.Node) completionModel {
	var m completionModel
	for _, n := range app.Children {
		if n.Hidden {
			continue
		}
		c := completedCommand{name: n.Name, help: n.Help}
		c.add(n)
		for _, below := range n.Leaves(true) {
			c.add(below)
			c.values = append(c.values, below.Name)
		}
		m = append(m, c)
	}
	return m
}

// add adds the flags of a command, and what its arguments are.
func (c *completedCommand) add(n *kong.Node) {
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if !slices.ContainsFunc(c.flags, func(known completedFlag) bool { return known.name == f.Name }) {
				c.flags = append(c.flags, completedFlagOf(f))
			}
		}
	}
	for _, arg := range n.Positional {
		switch {
		case arg.Enum != "":
			c.values = arg.EnumSlice()
		case arg.Name == "targets", arg.Name == "files":
			c.argument = arg.Name
		case arg.Name == "before", arg.Name == "after": // composes, folders, locks
			c.argument = "files"
		}
	}
}

func completedFlagOf(f *kong.Flag) completedFlag {
	c := completedFlag{name: f.Name, help: f.Help, takesValue: !f.IsBool() && !f.IsCounter()}
	if f.Short != 0 {
		c.short = string(f.Short)
	}
	if f.Enum != "" {
		c.values = f.EnumSlice()
	}
	return c
}

// word is what the flag looks like when it is completed.
func (f completedFlag) word() string {
	if f.takesValue {
		return "--" + f.name + "="
	}
	return "--" + f.name
}

// names lists the commands.
func (m completionModel) names() []string {
	var names []string
	for _, c := range m {
		names = append(names, c.name)
	}
	return names
}

// with lists the commands whose arguments are of a kind.
func (m completionModel) with(argument string) []string {
	var names []string
	for _, c := range m {
		if c.argument == argument {
			names = append(names, c.name)
		}
	}
	return names
}

//go:embed completion.bash
var bashCode string

//go:embed completion.zsh
var zshCode string

// bashScript and zshScript are a table, and code that reads it.
func bashScript(m completionModel) string {
	return "# bash completion for pungo, written by: pungo completion bash\n\n" + m.table() + "\n" + bashCode
}

func zshScript(m completionModel) string {
	return "#compdef pungo\n# zsh completion for pungo, written by: pungo completion zsh\n\n" + m.table() + "\n" + zshCode
}

// table writes what is known as a function that both shells can run:
// "_pungo_words KIND [COMMAND [FLAG]]" prints words, one a line.
func (m completionModel) table() string {
	var b strings.Builder
	b.WriteString("_pungo_words() {\n    case \"$*\" in\n")
	entry := func(key string, words []string) {
		if len(words) > 0 {
			fmt.Fprintf(&b, "    %s) printf '%%s\\n' %s ;;\n", shellQuote(key), strings.Join(quoted(words), " "))
		}
	}
	entry("commands", m.names())
	entry("targets", m.with("targets"))
	entry("files", m.with("files"))
	for _, c := range m {
		var words, taking []string
		for _, f := range c.flags {
			words = append(words, f.word())
			if f.takesValue {
				taking = append(taking, "--"+f.name)
				if f.short != "" {
					taking = append(taking, "-"+f.short)
				}
			}
			entry("values "+c.name+" --"+f.name, f.values)
		}
		entry("flags "+c.name, words)
		entry("taking "+c.name, taking)
		entry("arguments "+c.name, c.values)
	}
	b.WriteString("    esac\n}\n")
	return b.String()
}

// fishScript has a line for each thing: fish needs no code.
func fishScript(m completionModel) string {
	var b strings.Builder
	b.WriteString("# fish completion for pungo, written by: pungo completion fish\n\n")
	b.WriteString("complete -c pungo -f\n")
	for _, c := range m {
		fmt.Fprintf(&b, "complete -c pungo -n __fish_use_subcommand -a %s -d %s\n", c.name, shellQuote(c.help))
	}
	for _, c := range m {
		here := shellQuote("__fish_seen_subcommand_from " + c.name)
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c pungo -n %s -l %s", here, f.name)
			if f.short != "" {
				fmt.Fprintf(&b, " -s %s", f.short)
			}
			switch {
			case len(f.values) > 0:
				fmt.Fprintf(&b, " -x -a %s", shellQuote(strings.Join(f.values, " ")))
			case f.takesValue:
				b.WriteString(" -r -F")
			}
			fmt.Fprintf(&b, " -d %s\n", shellQuote(f.help))
		}
		switch {
		case len(c.values) > 0:
			fmt.Fprintf(&b, "complete -c pungo -n %s -a %s\n", here, shellQuote(strings.Join(c.values, " ")))
		case c.argument == "files":
			fmt.Fprintf(&b, "complete -c pungo -n %s -F\n", here)
		case c.argument == "targets":
			fmt.Fprintf(&b, "complete -c pungo -n %s -a %s\n", here, shellQuote("(pungo query --output=label 2>/dev/null)"))
		}
	}
	return b.String()
}

// shellQuote quotes a word for all three shells. None of our texts has a
// backslash, which fish alone reads inside of single quotes.
func shellQuote(s string) string {
	plain := strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=") == ""
	if plain && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}

func quoted(words []string) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = shellQuote(w)
	}
	return list
}
