package main

import (
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pungo-build/pungo/internal/spell"
	"github.com/pungo-build/pungo/rules"
)

const description = `pungo makes composes of Linux distributions from a definition in Starlark.

A folder with a compose.star that calls compose() is a workspace. "pungo build"
in it, or below it, composes; what was composed before is not made again.

Flags can also be set in .pungorc, a line "build --jobs=4" for "pungo build", and
by variables: PUNGO_JOBS=4 is --jobs=4 of every command that has it. What is typed
counts more.

Exit codes:

	 0  done
	 1  an action failed, or lint, fmt --check or cache verify found something
	 2  usage or definition error
	 3  built, but a test failed
	 4  finished without something optional
	 8  interrupted
	 9  another pungo is at work in the output folder, or compose.lock is out of date
	36  the machine lacks something: a program, space, a permission, the network
	37  a bug of pungo`

// flagGroups are the groups that flags of several commands are in, as their tags
// name them, in pages of help.
var flagGroups = []kong.Group{
	{Key: "matrix", Title: "What is composed:"},
	{Key: "where", Title: "Where and how:"},
	{Key: "identity", Title: "What the compose is called:"},
}

// cli is the command line.
type cli struct {
	Globals

	Build      buildCmd      "cmd:\"\" help:\"Compose, or build targets.\""
	Plan       planCmd       "cmd:\"\" help:\"Show what a build would run, and why.\""
	Explain    explainCmd    "cmd:\"\" help:\"Tell why the last build ran an action, or did not.\""
	Why        whyCmd        "cmd:\"\" help:\"Tell why a package is in the compose: who wanted it, and what was chosen.\""
	Whynot     whynotCmd     "cmd:\"\" help:\"Tell why a package is not in the compose.\""
	Diff       diffCmd       "cmd:\"\" help:\"Tell what changed between two composes, repositories, folders of packages or locks.\""
	Query      queryCmd      "cmd:\"\" help:\"List targets, what they depend on, or their actions.\""
	Lock       lockCmd       "cmd:\"\" help:\"Pin the state of every repository, and show what changes.\""
	Fmt        fmtCmd        "cmd:\"\" help:\"Format definitions.\""
	Lint       lintCmd       "cmd:\"\" help:\"Report what is questionable in definitions.\""
	Clean      cleanCmd      "cmd:\"\" help:\"Remove what builds left in the output folder.\""
	Cache      cacheCmd      "cmd:\"\" help:\"Show, shrink or verify the cache.\""
	Completion completionCmd "cmd:\"\" help:\"Write a completion script for a shell.\""
}

// Globals are the flags of every command.
type Globals struct {
	Config []string `help:"Use the lines of .pungorc for a name too, as \"build:ci --jobs=4\" is one for ci." placeholder:"NAME"`
	Dir    string   `help:"The workspace, or a folder in it; by default where the command runs." short:"C" default:"." placeholder:"DIR"`
	JSON   bool     `help:"Print results as JSON." name:"json"`
}

// matrixFlags choose what is evaluated.
type matrixFlags struct {
	Define  map[string]string `group:"matrix" mapsep:"none" help:"Value of define(\"NAME\") in the definition, for each NAME." placeholder:"NAME=VALUE"`
	Variant []string          `group:"matrix" help:"Only these variants, by their uids." placeholder:"UID"`
	Arch    []string          `group:"matrix" help:"Only these arches." placeholder:"ARCH"`
}

// cellFlags say which cells are told about, of all that there are.
type cellFlags struct {
	Variant []string `help:"Only these variants, by their uids." placeholder:"UID"`
	Arch    []string `help:"Only these arches." placeholder:"ARCH"`
}

// has reports whether a variant on an arch is asked for.
func (c *cellFlags) has(variant, arch string) bool {
	return (len(c.Variant) == 0 || slices.Contains(c.Variant, variant)) &&
		(len(c.Arch) == 0 || slices.Contains(c.Arch, arch))
}

// check refuses variants and arches that the compose does not have.
func (c *cellFlags) check(compose *rules.Compose) error {
	var uids []string
	for _, v := range compose.Variants {
		uids = append(uids, v.UID)
	}
	for _, uid := range c.Variant {
		if !slices.Contains(uids, uid) {
			return usagef("--variant %s: no such variant%s", uid, spell.DidYouMean(uid, uids))
		}
	}
	for _, arch := range c.Arch {
		if !slices.Contains(compose.Arches, arch) {
			return usagef("--arch %s: no such arch%s", arch, spell.DidYouMean(arch, compose.Arches))
		}
	}
	return nil
}

// cacheFlags say where to build, and how.
type cacheFlags struct {
	outputFlag
	Cache          string        `group:"where" help:"Folder of the cache; by default in the user's cache folder." placeholder:"DIR"`
	DigestFunction string        `group:"where" help:"Hash function of the cache: blake3 or sha256; by default ${default}." enum:"blake3,sha256" default:"blake3" placeholder:"NAME"`
	Offline        bool          `group:"where" help:"Download nothing: what is not in the cache is an error."`
	Attempts       int           `group:"where" help:"How often a download is tried at one place; by default ${default}." default:"5" placeholder:"N"`
	Patience       time.Duration `group:"where" help:"How long a download may bring nothing before it is tried again; by default ${default}." default:"30s" placeholder:"TIME"`
	Jobs           *int          `group:"where" help:"How many actions to run at a time; by default one for each processor." short:"j" placeholder:"N"`
}

// jobs is how many actions run at a time; 0 is for each processor one.
func (c *cacheFlags) jobs() int {
	if c.Jobs == nil {
		return 0
	}
	return *c.Jobs
}

// outputFlag says where what is built goes.
type outputFlag struct {
	Output string `group:"where" help:"Folder for composes and targets; by default pungo-out in the workspace." placeholder:"DIR"`
}

// identityFlags say what the compose is called.
type identityFlags struct {
	ComposeID string  `group:"identity" help:"Id of the compose; by default it follows from the release, date, type and respin." name:"compose-id" placeholder:"ID"`
	Date      string  `group:"identity" help:"Date of the compose, YYYYMMDD; by default today in UTC." placeholder:"DATE"`
	Respin    *int    `group:"identity" help:"Number among the composes of a day; by default the first that is free." placeholder:"N"`
	Type      *string `group:"identity" help:"production, nightly, test, ci or development; by default as defined." enum:"production,nightly,test,ci,development" placeholder:"TYPE"`
	Label     string  `group:"identity" help:"Milestone, for example Beta-1.2." placeholder:"LABEL"`
}

// composeType is the type that takes the place of the definition's, or "".
func (id *identityFlags) composeType() string {
	if id.Type == nil {
		return ""
	}
	return *id.Type
}
