package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/executor/local"
	"github.com/pungo-build/pungo/executor/remote"
	"github.com/pungo-build/pungo/executor/workspace"
	"github.com/pungo-build/pungo/internal/fetch"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/catalogue"
	"github.com/pungo-build/pungo/starlark"
	"golang.org/x/sync/errgroup"
)

// workspaceGraph is an evaluated definition.
type workspaceGraph struct {
	root  string // absolute path of the workspace
	pkg   string // package of the folder that the command was called in
	graph *rules.Graph
}

// evaluate evaluates the definition of the workspace that g.Dir is in.
func evaluate(ctx context.Context, p process, g *Globals, m matrixFlags, id identityFlags) (*workspaceGraph, error) {
	root, pkg, err := findRoot(g.Dir)
	if err != nil {
		return nil, err
	}
	graph, err := evaluateRoot(ctx, p, root, m, id)
	return &workspaceGraph{root: root, pkg: pkg, graph: graph}, err
}

func evaluateRoot(ctx context.Context, p process, root string, m matrixFlags, id identityFlags) (*rules.Graph, error) {
	files, err := workspace.OpenFS(root)
	if err != nil {
		return nil, environmentf("workspace: %v", err)
	}
	defer files.Close()
	var phases []starlark.Phase
	for _, phase := range catalogue.Phases() {
		phases = append(phases, starlark.Phase{Name: phase.Name, Source: phase.Star})
	}
	return starlark.Evaluate(ctx, files, starlark.Options{
		Defines: m.Define, Variants: m.Variant, Arches: m.Arch, Type: id.composeType(), Label: id.Label, Phases: phases,
		Print: func(at rules.Position, text string) { p.stderr.Write([]byte(at.String() + ": " + text + "\n")) },
	})
}

// again are the flags that give the same definition again, as a shell takes them.
func (m *matrixFlags) again() []string {
	var flags []string
	for _, name := range slices.Sorted(maps.Keys(m.Define)) {
		flags = append(flags, "--define", "'"+strings.ReplaceAll(name+"="+m.Define[name], "'", `'\''`)+"'")
	}
	return flags
}

// outputDir is the name of the output folder in a workspace, unless told otherwise.
const outputDir = "pungo-out"

// session is a workspace with its cache: what actions are looked up and run
// with.
type session struct {
	root    string
	pkg     string // package of the folder that the command was called in
	output  string // absolute path of the output folder
	flags   cacheFlags
	disk    *disk.Cache
	store   cache.Store
	trees   *cache.Trees
	sources *workspace.Workspace
	lock    *remote.Lock
	client  *fetch.Client
	// strategy runs host programs; its warnings go to warn, which is set while
	// somebody watches.
	strategy *local.Local
	warn     func(text string)
}

// openSession opens the cache and the sources of the workspace that g.Dir is in.
func openSession(p process, g *Globals, flags cacheFlags) (*session, error) {
	root, pkg, err := findRoot(g.Dir)
	if err != nil {
		return nil, err
	}
	if flags.Jobs != nil && *flags.Jobs < 1 {
		return nil, usagef("--jobs %d: want one at least", *flags.Jobs)
	}
	if flags.Attempts < 1 {
		return nil, usagef("--attempts %d: want one at least", flags.Attempts)
	}
	if flags.Patience <= 0 {
		return nil, usagef("--patience %v: want more than nothing", flags.Patience)
	}
	fn, err := cache.ParseFunction(flags.DigestFunction)
	if err != nil {
		return nil, usagef("%v", err)
	}
	dir, err := cacheDir(p, flags.Cache)
	if err != nil {
		return nil, err
	}
	s := &session{root: root, pkg: pkg, flags: flags, output: filepath.Join(root, outputDir), client: newClient(p, flags)}
	if s.lock, err = remote.ReadLock(s.lockFile()); err != nil {
		return nil, usagef("%v", err)
	}
	if flags.Output != "" {
		if s.output, err = filepath.Abs(flags.Output); err != nil {
			return nil, err
		}
	}
	if s.disk, err = disk.Open(dir, disk.Options{Function: fn}); err != nil {
		return nil, environmentf("%v", err)
	}
	s.store = cache.Verified(s.disk)
	s.trees = cache.NewTrees(s.store)
	s.strategy = local.New(s.trees, local.Options{
		// Inputs can be linked where the output is, if the cache is there too.
		Paths: s.disk, Dir: output.At(s.output).State(),
		Warn: func(text string) {
			if s.warn != nil {
				s.warn(text)
			}
		},
	})
	indexes, err := s.disk.Folder("workspaces")
	if err != nil {
		s.disk.Close()
		return nil, environmentf("%v", err)
	}
	name := sha256.Sum256([]byte(root))
	s.sources, err = workspace.Open(root, filepath.Join(indexes, hex.EncodeToString(name[:16])), s.trees, workspace.Options{Jobs: flags.jobs(), Import: s.disk.Import})
	if err != nil {
		s.disk.Close()
		return nil, err
	}
	return s, nil
}

// cacheDir is the folder of the cache: as told, else in the user's cache
// folder.
func cacheDir(p process, flag string) (string, error) {
	if flag != "" {
		return filepath.Abs(flag)
	}
	if dir := getenv(p, "XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "pungo"), nil
	}
	if home := getenv(p, "HOME"); home != "" {
		return filepath.Join(home, ".cache", "pungo"), nil
	}
	return "", environmentf("no place for the cache: HOME is not set\n  hint: name a folder with --cache")
}

func getenv(p process, name string) string {
	for _, v := range p.env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// Close writes what is not yet on disk: the index while the cache waits for its disk.
func (s *session) Close() error {
	var g errgroup.Group
	g.Go(s.sources.Save)
	g.Go(s.disk.Close)
	return g.Wait()
}

// manner is how a build goes about it, see executor.Options.
type manner struct{ keepGoing, onlyCached bool }

// executor returns a build of the graph with everything that this machine has.
func (s *session) executor(graph *rules.Graph, repositories *remote.Remote, sink rules.Sink, how manner) *executor.Build {
	s.warn = func(text string) {
		if sink != nil {
			sink.Event(rules.Event{Time: time.Now(), Kind: rules.Warned, Text: text})
		}
	}
	return executor.New(graph, executor.Options{
		Tools:      catalogue.Tools(),
		Store:      s.store,
		Actions:    s.disk,
		Sources:    remote.Sources{Workspace: s.sources, Repositories: repositories},
		Downloads:  repositories,
		Strategies: []executor.Strategy{s.strategy},
		Sink:       sink,
		Jobs:       s.flags.jobs(),
		KeepGoing:  how.keepGoing,
		OnlyCached: how.onlyCached,
	})
}

// ofWorkspace are those sources that are files of the workspace.
func ofWorkspace(all []*rules.Source) []*rules.Source {
	return slices.DeleteFunc(slices.Clone(all), func(s *rules.Source) bool { return s.Repository != "" })
}

// sourcesOf lists the distinct sources of a graph, in its order.
func sourcesOf(graph *rules.Graph) []*rules.Source {
	var sources []*rules.Source
	seen := map[rules.Source]bool{}
	actions := graph.Actions
	if graph.Layout != nil {
		actions = append(slices.Clone(actions), graph.Layout)
	}
	for _, a := range actions {
		for _, f := range a.Inputs() {
			if f.Source != nil && !seen[*f.Source] {
				seen[*f.Source] = true
				sources = append(sources, f.Source)
			}
		}
	}
	return sources
}
