package starlark_test

import (
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// dump writes a graph for people and goldens:
//
//	target //:repo createrepo per tree
//	  @Server.x86_64 optional -> //:gather@Server.x86_64
//	    provides Repo
//	    createrepo --packages <//:gather@Server.x86_64 os> --output >repo/
//	    delivers repo/ at Server/x86_64/os
//
// Inputs are <instance name> or <source path>, outputs >name.
func dump(g *rules.Graph) string {
	var b strings.Builder
	for _, t := range g.Targets {
		fmt.Fprintf(&b, "target %s %s per %s\n", t.Label, t.Rule, t.Per)
		for _, i := range t.Instances {
			dumpInstance(&b, g, i)
		}
	}
	if g.Layout != nil {
		b.WriteString("layout\n")
		dumpAction(&b, g.Layout)
	}
	return b.String()
}

func dumpInstance(b *strings.Builder, g *rules.Graph, i *rules.Analysed) {
	fmt.Fprintf(b, "  @%s", i.Cell)
	if i.Optional {
		b.WriteString(" optional")
	}
	for n, d := range i.Deps {
		if n == 0 {
			b.WriteString(" ->")
		}
		b.WriteString(" " + d.Instance.String())
	}
	b.WriteString("\n")
	if len(i.Providers) > 0 {
		fmt.Fprintf(b, "    provides %s\n", strings.Join(i.Providers, " "))
	}
	for _, a := range i.Actions {
		dumpAction(b, a)
	}
	for _, d := range g.Deliveries {
		if d.Owner != i {
			continue
		}
		fmt.Fprintf(b, "    delivers %s at %s", artifact(d.Tree), d.Dir)
		if d.Logs {
			b.WriteString(" of the logs")
		}
		if d.Images != nil {
			fmt.Fprintf(b, " with images %s", artifact(d.Images))
		}
		b.WriteString("\n")
	}
}

func dumpAction(b *strings.Builder, a *rules.Action) {
	fmt.Fprintf(b, "    %s", a.Mnemonic())
	for _, arg := range a.Args {
		for _, w := range arg {
			text := w.Text
			switch {
			case w.Artifact == nil:
			case w.Artifact.Producer == a:
				text += ">" + artifact(w.Artifact)
			default:
				text += "<" + from(w.Artifact) + ">"
			}
			text += w.Suffix
			if text == "" || strings.ContainsAny(text, "\n\"") {
				text = fmt.Sprintf("%q", text)
			}
			b.WriteString(" " + text)
		}
	}
	for _, f := range a.Extra {
		fmt.Fprintf(b, " +<%s>", from(f))
	}
	for _, e := range a.Env {
		fmt.Fprintf(b, " %s", e)
	}
	for _, note := range []struct {
		holds bool
		text  string
	}{
		{a.Stamped(), "stamped"},
		{a.Optional, "optional"},
		{a.Test, "test " + string(a.Strictness)},
		{a.Timeout != 0, "timeout " + a.Timeout.String()},
		{a.Resources != rules.Resources{}, fmt.Sprintf("cpu %d memory %d", a.Resources.CPU, a.Resources.Memory)},
		{a.Arch != "", "on " + a.Arch},
	} {
		if note.holds {
			fmt.Fprintf(b, " (%s)", note.text)
		}
	}
	if a.Product != nil {
		fmt.Fprintf(b, " (of %s-%s)", a.Product.Short, a.Product.Version)
	}
	b.WriteString("\n")
}

func from(f *rules.Artifact) string {
	if f.Source != nil {
		return f.Source.Path
	}
	return f.Producer.String() + " " + artifact(f)
}

func artifact(f *rules.Artifact) string {
	if f.Kind == cache.DirKind {
		return f.Name + "/"
	}
	return f.Name
}
