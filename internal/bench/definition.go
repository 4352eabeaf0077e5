package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeWorkspace makes a workspace in the folder dir, with a definition and
// further files by name.
func writeWorkspace(dir, definition string, more map[string]string) error {
	err := os.MkdirAll(dir, 0o777)
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, "compose.star"), []byte(definition), 0o666))
	for name, text := range more {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	return err
}

func composeHead(arches []string) string {
	return fmt.Sprintf(`compose(name = "Bench", short = "Bench", version = "1", type = "test", arches = ["%s"])
`, strings.Join(arches, `", "`))
}

const composeOfOne = `
compose(name = "Bench", short = "Bench", version = "1", type = "test", arches = ["x86_64"])
variant(name = "Everything")
`

// repositoryDefinition is createrepo alone: a repository of whatever is in the
// folder rpms, as createrepo_c makes it, without package set and solver.
const repositoryDefinition = composeOfOne + everythingRule + `
rpm_dir(name = "rpms", path = "rpms")
everything(name = "all", source = ":rpms")
createrepo(name = "repo", packages = ":all", trees = ["os"])
`

const everythingRule = `
def _everything_impl(ctx):
    packages = ctx.attr.source[PackageSource].packages
    return [Packages(os = packages, debug = packages, src = packages, list = None)]

everything = rule(
    implementation = _everything_impl,
    doc = "Everything that a source has, as it is.",
    per = "variant.arch",
    provides = [Packages],
    attrs = {"source": attr.label(mandatory = True, providers = [PackageSource], doc = "The source.")},
)
`

// slicedDefinition is a whole compose: one variant with all packages of the
// distribution, and variants more with one of its sets each.
func slicedDefinition(d distribution, variants int) string {
	var b strings.Builder
	b.WriteString(composeHead(d.arches))
	b.WriteString("variant(name = \"Everything\")\n")
	var chosen []string
	for i := range variants {
		fmt.Fprintf(&b, "variant(name = \"Part%d\")\n", i)
		chosen = append(chosen, fmt.Sprintf("\"Part%d\": [\"set%d-*\"]", i, i))
	}
	fmt.Fprintf(&b, `
rpm_dir(name = "rpms", path = "rpms")
comps(name = "comps", src = "comps.xml")
pkgset(name = "packages", sources = [":rpms"])
gather(
    name = "gather",
    comps = ":comps",
    packages = ":packages",
    additional_packages = select({"Everything": ["*"], %s}),
)
createrepo(name = "repo", comps = ":comps", packages = ":gather")
tree_metadata(name = "treeinfo", repo = ":repo")
metadata(name = "metadata")
`, strings.Join(chosen, ", "))
	return b.String()
}

const emptyComps = `<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>core</id>
    <name>Core</name>
    <description>A group</description>
    <default>true</default>
    <uservisible>true</uservisible>
    <packagelist>
      <packagereq type="mandatory">set0-package00000</packagereq>
    </packagelist>
  </group>
</comps>
`

// closureDefinition is the package set of a folder that is one already, and the
// closure of everything in it.
const closureDefinition = composeOfOne + givenSet + `
pkgset(name = "packages", sources = [":given"])
gather(name = "gather", packages = ":packages", additional_packages = ["*"], greedy = "all", fulltree = True)
`

// repoclosureDefinition is the test of a tree that has all packages of a set that is
// there.
const repoclosureDefinition = composeOfOne + givenSet + everythingRule + `
everything(name = "all", source = ":given")
createrepo(name = "repo", packages = ":all", trees = ["os"])
repoclosure_test(name = "closure", repo = ":repo")
`

const givenRule = `
def _given_impl(ctx):
    return [PackageSource(packages = ctx.attr.path)]

given = rule(
    implementation = _given_impl,
    doc = "A package set that is there.",
    per = "compose",
    provides = [PackageSource],
    attrs = {"path": attr.file(mandatory = True, directory = True, doc = "The set.")},
)
`

// givenSet is one in the folder packages.
const givenSet = givenRule + `
given(name = "given", path = "packages")
`
