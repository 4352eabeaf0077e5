package main

const description = `pungo makes composes of Linux distributions from a definition in Starlark.

A folder with a compose.star that calls compose() is a workspace. "pungo build"
in it, or below it, composes; what was composed before is not made again.

Exit codes: 0 done, 1 an action failed, 2 usage or definition error, 3 built but
a test failed, 4 finished without something optional, 8 interrupted, 36 the
machine lacks something, 37 a bug of pungo.`

// cli is the command line.
type cli struct {
	Globals

	Build      buildCmd      "cmd:\"\" help:\"Compose, or build targets.\""
	Plan       planCmd       "cmd:\"\" help:\"Show what a build would run, and why.\""
	Explain    explainCmd    "cmd:\"\" help:\"Tell why the last build ran an action, or did not.\""
	Query      queryCmd      "cmd:\"\" help:\"List targets, what they depend on, or their actions.\""
	Fmt        fmtCmd        "cmd:\"\" help:\"Format definitions.\""
	Lint       lintCmd       "cmd:\"\" help:\"Report what is questionable in definitions.\""
	Clean      cleanCmd      "cmd:\"\" help:\"Remove what builds left in the output folder.\""
	Completion completionCmd "cmd:\"\" help:\"Write a completion script for a shell.\""
}

// Globals are the flags of every command.
type Globals struct {
	Config []string `help:"Use the settings of a name in .pungorc, as in \"build:ci --jobs=4\"." placeholder:"NAME"`
	Dir    string   `help:"The workspace, or a folder in it." short:"C" default:"." placeholder:"DIR"`
	JSON   bool     `help:"Print results as JSON." name:"json"`
}

// matrixFlags choose what is evaluated.
type matrixFlags struct {
	Define  map[string]string `help:"Value of a define() in the definition." placeholder:"NAME=VALUE"`
	Variant []string          `help:"Only these variants (uids)." placeholder:"UID"`
	Arch    []string          `help:"Only these arches." placeholder:"ARCH"`
}

// cacheFlags say what to build with.
type cacheFlags struct {
	Cache          string `help:"Folder of the cache; by default in the user's cache folder." env:"PUNGO_CACHE" placeholder:"DIR"`
	DigestFunction string `help:"Hash function of the cache: ${enum}." enum:"blake3,sha256" default:"blake3"`
	Output         string `help:"Folder for composes and targets; by default pungo-out in the workspace." placeholder:"DIR"`
	Jobs           int    `help:"How many actions to run at a time; by default one for each processor." short:"j" placeholder:"N"`
}

// identityFlags say what the compose is called.
type identityFlags struct {
	ComposeID string `help:"Id of the compose; by default it follows from the release, date, type and respin." name:"compose-id" placeholder:"ID"`
	Date      string `help:"Date of the compose, YYYYMMDD; by default today in UTC." placeholder:"DATE"`
	Respin    *int   `help:"Number among the composes of a day; by default the first that is free." placeholder:"N"`
	Type      string `help:"Type of the compose instead of the definition's: ${enum}." enum:",production,nightly,test,ci,development" default:""`
	Label     string `help:"Milestone, for example Beta-1.2." placeholder:"LABEL"`
}
