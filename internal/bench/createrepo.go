package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/executor/workspace"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/catalogue"
	"github.com/pungo-build/pungo/starlark"
	"golang.org/x/sync/errgroup"
)

// createrepo compares repositories with those of createrepo_c, which reads the
// same folder of package files, with as many workers, into gz without databases.
// The definition has nothing but rpm_dir and createrepo.
//
// "from the store" is a part: it evaluates, looks at the folder, and makes the
// repository's tree in the cache, durably. Each run has a cache of its own which
// holds the package files and nothing else, as after `pungo plan`. It does not
// put the packages into an output folder, since createrepo_c leaves them where
// they are; "the whole command" does that too. "with ingest" is `pungo build` with
// no cache at all.
//
// "one changed" gives both sides a new release of one package in each run;
// createrepo_c has --update and its former repodata.
func createrepo(ctx context.Context, l *lab) error {
	small := distribution{packages: l.size(10_000), sets: 1, files: 20, arches: []string{"x86_64"}}
	ws := l.path("small")
	if err := small.write(filepath.Join(ws, "rpms")); err != nil {
		return err
	}
	c := &repositories{lab: l, ws: ws, what: fmt.Sprintf("createrepo: %d small packages", small.packages), packages: small.packages}
	err := errors.Join(c.fromStore(ctx), c.withIngest(ctx), c.oneChanged(ctx, small))
	if err != nil || ctx.Err() != nil {
		return err
	}
	ws = l.path("real")
	files, bytes, err := l.realPackages(ctx, filepath.Join(ws, "rpms"))
	if err != nil {
		return err
	}
	c = &repositories{lab: l, ws: ws, what: fmt.Sprintf("createrepo: %d real packages, %s", files, megabytes(bytes)), packages: files}
	return errors.Join(c.fromStore(ctx), c.withIngest(ctx))
}

// settled is how old packages are that the index of a workspace takes up.
const settled = 2500 * time.Millisecond

// store takes the packages into a cache, with an index of the folder for the part
// and one for the command.
func (c *repositories) store(ctx context.Context, dir string) error {
	time.Sleep(settled)
	command, err := c.part(ingestPart, c.ws, dir)
	if err != nil {
		return err
	}
	for _, command := range [][]string{command, {c.pungo, "plan", "-C", c.ws, "--cache", dir, "//:repo"}} {
		if _, err := output(ctx, "", command...); err != nil {
			return err
		}
	}
	return nil
}

// repositories compares repositories of one folder of packages.
type repositories struct {
	*lab
	ws, what string // the workspace, whose folder rpms has the packages
	packages int
}

func (c *repositories) peer(outdir string, flags ...string) []string {
	command := []string{"createrepo_c", "--quiet", "--no-database", "--general-compress-type=gz", "--workers", strconv.Itoa(c.jobs)}
	return append(append(command, flags...), "-o", outdir, filepath.Join(c.ws, "rpms"))
}

func (c *repositories) build(cacheDir string) []string {
	return []string{
		c.pungo, "build", "-C", c.ws, "--cache", cacheDir, "--jobs", strconv.Itoa(c.jobs), "--events", c.path("events"), "//:repo",
	}
}

func (c *repositories) fromStore(ctx context.Context) error {
	if err := writeWorkspace(c.ws, repositoryDefinition, nil); err != nil {
		return err
	}
	warm, used, theirs, out := c.path("warm"), c.path("used"), c.path("theirs"), filepath.Join(c.ws, "pungo-out")
	if err := c.fresh(warm)(0); err != nil {
		return err
	}
	if err := c.store(ctx, warm); err != nil {
		return err
	}
	// The part makes no file of a package, so hard links will do. Whoever does has to
	// find a cache whose files have no other name, on disk and not on their way there.
	restore := func(copy string) func(int) error {
		return func(int) error {
			if err := c.fresh(used, out)(0); err != nil {
				return err
			}
			_, err := output(ctx, "", "sh", "-c", copy, "sh", warm, used)
			return err
		}
	}
	command, err := c.ours(used)
	if err != nil {
		return err
	}
	peer := contestant{command: c.peer(theirs), before: c.empty(theirs)}
	ours, others, err := c.race(ctx, contestant{command: command, before: restore(`cp -al "$1" "$2"`), after: c.wantSame(used, theirs)}, peer)
	if err != nil {
		return err
	}
	c.table.faster(c.what+" from the store", 1.5, ours, others)
	ours, others, err = c.race(ctx, contestant{command: c.build(used), before: restore(`cp -a "$1" "$2" && sync -f "$2"`), after: c.wantAllRun}, peer)
	if err != nil {
		return err
	}
	c.table.note(c.what+" from the store, the whole command", ours, others)
	return nil
}

func (c *repositories) withIngest(ctx context.Context) error {
	used, theirs := c.path("used"), c.path("theirs")
	ours, peer, err := c.race(ctx,
		contestant{command: c.build(used), before: c.fresh(used, filepath.Join(c.ws, "pungo-out")), after: c.wantAllRun},
		contestant{command: c.peer(theirs), before: c.empty(theirs)},
	)
	if err != nil {
		return err
	}
	c.table.noSlower(c.what+" with ingest", 1, ours, peer)
	return nil
}

// oneChanged leaves the packages in other releases than it found them.
func (c *repositories) oneChanged(ctx context.Context, d distribution) error {
	used, theirs, rpms := c.path("used"), c.path("theirs"), filepath.Join(c.ws, "rpms")
	if err := errors.Join(c.fresh(used)(0), c.empty(theirs)(0)); err != nil {
		return err
	}
	time.Sleep(settled)
	command, err := c.ours(used)
	if err != nil {
		return err
	}
	for _, first := range [][]string{command, c.build(used), c.peer(theirs)} {
		if _, err := output(ctx, "", first...); err != nil {
			return err
		}
	}
	changed, release := d.packages/2/perBuild*perBuild+1, 1
	change := func(int) error {
		old := d.pkg(changed, release)
		release++
		return errors.Join(os.Remove(filepath.Join(rpms, old.FileName())), d.writePackage(rpms, changed, release))
	}
	peer := contestant{command: c.peer(theirs, "--update")}
	same := c.wantSame(used, theirs)
	peer.after = func(run int, _ []byte) error { return same(run, nil) }
	ours, others, err := c.race(ctx, contestant{command: command, before: change, after: wantOne}, peer)
	if err != nil {
		return err
	}
	c.table.faster(c.what+", one changed", 10, ours, others)
	ours, others, err = c.race(ctx, contestant{command: c.build(used), before: change, after: c.wantOneRun}, contestant{command: peer.command})
	if err != nil {
		return err
	}
	c.table.note(c.what+", one changed, the whole command", ours, others)
	return nil
}

// made is what the part tells of a repository.
type made struct {
	Root cache.Digest
	// Ran is how many times each tool ran, as nested action or not.
	Ran map[string]int
}

// lastMade is the file in the cache folder with what the part told last.
const lastMade = "bench-made"

func wantOne(_ int, stdout []byte) error {
	var m made
	if err := json.Unmarshal(stdout, &m); err != nil {
		return err
	}
	return m.want(1, 1)
}

// want checks how many headers were read and fragments made.
func (m *made) want(headers, fragments int) error {
	if m.Ran["rpm_header"] != headers || m.Ran["repodata_fragment"] != fragments {
		return fmt.Errorf("want %d headers and %d fragments, got %v", headers, fragments, m.Ran)
	}
	return nil
}

// wantAllRun checks in the events of the command that nothing was memoized.
func (c *repositories) wantAllRun(int, []byte) error { return c.wantEvents(c.packages) }

// wantOneRun checks in the events of the command that one package was new.
func (c *repositories) wantOneRun(int, []byte) error { return c.wantEvents(1) }

func (c *repositories) wantEvents(packages int) error {
	m, err := readEvents(c.path("events"))
	if err != nil {
		return err
	}
	return m.want(packages, packages)
}

// wantSame checks that the repository that the part made last has the packages
// that the peer's has, if there is one yet.
func (c *repositories) wantSame(cacheDir, theirs string) func(int, []byte) error {
	return func(run int, _ []byte) error {
		if run != c.runs {
			return nil
		}
		return compareRepositories(cacheDir, theirs)
	}
}

const repositoryPart = "repository"

func (c *repositories) ours(cacheDir string) ([]string, error) {
	return c.part(repositoryPart, c.ws, cacheDir, strconv.Itoa(c.jobs))
}

// makeRepository makes the repository of a workspace in a cache, as the command
// does before it places anything: arguments are the workspace, the cache and the
// number of jobs.
func makeRepository(ctx context.Context, args []string) error {
	ws, dir := args[0], args[1]
	jobs, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	graph, err := evaluate(ctx, ws)
	if err != nil {
		return err
	}
	c, err := disk.Open(dir, disk.Options{})
	if err != nil {
		return err
	}
	store := cache.Verified(c)
	trees := cache.NewTrees(store)
	sources, err := workspace.Open(ws, indexFile(dir), trees, workspace.Options{Jobs: jobs, Import: c.Import})
	if err != nil {
		return err
	}
	m := &made{Ran: map[string]int{}}
	b := executor.New(graph, executor.Options{
		Tools: catalogue.Tools(), Store: store, Actions: c, Sources: sources, Sink: m, Jobs: jobs,
	})
	want := outputsOf(graph, "createrepo")
	if err := b.Check(ctx, want...); err != nil {
		return err
	}
	if err := b.Run(ctx, want...); err != nil {
		return err
	}
	repo, _ := b.Artifact(want[0])
	m.Root = repo.Digest
	var closing errgroup.Group
	closing.Go(sources.Save)
	closing.Go(c.Close)
	if err := closing.Wait(); err != nil {
		return err
	}
	told, err := json.Marshal(m)
	if err != nil {
		return err
	}
	fmt.Println(string(told))
	return os.WriteFile(filepath.Join(dir, lastMade), told, 0o666)
}

// indexFile is where parts keep the stat index of a workspace: with the cache.
func indexFile(cacheDir string) string { return filepath.Join(cacheDir, "bench-index") }

// Event implements rules.Sink.
func (m *made) Event(e rules.Event) {
	if e.Kind == rules.ActionFinished && e.Status == rules.Ran {
		m.Ran[e.Mnemonic]++
	}
}

// evaluate evaluates the definition in a folder.
func evaluate(ctx context.Context, dir string) (*rules.Graph, error) {
	files, err := workspace.OpenFS(dir)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	return starlark.Evaluate(ctx, files, starlark.Options{Phases: phases()})
}

func phases() []starlark.Phase {
	var list []starlark.Phase
	for _, p := range catalogue.Phases() {
		list = append(list, starlark.Phase{Name: p.Name, Source: p.Star})
	}
	return list
}

// outputsOf returns what the actions of a tool make.
func outputsOf(graph *rules.Graph, tool string) []*rules.Artifact {
	var outputs []*rules.Artifact
	for _, a := range graph.Actions {
		if a.Tool == tool {
			outputs = append(outputs, a.Outputs...)
		}
	}
	return outputs
}
