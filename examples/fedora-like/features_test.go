// Package fedoralike checks that the example uses each feature of the language,
// so that reading it is reading the language.
package fedoralike

import (
	"context"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/catalogue"
	"github.com/pungo-build/pungo/starlark"
)

// example is the evaluated definition and its text.
type example struct {
	graph     *rules.Graph
	files     map[string]string // .star files, without comments and docstrings
	instances map[string]*rules.Analysed
}

func load(t *testing.T, options starlark.Options) *example {
	t.Helper()
	for _, p := range catalogue.Phases() {
		options.Phases = append(options.Phases, starlark.Phase{Name: p.Name, Source: p.Star})
	}
	root, err := os.OpenRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	e := &example{files: map[string]string{}, instances: map[string]*rules.Analysed{}}
	if e.graph, err = starlark.Evaluate(context.Background(), root.FS(), options); err != nil {
		t.Fatal(err)
	}
	for _, target := range e.graph.Targets {
		for _, i := range target.Instances {
			e.instances[i.Instance.String()] = i
		}
	}
	for _, name := range e.graph.Files {
		text, err := fs.ReadFile(root.FS(), name)
		if err != nil {
			t.Fatal(err)
		}
		e.files[name] = comments.ReplaceAllString(string(text), "")
	}
	return e
}

var comments = regexp.MustCompile(`(?m)^\s*#.*$|(?s)""".*?"""`)

// written returns where the text of the definition matches a pattern.
func (e *example) written(pattern string) string {
	re := regexp.MustCompile(pattern)
	for _, name := range e.graph.Files {
		if at := re.FindStringIndex(e.files[name]); at != nil {
			return name + ": " + e.files[name][at[0]:at[1]]
		}
	}
	return ""
}

// depends returns evidence that one instance depends on all others named.
func (e *example) depends(from string, to ...string) string {
	i := e.instances[from]
	if i == nil {
		return ""
	}
	for _, label := range to {
		if !slices.ContainsFunc(i.Deps, func(d *rules.Analysed) bool { return d.Instance.String() == label }) {
			return ""
		}
	}
	return from + " -> " + strings.Join(to, " ")
}

// independent returns evidence that an instance is there and does not depend on
// another.
func (e *example) independent(from, to string) string {
	if e.instances[from] == nil || e.depends(from, to) != "" {
		return ""
	}
	return from + " -/> " + to
}

// exists returns evidence of instances; absent that there are none.
func (e *example) exists(labels ...string) string {
	for _, l := range labels {
		if e.instances[l] == nil {
			return ""
		}
	}
	return strings.Join(labels, " ")
}

func (e *example) missing(labels ...string) string {
	for _, l := range labels {
		if e.instances[l] != nil {
			return ""
		}
	}
	return "no " + strings.Join(labels, " ")
}

// argument returns evidence that an action of an instance has words in a row.
func (e *example) argument(instance string, words ...string) string {
	i := e.instances[instance]
	if i == nil {
		return ""
	}
	for _, a := range i.Actions {
		var all []string
		for _, arg := range a.Args {
			for _, w := range arg {
				text := w.Text
				if w.Artifact != nil {
					text += "<" + w.Artifact.Name + ">"
				}
				all = append(all, text+w.Suffix)
			}
		}
		if line := strings.Join(all, " "); strings.Contains(" "+line+" ", " "+strings.Join(words, " ")+" ") {
			return instance + ": " + strings.Join(words, " ")
		}
	}
	return ""
}

// action returns evidence of an action of an instance.
func (e *example) action(instance string, holds func(*rules.Action) bool) string {
	if i := e.instances[instance]; i != nil {
		for _, a := range i.Actions {
			if holds(a) {
				return instance + ": " + a.Mnemonic()
			}
		}
	}
	return ""
}

func (e *example) optional(instance string, want bool) string {
	if i := e.instances[instance]; i != nil && i.Optional == want {
		return instance + " optional " + strconv.FormatBool(want)
	}
	return ""
}

// delivered returns evidence of a delivery of an instance.
func (e *example) delivered(instance, dir string, holds func(rules.Delivery) bool) string {
	for _, d := range e.graph.Deliveries {
		if d.Owner.Instance.String() == instance && d.Dir == dir && holds(d) {
			return instance + " at " + dir
		}
	}
	return ""
}

// target returns the declaration of a label.
func (e *example) target(label string) *rules.Target {
	for _, t := range e.graph.Targets {
		if t.Label.String() == label {
			return t
		}
	}
	return &rules.Target{}
}

func (e *example) variant(uid string) *rules.Variant {
	if v := e.graph.Compose.Variant(uid); v != nil {
		return v
	}
	return &rules.Variant{}
}

// when returns what, if it holds.
func when(holds bool, what string) string {
	if holds {
		return what
	}
	return ""
}

// both returns all evidence, or none if a part is missing.
func both(parts ...string) string {
	if slices.Contains(parts, "") {
		return ""
	}
	return strings.Join(parts, "; ")
}

func anyDelivery(rules.Delivery) bool { return true }

// features are the sentences of the language, and where the example shows them.
var features = []struct {
	name string
	show func(e *example) string
}{
	// Declarations.
	{"compose: name, short, version, type", func(e *example) string {
		c := e.graph.Compose
		return when(c.Name == "Felt Linux" && c.Short == "Felt" && c.Version == "43" && c.Type == "nightly", c.Name)
	}},
	{"compose: three arches", func(e *example) string {
		return when(len(e.graph.Compose.Arches) == 3, strings.Join(e.graph.Compose.Arches, " "))
	}},
	{"compose: checksums", func(e *example) string {
		return when(len(e.graph.Compose.Checksums) > 1, strings.Join(e.graph.Compose.Checksums, " "))
	}},
	{"compose: release_type", func(e *example) string { return e.written(`release_type = "ga"`) }},
	{"compose: label", func(e *example) string { return e.graph.Compose.Label }},
	{"compose: final", func(e *example) string { return e.written(`final = `) }},
	{"compose: internal", func(e *example) string { return e.written(`internal = `) }},
	{"compose: base_product as a struct", func(e *example) string { return both(e.written(`base_product = BASE`), e.written(`BASE = struct\(`)) }},
	{"variant: type variant", func(e *example) string { return when(e.variant("Server").Type == "variant", "Server") }},
	{"variant: two addons with a parent", func(e *example) string {
		a, b := e.variant("Server-HighAvailability"), e.variant("Server-ResilientStorage")
		return when(a.Type == "addon" && b.Type == "addon" && a.Parent == "Server", a.UID+" "+b.UID)
	}},
	{"variant: type optional", func(e *example) string {
		return when(e.variant("Server-optional").Type == "optional", "Server-optional")
	}},
	{"variant: layered product with a release", func(e *example) string {
		r := e.variant("Server-Gluster").Release
		return when(r != nil && r.Short == "Gluster" && r.Type == "updates", "Server-Gluster")
	}},
	{"variant: title", func(e *example) string {
		return when(e.variant("Everything").Title == "Everything there is", "Everything")
	}},
	{"variant: arches", func(e *example) string { return when(len(e.variant("Workstation").Arches) == 2, "Workstation") }},
	{"variant: arches of the parent", func(e *example) string { return when(len(e.variant("Server-optional").Arches) == 3, "Server-optional") }},
	{"variant: is_empty", func(e *example) string { return when(e.variant("Cloud").Empty, "Cloud") }},
	{"variant: comps_groups", func(e *example) string {
		return when(len(e.variant("Server").CompsGroups) == 2, "Server")
	}},
	{"variant: comps_groups with group()", func(e *example) string {
		return when(slices.ContainsFunc(e.variant("Workstation").CompsGroups, func(g rules.CompsGroup) bool {
			return g.Default != nil && *g.Default
		}), "Workstation")
	}},
	{"variant: comps_environments with environment()", func(e *example) string {
		list := e.variant("Server").CompsEnvironments
		return when(len(list) == 1 && list[0].DisplayOrder != nil, "Server")
	}},
	{"variant: modules", func(e *example) string { return strings.Join(e.variant("Server").Modules, " ") }},

	// Phases.
	{"phase rpm", func(e *example) string { return e.exists("//packages:felt-shell.s390x") }},
	{"phase rpm_dir, in shards, by suffix", func(e *example) string {
		return e.action("//:local", func(a *rules.Action) bool {
			return slices.ContainsFunc(a.Inputs(), func(f *rules.Artifact) bool {
				return f.Source != nil && f.Source.Sharded && f.Source.Suffix == ".rpm"
			})
		})
	}},
	{"phase modulemd", func(e *example) string { return e.exists("//:modulemd") }},
	{"phase modules: a macro whose rule sees every arch", func(e *example) string {
		return e.depends("//:modules@Server.x86_64", "//:packages@x86_64", "//:packages@s390x")
	}},
	{"phase comps", func(e *example) string { return e.exists("//:comps@Workstation.aarch64") }},
	{"phase pkgset", func(e *example) string { return e.exists("//:packages@s390x") }},
	{"phase gather: a macro over solve and trim", func(e *example) string {
		return e.depends("//:gather@Server.x86_64", "//:gather.solve@Server.x86_64")
	}},
	{"phase createrepo", func(e *example) string { return e.exists("//:repo@Server-HighAvailability.s390x") }},
	{"phase extra_files", func(e *example) string {
		return e.argument("//:extras@Server.x86_64", "--file", "EULA", "<EULA>")
	}},
	{"phase tree_metadata", func(e *example) string { return e.exists("//:treeinfo@Everything.src") }},
	{"phase metadata", func(e *example) string { return e.exists("//:metadata") }},

	// Cells.
	{"grain compose", func(e *example) string { return when(e.target("//:checksums").Per == "compose", "//:checksums") }},
	{"grain arch", func(e *example) string { return when(e.target("//:kernels").Per == "arch", "//:kernels") }},
	{"grain variant", func(e *example) string { return when(e.target("//:media").Per == "variant", "//:media") }},
	{"grain variant.arch", func(e *example) string { return when(e.target("//:boot").Per == "variant.arch", "//:boot") }},
	{"grain tree", func(e *example) string { return when(e.target("//:dvd").Per == "tree", "//:dvd") }},
	{"a src cell sees every arch", func(e *example) string {
		return e.depends("//:repo@Server.src", "//:gather@Server.x86_64", "//:gather@Server.aarch64", "//:gather@Server.s390x")
	}},
	{"a debug tree", func(e *example) string { return e.exists("//:repo@Server.x86_64.debug") }},
	{"rule(trees): default trees", func(e *example) string {
		return both(e.exists("//:extras@Server.src"), e.missing("//:extras@Server.x86_64.debug"))
	}},
	{"rule(types): default types", func(e *example) string {
		return both(e.exists("//:extras@Server-optional.x86_64"), e.missing("//:extras@Server-HighAvailability.x86_64"))
	}},
	{"rule(empty): empty variants", func(e *example) string {
		return both(e.exists("//:ostree@Cloud.x86_64"), e.missing("//:repo@Cloud.x86_64"), e.written(`empty = True`))
	}},
	{"target: variants", func(e *example) string {
		return both(e.exists("//:dvd@Workstation.src"), e.missing("//:dvd@Everything.src"))
	}},
	{"target: arches", func(e *example) string {
		return both(e.exists("//:boot@Server.x86_64"), e.missing("//:boot@Server.s390x"))
	}},
	{"target: trees", func(e *example) string {
		return both(e.exists("//:debug@Server.x86_64.debug"), e.missing("//:debug@Server.x86_64"))
	}},
	{"a uid is parent-name", func(e *example) string { return e.exists("//:comps@Server-ResilientStorage.x86_64") }},

	// Dependencies.
	{"attr.label: exactly one", func(e *example) string { return e.depends("//:gather@Server.s390x", "//:packages@s390x") }},
	{"attr.label: os where the tree is open", func(e *example) string {
		return both(e.depends("//:boot@Server.x86_64", "//:repo@Server.x86_64"), e.independent("//:boot@Server.x86_64", "//:repo@Server.x86_64.debug"))
	}},
	{"attr.label(trees)", func(e *example) string {
		return both(e.depends("//:dvd@Server.x86_64", "//:boot@Server.x86_64"), e.independent("//:dvd@Server.src", "//:boot@Server.x86_64"))
	}},
	{"attr.label(expand)", func(e *example) string {
		return e.depends("//:mirrors@Workstation", "//:repo@Workstation.x86_64", "//:repo@Workstation.aarch64.debug", "//:repo@Workstation.src")
	}},
	{"attr.label(mandatory)", func(e *example) string { return e.written(`attr\.label\(mandatory = True`) }},
	{"attr.label(providers)", func(e *example) string { return e.written(`providers = \[Boot\]`) }},
	{"None where nothing agrees", func(e *example) string {
		return both(e.independent("//:dvd@Server.s390x", "//:boot@Server.x86_64"), e.written(`if ctx\.attr\.boot else`))
	}},
	{"attr.labels", func(e *example) string {
		return e.depends("//:ostree@Cloud.x86_64", "//:repo@Everything.x86_64", "//:repo@Server.x86_64")
	}},
	{"attr.collect", func(e *example) string {
		return e.depends("//:checksums", "//:boot@Server.x86_64", "//:dvd@Workstation.src", "//:debug@Server.x86_64.debug")
	}},
	{"attr.collect: what agrees with the asker", func(e *example) string {
		return both(e.depends("//:media@Server", "//:dvd@Server.s390x"), e.independent("//:media@Server", "//:dvd@Workstation.x86_64"))
	}},
	{"attr.collect: Provider in dep", func(e *example) string { return e.written(`if Media in dep`) }},
	{"dep[Provider]", func(e *example) string { return e.written(`ctx\.attr\.boot\[Boot\]`) }},
	{"dep.cell", func(e *example) string { return e.written(`dep\.cell`) }},
	{"@X: another variant", func(e *example) string { return e.depends("//:trees@Workstation.x86_64", "//:repo@Everything.x86_64") }},
	{"@*: an open variant", func(e *example) string {
		return e.depends("//:trees@Workstation.aarch64", "//:repo@Server.aarch64", "//:repo@Server-optional.aarch64")
	}},
	{"@X.tree: the arch stays the asker's", func(e *example) string {
		return both(
			e.depends("//:ostree@Cloud.aarch64", "//:repo@Everything.aarch64"),
			e.independent("//:ostree@Cloud.aarch64", "//:repo@Everything.aarch64.debug"),
			e.independent("//:ostree@Cloud.aarch64", "//:repo@Everything.x86_64"))
	}},
	{"@parent", func(e *example) string { return e.depends("//:trees@Server-Gluster.src", "//:repo@Server.src") }},
	{"@children", func(e *example) string { return e.depends("//:trees@Server.x86_64", "//:repo@Server-optional.x86_64") }},
	{"@addons", func(e *example) string {
		return e.depends("//:treeinfo@Server.s390x", "//:repo@Server-HighAvailability.s390x")
	}},
	{"@siblings: of an earlier type", func(e *example) string {
		return both(
			e.depends("//:gather.solve@Server-optional.x86_64", "//:gather.solve@Server-Gluster.x86_64"),
			e.independent("//:gather.solve@Server-Gluster.x86_64", "//:gather.solve@Server-optional.x86_64"))
	}},
	{"@siblings.*: on every arch", func(e *example) string {
		return e.depends("//:trees@Server-optional.aarch64", "//:repo@Server-HighAvailability.s390x")
	}},
	{"a bare @parent", func(e *example) string { return e.depends("//:mirrors@Server-Gluster", "//:mirrors@Server") }},
	{"no relative: None", func(e *example) string {
		return both(e.exists("//:mirrors@Server"), e.written(`if ctx\.attr\.parent else \[\]`))
	}},

	// Optional and absent.
	{"optional", func(e *example) string { return e.optional("//:boot@Workstation.aarch64", true) }},
	{"who asks for exactly an optional instance is optional", func(e *example) string {
		return both(e.optional("//:dvd@Workstation.aarch64", true), e.optional("//:dvd@Server.s390x", false))
	}},
	{"a collector is not", func(e *example) string { return e.optional("//:checksums", false) }},
	{"timeout", func(e *example) string {
		return e.action("//:boot@Server.aarch64", func(a *rules.Action) bool { return a.Timeout.Hours() == 2 })
	}},
	{"resources", func(e *example) string {
		return e.action("//:boot@Server.x86_64", func(a *rules.Action) bool { return a.Resources == rules.Resources{CPU: 2, Memory: 2048} })
	}},
	{"exec", func(e *example) string {
		return e.action("//:ostree@Cloud.aarch64", func(a *rules.Action) bool { return a.Arch == "aarch64" })
	}},
	{"tags", func(e *example) string { return strings.Join(e.target("//:notes").Tags, " ") }},

	// select.
	{"select by variant", func(e *example) string {
		return e.argument("//:gather.solve@Server.s390x", "--additional-package", "felt-audit")
	}},
	{"select by arch: differences per arch", func(e *example) string {
		return both(
			e.argument("//:gather.solve@Workstation.x86_64", "--additional-package", "felt-grub-pc"),
			e.argument("//:gather.solve@Server.s390x", "--additional-package", "felt-s390utils"))
	}},
	{"select: the most specific key", func(e *example) string {
		return e.argument("//:extras@Server.aarch64", "--file", "docs/README.aarch64", "<README.aarch64>")
	}},
	{"select: * in the place of the arch is not src", func(e *example) string {
		return both(e.argument("//:extras@Server.s390x", "<GPL>"), when(e.argument("//:extras@Server.src", "<GPL>") == "", "//:extras@Server.src"))
	}},
	{"select: *", func(e *example) string { return e.argument("//:boot@Server.x86_64", "--volid", "Felt-43 Felt") }},
	{"select: a tuple of keys", func(e *example) string { return e.written(`\(("[^"]+", )+"[^"]+"\): `) }},
	{"select: the default", func(e *example) string {
		return both(e.written(`skip_branding = select\(\{"Server"`), when(e.argument("//:boot@Everything.x86_64", "--skip-branding") == "", "//:boot@Everything.x86_64"))
	}},
	{"select + select", func(e *example) string {
		return e.argument("//:gather.solve@Everything.x86_64", "--additional-package", "*", "--additional-package", "felt-grub-pc")
	}},
	{"select in every kind of value", func(e *example) string {
		return both(
			e.written(`(?s)files = \{.*\} \+ select`), e.written(`skip_branding = select`), e.written(`iso_size = select`),
			e.written(`timeout = select`), e.written(`resources = select`), e.written(`strictness = select`))
	}},

	// Labels, files, modules.
	{"a label of another folder", func(e *example) string { return e.depends("//:packages@x86_64", "//packages:felt-shell.x86_64") }},
	{"a folder with its own compose.star", func(e *example) string {
		return when(slices.Contains(e.graph.Files, "packages/compose.star"), "packages/compose.star")
	}},
	{"load //dir/file.star", func(e *example) string { return e.written(`load\("//lib/[a-z]+\.star"`) }},
	{"load //dir:file.star", func(e *example) string { return e.written(`load\("//lib:[a-z]+\.star"`) }},
	{"load :file.star", func(e *example) string { return e.written(`load\(":[a-z]+\.star"`) }},
	{"a macro of the definition", func(e *example) string { return e.written(`def media_list\(name, \*\*kwargs\)`) }},
	{"a macro that declares targets of another folder", func(e *example) string {
		return when(e.target("//packages:felt-libc.src").Pos.File == "packages/compose.star", e.target("//packages:felt-libc.src").Pos.String())
	}},
	{"define of a string", func(e *example) string { return e.written(`define\("version", "43"\)`) }},
	{"define of a bool", func(e *example) string { return e.written(`define\("layered", False\)`) }},
	{"attr.file: a path", func(e *example) string { return e.argument("//:notes", "--at", "", "<NOTES>") }},
	{"attr.file: a label", func(e *example) string { return e.depends("//:extras@Server.src", "//:notes") }},
	{"attr.files", func(e *example) string {
		return e.depends("//:dvd@Server.src", "//:repo@Server.src", "//:extras@Server.src", "//:treeinfo@Server.src")
	}},
	{"attr.file_dict", func(e *example) string { return e.argument("//:notes", "--at", "eo", "<NOTES.eo>") }},
	{"attr.string, with a pattern and with values", func(e *example) string { return e.written(`attr\.string\(default = "Felt", pattern`) }},
	{"attr.string_list_dict", func(e *example) string { return e.argument("//:boot@Server.x86_64", "--add-template-var=flavour=felt") }},
	{"attr.int with a range", func(e *example) string { return e.written(`attr\.int\(default = \d+, min = 0`) }},
	{"attr.bool", func(e *example) string { return e.written(`attr\.bool\(`) }},

	// Rules.
	{"rule with a doc, and a doc for each attribute", func(e *example) string { return e.written(`doc = "What makes the disc bootable`) }},
	{"rule(test) and strictness off, lenient, fatal", func(e *example) string {
		strict := func(want rules.Strictness) func(*rules.Action) bool {
			return func(a *rules.Action) bool { return a.Test && a.Strictness == want }
		}
		return both(
			e.action("//:trees@Server.src", strict(rules.Fatal)),
			e.action("//:trees@Everything.src", strict(rules.Lenient)),
			e.action("//:trees@Server-optional.src", strict(rules.Off)))
	}},
	{"provider with documented fields", func(e *example) string { return e.written(`(?s)Boot = provider\(\s*doc = .*fields = \{"tree": "`) }},
	{"provider with a list of fields", func(e *example) string { return e.written(`fields = \["file", "folders"\]`) }},
	{"depset, in both orders", func(e *example) string {
		return both(e.written(`depset\(order = "postorder", transitive`), e.written(`depset\(\[`))
	}},
	{"toolchain(program, packages, hint)", func(e *example) string {
		return e.action("//:boot@Server.x86_64", func(a *rules.Action) bool {
			return a.Toolchain != nil && a.Toolchain.Program == "lorax" && len(a.Toolchain.Pkgs) == 2 && a.Toolchain.Hint != ""
		})
	}},
	{"run: a host program that is there", func(e *example) string {
		return e.action("//:dvd@Server.x86_64", func(a *rules.Action) bool { return a.Toolchain != nil && a.Toolchain.Program == "sh" })
	}},
	{"run: env", func(e *example) string {
		return e.action("//:boot@Server.x86_64", func(a *rules.Action) bool { return slices.Equal(a.Env, []string{"LANG=C.UTF-8"}) })
	}},
	{"run: inputs besides the arguments", func(e *example) string {
		return e.action("//:ostree@Cloud.x86_64", func(a *rules.Action) bool { return len(a.Extra) == 2 })
	}},
	{"run: a toolchain by value and by name", func(e *example) string { return both(e.written(`program = _sh`), e.written(`program = "sh"`)) }},
	{"write", func(e *example) string {
		return e.action("//:notes", func(a *rules.Action) bool { return a.Tool == rules.WriteTool })
	}},
	{"merge", func(e *example) string {
		return e.action("//:notes", func(a *rules.Action) bool { return a.Tool == rules.MergeTool })
	}},
	{"tool", func(e *example) string {
		return e.action("//:repo@Server.src", func(a *rules.Action) bool { return a.Tool == "createrepo" })
	}},
	{"args: format, None, add_all, add_joined", func(e *example) string {
		return both(
			e.written(`args\.add\([^\n]*format = `), e.written(`args\.add_all\(`),
			e.argument("//:mirrors@Server", "--key", "1,2"), e.written(`ctx\.attr\.lookaside and `))
	}},
	{"json", func(e *example) string { return e.written(`json\.encode`) }},
	{"fail", func(e *example) string { return e.written(`fail\(`) }},
	{"struct", func(e *example) string { return e.written(`struct\(`) }},

	// Deliveries and the stamp.
	{"deliver: {variant}/{arch}/{tree}", func(e *example) string {
		return both(e.delivered("//:extras@Server.x86_64", "Server/x86_64/os", anyDelivery), e.delivered("//:extras@Server.src", "Server/source/tree", anyDelivery))
	}},
	{"deliver: {logs}", func(e *example) string {
		return e.delivered("//:kernels@s390x", "s390x", func(d rules.Delivery) bool { return d.Logs })
	}},
	{"deliver: images", func(e *example) string {
		return e.delivered("//:dvd@Server.src", "Server/source/iso", func(d rules.Delivery) bool { return d.Images != nil })
	}},
	{"Image", func(e *example) string {
		return when(slices.Equal(e.instances["//:dvd@Server.src"].Providers, []string{"Image", "Media"}), "//:dvd@Server.src")
	}},
	{"two deliveries into one folder", func(e *example) string {
		return both(e.delivered("//:repo@Server.src", "Server/source/tree", anyDelivery), e.delivered("//:treeinfo@Server.src", "Server/source/tree", anyDelivery))
	}},
	{"the stamp: all its parts", func(e *example) string {
		return both(
			e.written(`\{compose_id\}`), e.written(`\{compose_type\}`), e.written(`\{date\}`), e.written(`\{respin\}`), e.written(`\{label\}`),
			e.action("//:notes", (*rules.Action).Stamped))
	}},
	{"what has no edge to the stamp", func(e *example) string {
		return e.action("//:repo@Server.src", func(a *rules.Action) bool { return !a.Stamped() })
	}},
	{"the id of a layered product", func(e *example) string {
		return e.action("//:dvd@Server-Gluster.src", func(a *rules.Action) bool { return a.Product != nil && a.Product.Short == "Gluster" && a.Stamped() })
	}},
	{"ctx: label, attr, variant, arch, tree, cell, compose", func(e *example) string {
		return both(
			e.written(`ctx\.label\.name`), e.written(`ctx\.attr\.`), e.written(`ctx\.variant\.type`), e.written(`ctx\.arch or`),
			e.written(`ctx\.tree `), e.written(`ctx\.cell`), e.written(`ctx\.compose\.variants`))
	}},
}

// TestFeatures asks the example for each feature of the language.
func TestFeatures(t *testing.T) {
	e := load(t, starlark.Options{})
	shown := 0
	for _, f := range features {
		t.Run(f.name, func(t *testing.T) {
			evidence := f.show(e)
			if evidence == "" {
				t.Fatal("nowhere in the example")
			}
			shown++
			t.Log(evidence)
		})
	}
	t.Logf("%d of %d features", shown, len(features))
}

// TestDefines: what --define and the identity of a run change.
func TestDefines(t *testing.T) {
	e := load(t, starlark.Options{
		Defines: map[string]string{"layered": "true", "version": "44", "internal": "true"},
		Label:   "RC-1.0",
	})
	c := e.graph.Compose
	if c.BaseProduct == nil || c.BaseProduct.Short != "Base" || c.Version != "44" || !c.Internal || !c.Final {
		t.Errorf("got base product %v, version %q, internal %v, final %v", c.BaseProduct, c.Version, c.Internal, c.Final)
	}
	if e.argument("//:boot@Server.x86_64", "--isfinal") == "" {
		t.Error("//:boot@Server.x86_64 has no --isfinal")
	}
}

// TestRestricted: a part of the matrix can be composed alone.
func TestRestricted(t *testing.T) {
	e := load(t, starlark.Options{Variants: []string{"Server", "Everything"}, Arches: []string{"s390x"}})
	if e.depends("//:repo@Server.src", "//:gather@Server.s390x") == "" || e.missing("//:gather@Server.x86_64", "//:repo@Workstation.src") == "" {
		t.Errorf("got %d instances of other cells too", len(e.instances))
	}
}

// TestFilesAreUsed: no file of the example is left over.
func TestFilesAreUsed(t *testing.T) {
	e := load(t, starlark.Options{})
	used := map[string]bool{}
	for _, a := range e.graph.Actions {
		for _, f := range a.Inputs() {
			if f.Source != nil {
				used[f.Source.Path] = true
			}
		}
	}
	err := fs.WalkDir(os.DirFS("."), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "pungo-out":
			return fs.SkipDir
		case d.IsDir() || path.Ext(p) == ".go" || p == "compose.lock":
		case !used[p] && !used[path.Dir(p)] && e.files[p] == "":
			t.Errorf("%s is used by nothing", p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
