package starlark

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// unpack takes the arguments of a function apart, in the order in which
// functionDocs lists its parameters. So what is documented is what there is.
func unpack(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple, places ...any) error {
	var pairs []any
	for _, p := range functionsByName[b.Name()].Attrs {
		if strings.HasPrefix(p.Name, "*") {
			args = nil // positional arguments are the caller's
			continue
		}
		name := p.Name
		if !p.Mandatory {
			name += "?"
		}
		pairs = append(pairs, name, places[len(pairs)/2])
	}
	return starlark.UnpackArgs(b.Name(), args, kwargs, pairs...)
}

var functionsByName = func() map[string]RuleDoc {
	byName := map[string]RuleDoc{}
	for _, d := range slices.Concat(definitionDocs, functionDocs) {
		byName[d.Name] = d
	}
	return byName
}()

// definitionDocs describe functions of definitions whose parameters are no
// attributes.
var definitionDocs = []RuleDoc{{
	Name: "define", Kind: "function",
	Doc: "Returns the value of --define NAME=VALUE, in the type of the default.",
	Attrs: []AttrDoc{
		{Name: "name", Type: "string", Mandatory: true, Doc: "Name of the definition."},
		{Name: "default", Default: "None", Doc: "What it is if it is not given: a string, int or bool."},
	},
}, {
	Name: "group", Kind: "function",
	Doc: "Returns an entry of comps_groups that changes how a variant has a comps group. Of several entries that match one group the first counts " +
		"in the order of their ids, in which * comes before letters.",
	Attrs: []AttrDoc{
		{Name: "id", Type: "string", Mandatory: true, Doc: "Id of the group; a shell pattern matches several."},
		{Name: "default", Type: "bool", Default: "None", Doc: "Whether the group is installed unless somebody says no. None leaves what comps says."},
		{Name: "uservisible", Type: "bool", Default: "None", Doc: "Whether menus offer the group. None leaves what comps says."},
	},
}, {
	Name: "environment", Kind: "function",
	Doc: "Returns an entry of comps_environments that changes how a variant has a comps environment.",
	Attrs: []AttrDoc{
		{Name: "id", Type: "string", Mandatory: true, Doc: "Id of the environment."},
		{Name: "display_order", Type: "int", Default: "None", Doc: "Its place in menus, the least first. None leaves what comps says."},
	},
}}

// functionDocs describe what rules are written with, in the order in which one
// needs it.
var functionDocs = []RuleDoc{
	{
		Name: "rule", Kind: "function",
		Doc: "Returns a rule, which is called to declare a target. The name of the rule is that of the global it is assigned to.",
		Attrs: []AttrDoc{
			{Name: "implementation", Type: "function", Mandatory: true, Doc: "Called with a ctx for each instance. Returns a list of what the instance provides, or None."},
			{Name: "per", Type: "string", Mandatory: true, Doc: `The grain: "compose", "arch", "variant", "variant.arch" or "tree".`},
			{Name: "attrs", Type: "dict", Default: "{}", Doc: "Attributes besides those of every rule: name to attr.X(...)."},
			{Name: "provides", Type: "list of providers", Default: "[]", Doc: "All that the implementation may return. An instance may return less."},
			{Name: "trees", Type: "list of strings", Default: "all", Doc: `With per = "tree": in which of "os", "debug" and "src" targets have instances by default.`},
			{Name: "types", Type: "list of strings", Default: "all", Doc: "Of which types the variants are that targets have instances in by default."},
			{Name: "empty", Type: "bool", Default: "False", Doc: "Whether variants with is_empty = True are among them."},
			{Name: "toolchains", Type: "list of toolchains", Default: "[]", Doc: "Host programs that actions of the rule run. A build ends before it starts if one is missing and not optional."},
			{Name: "test", Type: "bool", Default: "False", Doc: "Whether actions are tests: they may fail, and targets have the attribute strictness."},
			{Name: "doc", Type: "string", Default: `""`, Doc: "What targets are."},
		},
	},
	{
		Name: "provider", Kind: "function",
		Doc: "Returns a provider: a kind of facts that instances pass on. Called with name = value for its fields, in an implementation, it makes such facts; a field that is not given is None. They cannot change once the implementation has returned.",
		Attrs: []AttrDoc{
			{Name: "doc", Type: "string", Default: `""`, Doc: "What the facts are."},
			{Name: "fields", Type: "dict or list", Default: "None", Doc: "Names of fields, with their docs. Others are an error; None allows any."},
		},
	},
	{
		Name: "toolchain", Kind: "function",
		Doc: "Returns a program of the host for rule(toolchains =).",
		Attrs: []AttrDoc{
			{Name: "program", Type: "string", Mandatory: true, Doc: "Name of the program, without a path, or of what is not for users a path below /usr/lib or /usr/libexec."},
			{Name: "packages", Type: "list of strings", Default: "[]", Doc: "Packages of the host whose versions are part of keys, besides the digest of the program."},
			{Name: "hint", Type: "string", Default: `""`, Doc: "What to do where it is missing."},
		},
	},
	{
		Name: "ctx.actions.declare_file", Kind: "function",
		Doc:   "Returns a file that an action of the instance has to make.",
		Attrs: []AttrDoc{{Name: "name", Type: "string", Mandatory: true, Doc: "Relative path. Others of the instance may not be at, above or below it."}},
	},
	{
		Name: "ctx.actions.declare_directory", Kind: "function",
		Doc:   "Returns a folder that an action of the instance has to make.",
		Attrs: []AttrDoc{{Name: "name", Type: "string", Mandatory: true, Doc: "Relative path. Others of the instance may not be at, above or below it."}},
	},
	{
		Name: "ctx.actions.args", Kind: "function",
		Doc:   "Returns arguments in the making. Files among them are inputs of the action. What one call adds, or one element of add_all, vanishes as a whole if a file in it is absent.",
		Attrs: []AttrDoc{{Name: "literal", Type: "bool", Default: "False", Doc: "Whether {compose_id} and other parts of the stamp are text like any other."}},
	},
	{
		Name: "args.add", Kind: "function",
		Doc: "Adds words that belong together, such as a flag and its value; nothing if one is None.",
		Attrs: []AttrDoc{
			{Name: "*values", Type: "strings, ints, bools, files", Mandatory: true, Doc: "The words."},
			{Name: "format", Type: "string", Default: `"%s"`, Doc: "What becomes of the last word, which replaces the one %s."},
		},
	},
	{
		Name: "args.add_all", Kind: "function",
		Doc: "Adds words for each of several values.",
		Attrs: []AttrDoc{
			{Name: "*values", Type: "[name,] list, tuple or depset", Mandatory: true, Doc: "The values, and before them a word to repeat for each. A value that is a list or tuple is several words."},
			{Name: "format_each", Type: "string", Default: `"%s"`, Doc: "What becomes of each word of a value."},
		},
	},
	{
		Name: "args.add_joined", Kind: "function",
		Doc: "Adds one word that joins several values, none of them a file; nothing if there are none.",
		Attrs: []AttrDoc{
			{Name: "*values", Type: "[name,] list, tuple or depset", Mandatory: true, Doc: "The values, and before them a word of its own."},
			{Name: "join_with", Type: "string", Default: `","`, Doc: "What is put between values."},
			{Name: "format_each", Type: "string", Default: `"%s"`, Doc: "What becomes of each value."},
		},
	},
	{
		Name: "ctx.actions.run", Kind: "function",
		Doc: "Adds an action that runs a host program in a sandbox, in which it sees its inputs and /usr. It fails if the program does, unless the rule is a test, or if an output is missing.",
		Attrs: []AttrDoc{
			{Name: "program", Type: "toolchain or string", Mandatory: true, Doc: "One of the rule's toolchains, or the program's name."},
			{Name: "args", Type: "args, strings, files", Default: "[]", Doc: "One or a list of them."},
			{Name: "inputs", Type: "files", Default: "[]", Doc: "A file, list or depset: what the program reads besides the files among its arguments."},
			{Name: "outputs", Type: "files", Mandatory: true, Doc: "What it makes, all declared by this instance."},
			{Name: "env", Type: "dict of strings", Default: "{}", Doc: "Variables besides the fixed few that every program gets."},
		},
	},
	{
		Name: "ctx.actions.tool", Kind: "function",
		Doc: "Adds an action of a tool that ships with pungo. Which there are, and what they take, may change with each version.",
		Attrs: []AttrDoc{
			{Name: "tool", Type: "string", Mandatory: true, Doc: "Name of the tool."},
			{Name: "args", Type: "args, strings, files", Default: "[]", Doc: "One or a list of them."},
			{Name: "inputs", Type: "files", Default: "[]", Doc: "A file, list or depset: what the tool reads besides the files among its arguments."},
			{Name: "outputs", Type: "files", Mandatory: true, Doc: "What it makes, all declared by this instance."},
			{Name: "program", Type: "toolchain or string", Default: "None", Doc: "One of the rule's toolchains, or the program's name: what the tool runs, in a sandbox, and reads the output of."},
			{Name: "host_files", Type: "list of strings", Default: "[]", Doc: "Files of the host below /usr that the program reads, such as firmware. A build ends before it starts if one is missing, with the hint of the toolchain."},
		},
	},
	{
		Name: "ctx.actions.write", Kind: "function",
		Doc: "Adds an action that makes a file of text.",
		Attrs: []AttrDoc{
			{Name: "output", Type: "file", Mandatory: true, Doc: "The declared file."},
			{Name: "content", Type: "string", Mandatory: true, Doc: "The text. Parts of the stamp in it are filled in."},
		},
	},
	{
		Name: "ctx.actions.repository", Kind: "function",
		Doc: "Returns the metadata of an RPM repository, as a folder: repomd.xml, and the files that it lists, named after their types. " +
			"Which state of the repository it is, is pinned in compose.lock under the name of the instance. An instance has one repository at most.",
		Attrs: []AttrDoc{
			{Name: "baseurl", Type: "list of strings", Default: "[]", Doc: "Places of the repository, all with the same content, in the order in which they are asked: URLs of scheme http, https or file, or folders, absolute or below the root."},
			{Name: "mirrorlist", Type: "string", Default: `""`, Doc: "URL of a list of more places, a line each. It is asked when something has to be downloaded."},
			{Name: "metalink", Type: "string", Default: `""`, Doc: "URL of a metalink file, which lists more places, and the checksum of repomd.xml by which those that lag behind are known."},
			{Name: "signed", Type: "bool", Default: "False", Doc: "Whether repomd.xml.asc, the signature of repomd.xml, is to be in the folder, too. Who has signed is not looked at here."},
		},
	},
	{
		Name: "ctx.actions.checkout", Kind: "function",
		Doc: "Returns the files of a commit of a git repository, as a folder. Which commit it is, is pinned in compose.lock under the name of the instance. " +
			"Submodules are left out, and so are links that lead out of the repository. An instance has one repository at most.",
		Attrs: []AttrDoc{
			{Name: "url", Type: "string", Mandatory: true, Doc: "The repository: a URL of scheme http, https or file, or a folder, absolute or below the root."},
			{Name: "ref", Type: "string", Mandatory: true, Doc: "A branch, a tag, or the 40 digits of a commit. Another ref than the one that was pinned is pinned anew."},
		},
	},
	{
		Name: "ctx.actions.merge", Kind: "function",
		Doc: "Adds an action that makes one folder of several. Folders of one path merge; files of one path have to be equal.",
		Attrs: []AttrDoc{
			{Name: "output", Type: "file", Mandatory: true, Doc: "The declared folder."},
			{Name: "dirs", Type: "dict", Mandatory: true, Doc: `Where to put what: a folder in the output ("" for itself) to a file, folder, list or depset. A file keeps its base name; of a folder the content is put there.`},
		},
	},
	{
		Name: "ctx.deliver", Kind: "function",
		Doc: "Says where a file or folder lands in the compose. Folders of one path merge; files of one path have to be equal.",
		Attrs: []AttrDoc{
			{Name: "dir", Type: "string", Mandatory: true, Doc: `Folder below compose/, or below the logs if it begins with "{logs}". {variant}, {arch} and {tree} are filled in, as are the parts of the stamp.`},
			{Name: "tree", Type: "file", Mandatory: true, Doc: "What to put there: a file under its base name, or the content of a folder."},
			{Name: "images", Type: "file", Default: "None", Doc: "A JSON file that describes the images in it. The rule then has to provide Image, which is made of it."},
		},
	},
	{
		Name: "ctx.explain", Kind: "function",
		Doc: "Says what the instance decided on packages, for `pungo why`, `pungo whynot` and `pungo lock`. Decisions of what it depends on are known from there.",
		Attrs: []AttrDoc{
			{Name: "decisions", Type: "file", Default: "None", Doc: "A log of decisions: JSON, one a line, as solve writes them."},
			{Name: "packages", Type: "file", Default: "None", Doc: "The package set that is left to decide on."},
			{Name: "list", Type: "file", Default: "None", Doc: "The package list of what the cell ships in the end."},
			{Name: "verified", Type: "file", Default: "None", Doc: "A file of an action that fails if a signature in the list is refused."},
		},
	},
	{
		Name: "depset", Kind: "function",
		Doc: "Returns a set of strings or of files that shares what it is made of, for what providers pass on from one to the next. depset(...).to_list() has each element once.",
		Attrs: []AttrDoc{
			{Name: "direct", Type: "list", Default: "[]", Doc: "Elements of its own."},
			{Name: "order", Type: "string", Default: `"default"`, Doc: `"default" lists its own elements first, "postorder" those of the other depsets.`},
			{Name: "transitive", Type: "list of depsets", Default: "[]", Doc: "Depsets whose elements it has too."},
		},
	},
	{
		Name: "fail", Kind: "function",
		Doc: "Ends the evaluation with an error.",
		Attrs: []AttrDoc{
			{Name: "*values", Doc: "What is wrong."},
			{Name: "sep", Type: "string", Default: `" "`, Doc: "What is put between values."},
		},
	},
	{
		Name: "select", Kind: "function",
		Doc:   "Returns a value that depends on the cell, for attributes of targets.",
		Attrs: []AttrDoc{{Name: "*entries", Type: "dict", Mandatory: true, Doc: "Pattern, or tuple of patterns, to value. The value None is the attribute's default."}},
	},
	{
		Name: "struct", Kind: "function",
		Doc:   "Returns a value with fields.",
		Attrs: []AttrDoc{{Name: "**fields", Doc: "Its fields by name."}},
	},
}

// valueDocs describe the values that implementations meet, by their fields.
var valueDocs = []RuleDoc{
	{Name: "ctx", Kind: "value", Doc: "What an implementation is called with: one instance.", Attrs: []AttrDoc{
		{Name: "actions", Doc: "Functions that declare outputs and add actions: ctx.actions.X."},
		{Name: "arch", Type: "string", Doc: "Arch of the cell. None where the grain has none, and in source trees."},
		{Name: "attr", Doc: "Values of the attributes in this cell, by name."},
		{Name: "cell", Type: "cell", Doc: "The cell."},
		{Name: "compose", Type: "compose", Doc: "The compose."},
		{Name: "deliver", Type: "function", Doc: "See ctx.deliver."},
		{Name: "explain", Type: "function", Doc: "See ctx.explain."},
		{Name: "label", Type: "label", Doc: "Label of the target."},
		{Name: "tree", Type: "string", Doc: `Tree of the cell: "os", "debug" or "src". None where the grain has none.`},
		{Name: "variant", Type: "variant", Doc: "Variant of the cell. None where the grain has none."},
	}},
	{Name: "compose", Kind: "value", Doc: "ctx.compose: what compose() was told. What runs of one definition differ in is not in it: id, date, type, respin and label are parts of the stamp, for arguments.", Attrs: []AttrDoc{
		{Name: "arches", Type: "list of strings", Doc: "The arches, as far as --arch leaves them."},
		{Name: "base_product", Type: "release", Doc: "The product that this one is layered on, or None."},
		{Name: "checksums", Type: "list of strings", Doc: "Checksums of images and extra files."},
		{Name: "final", Type: "bool", Doc: "Whether the compose is supported."},
		{Name: "internal", Type: "bool", Doc: "Whether the product is internal."},
		{Name: "name", Type: "string", Doc: "Name of the product."},
		{Name: "release_type", Type: "string", Doc: "Type of the release."},
		{Name: "short", Type: "string", Doc: "Short name."},
		{Name: "variants", Type: "list of variants", Doc: "The variants, as far as --variant leaves them."},
		{Name: "version", Type: "string", Doc: "Version."},
	}},
	{Name: "variant", Kind: "value", Doc: "ctx.variant, cell.variant, and an element of ctx.compose.variants.", Attrs: []AttrDoc{
		{Name: "arches", Type: "list of strings", Doc: "Its arches."},
		{Name: "comps_environments", Type: "list of environments", Doc: "Its comps environments, as given; also those given as strings."},
		{Name: "comps_groups", Type: "list of groups", Doc: "Its comps groups, as given; also those given as strings."},
		{Name: "id", Type: "string", Doc: "Its name in variant()."},
		{Name: "is_empty", Type: "bool", Doc: "Whether it has no packages."},
		{Name: "modules", Type: "list of strings", Doc: "Its module streams, as it names them."},
		{Name: "parent", Type: "string", Doc: "Uid of its parent, or None."},
		{Name: "release", Type: "release", Doc: "Its product, or None."},
		{Name: "title", Type: "string", Doc: "Its name for people."},
		{Name: "type", Type: "string", Doc: "Its type."},
		{Name: "uid", Type: "string", Doc: "By which cells and attributes call it."},
	}},
	{Name: "group", Kind: "value", Doc: "What variant() says of comps groups: an element of variant.comps_groups.", Attrs: []AttrDoc{
		{Name: "default", Type: "bool", Doc: "Whether it is installed unless somebody says no. None: as in comps."},
		{Name: "glob", Type: "bool", Doc: "Whether id is a shell pattern."},
		{Name: "id", Type: "string", Doc: "Id of the group, or a shell pattern."},
		{Name: "uservisible", Type: "bool", Doc: "Whether menus offer it. None: as in comps."},
	}},
	{Name: "environment", Kind: "value", Doc: "What variant() says of a comps environment: an element of variant.comps_environments.", Attrs: []AttrDoc{
		{Name: "display_order", Type: "int", Doc: "Its place in menus. None: as in comps."},
		{Name: "id", Type: "string", Doc: "Id of the environment."},
	}},
	{Name: "release", Kind: "value", Doc: "A product: ctx.compose.base_product and variant.release.", Attrs: []AttrDoc{
		{Name: "name", Type: "string", Doc: "Its name."},
		{Name: "release_type", Type: "string", Doc: "The same as type, by the name that ctx.compose has for it."},
		{Name: "short", Type: "string", Doc: "Its short name."},
		{Name: "type", Type: "string", Doc: "Its type."},
		{Name: "version", Type: "string", Doc: "Its version."},
	}},
	{Name: "cell", Kind: "value", Doc: "ctx.cell and dep.cell: a place in the matrix.", Attrs: []AttrDoc{
		{Name: "arch", Type: "string", Doc: "The arch, or None."},
		{Name: "tree", Type: "string", Doc: "The tree, or None."},
		{Name: "variant", Type: "variant", Doc: "The variant, or None."},
	}},
	{Name: "dependency", Kind: "value", Doc: "What ctx.attr has for labels: an instance. dep[Provider] is what it provides, an error if it does not; Provider in dep asks.", Attrs: []AttrDoc{
		{Name: "cell", Type: "cell", Doc: "Its cell."},
		{Name: "deliveries", Type: "list", Doc: "What it delivers below compose/: struct(dir, tree) each, dir as in ctx.deliver with {variant}, {arch} and {tree} filled in."},
		{Name: "label", Type: "label", Doc: "Label of its target."},
	}},
	{Name: "label", Kind: "value", Doc: "ctx.label and dep.label; str(label) is //package:name.", Attrs: []AttrDoc{
		{Name: "name", Type: "string", Doc: "Name of the target."},
		{Name: "package", Type: "string", Doc: "Its folder, \"\" for the root."},
	}},
	{Name: "file", Kind: "value", Doc: "A file or folder that an action makes, or of the workspace. Only actions have paths and content.", Attrs: []AttrDoc{
		{Name: "basename", Type: "string", Doc: "The last element of the name."},
		{Name: "is_directory", Type: "bool", Doc: "Whether it is a folder."},
		{Name: "name", Type: "string", Doc: "The name it was declared with; of the workspace, the base name."},
		{Name: "title", Type: "string", Doc: "What people know it by: of a file of the workspace its path below the root, else the name."},
	}},
	{Name: "json", Kind: "module", Doc: "JSON, as go.starlark.net has it.", Attrs: []AttrDoc{
		{Name: "decode", Type: "function", Doc: "json.decode(text) returns a value."},
		{Name: "encode", Type: "function", Doc: "json.encode(value) returns text in one line, with sorted keys."},
		{Name: "encode_indent", Type: "function", Doc: "json.encode_indent(value, prefix = \"\", indent = \"\\t\") returns text in lines."},
		{Name: "indent", Type: "function", Doc: "json.indent(text, prefix = \"\", indent = \"\\t\") puts JSON text into lines."},
	}},
}

// kindDocs say what the attributes of a kind take, and what ctx.attr has for
// them.
var kindDocs = []struct {
	kind kind
	doc  string
}{
	{labelKind, "The label of one target. The instance that agrees with the asker's cell, or None; with expand, a list of all that agree."},
	{labelsKind, "Labels of targets. A list of all instances that agree."},
	{collectKind, "Nothing: attr.collect(Provider) finds all instances in the compose that agree and provide it, without the asker. A list."},
	{stringKind, "A string."},
	{stringListKind, "A list of strings."},
	{intKind, "An int."},
	{boolKind, "True or False."},
	{stringDictKind, "A dict of strings."},
	{stringListDictKind, "A dict of lists of strings."},
	{fileKind, "A path below the folder of compose.star, or the label of a target that makes one file. A file, or None."},
	{filesKind, "Paths and labels. A list of files: of a label, all outputs of all instances that agree."},
	{fileDictKind, "A dict of paths and labels. A dict of files."},
}

// optionDocs describe the options of attr.X.
var optionDocs = []AttrDoc{
	{Name: "doc", Type: "string", Default: `""`, Doc: "What the attribute is."},
	{Name: "default", Default: "None", Doc: `Value where a target gives none. Without one it is None for a label or file, else what is empty: "", 0, False, [] or {}.`},
	{Name: "mandatory", Type: "bool", Default: "False", Doc: "Whether every target has to give it. In each cell a label then has to find an instance, and a list of labels one at least."},
	{Name: "values", Type: "list of strings", Default: "any", Doc: "The only strings that are allowed, also in lists and dicts."},
	{Name: "pattern", Type: "string", Default: "any", Doc: "A regular expression that the whole of every string has to match."},
	{Name: "min", Type: "int", Default: "-2147483648", Doc: "The smallest int that is allowed."},
	{Name: "max", Type: "int", Default: "2147483647", Doc: "The largest int that is allowed."},
	{Name: "provider", Type: "provider", Mandatory: true, Doc: "What to collect."},
	{Name: "providers", Type: "list of providers", Default: "[]", Doc: "What the rule of a target has to list in provides."},
	{Name: "trees", Type: "list of strings", Default: "all", Doc: "In which trees the attribute is looked at; it is None or [] in others."},
	{Name: "expand", Type: "bool", Default: "False", Doc: "Whether one label means all instances that agree."},
	{Name: "every", Type: "bool", Default: "False", Doc: "Whether each label of the list has to find an instance in each cell, but for those of relatives that there are not."},
	{Name: "directory", Type: "bool", Default: "False", Doc: "Whether folders are wanted instead of files."},
	{Name: "suffix", Type: "string", Default: `""`, Doc: "How the names of files in the folder end that are seen, e.g. \".rpm\". The output of builds never is."},
	{Name: "sharded", Type: "bool", Default: "False", Doc: "Whether files in the folder are seen below a folder that is called by the first two hex digits of their digest, so that one change touches little of a folder of 60,000."},
	{Name: "folders", Type: "bool", Default: "False", Doc: "Whether entries whose key ends in / want folders, and only the others files. In place of such a folder a glob may stand, DIR/GLOB: what it matches below DIR, where * stands for no slash."},
}

// describeAPI returns what rules are written with: functions, kinds of
// attributes, their options, and values.
func describeAPI() []RuleDoc {
	kinds := RuleDoc{Name: "attr", Kind: "module", Doc: "Kinds of attributes, and what ctx.attr has for them. What a target gives may be a select() of such values."}
	takenBy := map[string][]string{}
	for _, k := range kindDocs {
		name := string(k.kind)
		kinds.Attrs = append(kinds.Attrs, AttrDoc{Name: name, Type: "function", Doc: k.doc})
		for _, o := range attrOptions[k.kind] {
			takenBy[o] = append(takenBy[o], name)
		}
	}
	options := RuleDoc{Name: "attr.X", Kind: "function", Doc: "Returns an attribute for rule(attrs =)."}
	for _, o := range optionDocs {
		switch takers := takenBy[o.Name]; len(takers) {
		case 0: // doc, which all take
		case len(kindDocs) - 1:
			o.Doc += " For all but collect."
		default:
			o.Doc += " For " + strings.Join(takers, ", ") + "."
		}
		options.Attrs = append(options.Attrs, o)
	}
	docs := slices.Concat([]RuleDoc{functionDocs[0], kinds, options}, functionDocs[1:], valueDocs)
	for i := range docs {
		docs[i].API = true
	}
	return docs
}
