package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
)

// cacheCmd is about the cache folder itself, whatever workspaces use it.
type cacheCmd struct {
	Stats  cacheStatsCmd  `cmd:"" help:"Show what the cache holds, by kind and by compose."`
	GC     cacheGCCmd     `cmd:"" name:"gc" help:"Remove what was used least recently, until the limits hold."`
	Verify cacheVerifyCmd `cmd:"" help:"Read the cache and set aside what is damaged."`
}

// folderFlags say which cache, and which part of it.
type folderFlags struct {
	Cache          string `group:"where" help:"Folder of the cache; by default in the user's cache folder." placeholder:"DIR"`
	DigestFunction string `group:"where" help:"Which part of the folder: blake3 or sha256; by default ${default}." enum:"blake3,sha256" default:"blake3" placeholder:"NAME"`
}

// open opens the cache, which has to be there: nobody asks about a folder to have it
// made.
func (f *folderFlags) open(p process, readOnly bool) (c *disk.Cache, dir string, err error) {
	fn, err := cache.ParseFunction(f.DigestFunction)
	if err != nil {
		return nil, "", usagef("%v", err)
	}
	if dir, err = cacheDir(p, f.Cache); err != nil {
		return nil, "", err
	}
	c, err = disk.Open(dir, disk.Options{Function: fn, ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", environmentf("%s is no cache of pungo: there is no FORMAT in it", dir)
	}
	if err == nil && !readOnly {
		c.Close()
		c, err = disk.Open(dir, disk.Options{Function: fn})
	}
	if err != nil {
		return nil, "", environmentf("%v", err)
	}
	return c, dir, nil
}

// cacheStatsCmd shows what the cache holds.
type cacheStatsCmd struct {
	folderFlags
}

// Help is what --help says beside the flags.
func (*cacheStatsCmd) Help() string {
	return `Blobs are the content of files and folders: large ones, and what came from a workspace,
are files of their own, the others are in packs with the results of actions.

Of each compose that an output folder had when somebody last built there, the bytes
are listed that its content takes in the cache, and how many of them no other
compose needs. Where files are linked, a compose and the cache share the space.`
}

func (c *cacheStatsCmd) Run(ctx context.Context, p process, g *Globals) error {
	d, dir, err := c.open(p, true)
	if err != nil {
		return err
	}
	defer d.Close()
	stats, err := d.Stats(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(p.stdout, stats)
	}
	fmt.Fprintf(p.stdout, "%s: %s\n", dir, size(stats.Bytes))
	for _, line := range []struct {
		name   string
		amount disk.Amount
	}{
		{"blobs in files", stats.Files}, {"packs", stats.Packs}, {"  blobs", stats.Blobs}, {"  results", stats.Results},
		{"  notes", stats.Notes}, {"set aside", stats.SetAside}, {"corrupt", stats.Corrupt}, {"other files", stats.Other},
	} {
		fmt.Fprintf(p.stdout, "  %-14s %8d  %10s\n", line.name, line.amount.Count, size(line.amount.Bytes))
	}
	for i, compose := range stats.Composes {
		if i == 0 || compose.Folder != stats.Composes[i-1].Folder {
			fmt.Fprintf(p.stdout, "composes in %s\n", compose.Folder)
		}
		fmt.Fprintf(p.stdout, "  %-32s %10s, %10s its own", compose.ID, size(compose.Bytes), size(compose.Own))
		if compose.Missing > 0 {
			fmt.Fprintf(p.stdout, ", %d blobs are missing", compose.Missing)
		}
		fmt.Fprintln(p.stdout)
	}
	return nil
}

// cacheGCCmd removes what was used least recently.
type cacheGCCmd struct {
	folderFlags
	Size         *byteSize `help:"How much the folder takes at most, for example 50G." placeholder:"SIZE"`
	Age          *age      `help:"How long ago what is kept was last used at most, for example 30d or 12h." placeholder:"AGE"`
	Free         *byteSize `help:"How much is free on the file system at least." placeholder:"SIZE"`
	KeepComposes int       `help:"How many composes of each output folder are kept in any case, the newest; by default ${default}." default:"1" placeholder:"N"`
	DryRun       bool      `help:"Only say what would be removed."`
}

// Help is what --help says beside the flags.
func (*cacheGCCmd) Help() string {
	return `At least one of --size, --age and --free is needed; of several all have to hold. Results
of actions go with the blobs that nothing else needs, those first that were found or
made longest ago. What was removed is made again when it is needed.

Builds may run meanwhile, on this machine or others. What they might know of is set
aside, and goes for good with the first gc after they have ended. A build that was
killed counts as running for ten minutes.

The newest compose of each output folder is kept, so that it can be laid out again;
with --age not where nobody has built for so long.

Sizes are in bytes, or with k, M, G or T, which are powers of 1000, or Ki, Mi, Gi or Ti,
which are powers of 1024. Ages are as 36h, 30d or 8w.`
}

func (c *cacheGCCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	if c.Size == nil && c.Age == nil && c.Free == nil {
		return usagef("gc wants a limit\n  hint: give --size, --age or --free")
	}
	if c.KeepComposes < 0 {
		return usagef("--keep-composes %d: want 0 or more", c.KeepComposes)
	}
	d, _, err := c.open(p, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	done, err := d.Collect(ctx, disk.Limits{
		Size: (*int64)(c.Size), Free: (*int64)(c.Free), Age: (*time.Duration)(c.Age),
		KeepComposes: c.KeepComposes, DryRun: c.DryRun,
	})
	if err != nil {
		return err
	}
	if g.JSON {
		return printJSON(p.stdout, done)
	}
	c.print(p, done)
	return nil
}

func (c *cacheGCCmd) print(p process, done *disk.Collected) {
	removed := "removed"
	if c.DryRun {
		removed = "would remove"
	}
	fmt.Fprintf(p.stdout, "%s %s and %s, %s\n", removed,
		count(done.Results.Count, "result"), count(done.Blobs.Count, "blob"), size(done.Results.Bytes+done.Blobs.Bytes))
	fmt.Fprintf(p.stdout, "kept %s and %s, %s with all else\n",
		count(done.Kept.Results, "result"), count(done.Kept.Blobs, "blob"), size(done.After))
	if done.Processes > 0 {
		fmt.Fprintf(p.stdout, "%s go with a later gc, since %s that may know of them\n", size(done.Waiting), running(done.Processes))
	}
	if done.Missed {
		fmt.Fprintln(p.stderr, "warning: the limits do not hold, and there is nothing more to remove")
		if done.Kept.Composes > 0 {
			fmt.Fprintf(p.stderr, "  hint: %s kept in any case; --keep-composes says how many\n", are(done.Kept.Composes, "compose"))
		}
	}
	leftOver(p, done.Left)
}

// count writes a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return fmt.Sprintf("%d %ss are", n, what)
}

func running(processes int) string {
	if processes == 1 {
		return "1 process runs"
	}
	return fmt.Sprintf("%d processes run", processes)
}

// leftOver tells of files that are somebody else's.
func leftOver(p process, left []string) {
	const most = 20
	for i, file := range left {
		if i == most {
			fmt.Fprintf(p.stderr, "warning: and %d more\n", len(left)-most)
			return
		}
		fmt.Fprintf(p.stderr, "warning: left %s\n", file)
	}
}

// cacheVerifyCmd looks for damage.
type cacheVerifyCmd struct {
	folderFlags
	Sample percent `help:"How much of the blobs to read; the same part each time." default:"100" placeholder:"PERCENT"`
}

// Help is what --help says beside the flags.
func (*cacheVerifyCmd) Help() string {
	return `Blobs are compared with their digests, and records with their checksums. What is damaged
goes into the folder corrupt in the cache, and is made again when it is needed.

The exit code is 1 if something was damaged.`
}

func (c *cacheVerifyCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	d, _, err := c.open(p, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	done, err := d.Verify(ctx, float64(c.Sample))
	if err != nil {
		return err
	}
	if g.JSON {
		err = printJSON(p.stdout, done)
	} else {
		c.print(p, done)
	}
	if err == nil && len(done.Damaged) > 0 {
		err = &exit{code: exitFailed}
	}
	return err
}

func (c *cacheVerifyCmd) print(p process, done *disk.Checked) {
	for _, damage := range done.Damaged {
		fmt.Fprintln(p.stdout, damage)
	}
	fmt.Fprintf(p.stdout, "read %s, %s and %s in %s and %s: %d damaged\n",
		count(done.Files.Count+done.Blobs.Count, "blob"), count(done.Results, "result"), count(done.Notes, "note"),
		count(done.Packs, "pack"), count(done.Files.Count, "file"), len(done.Damaged))
	if done.Skipped > 0 {
		fmt.Fprintf(p.stdout, "not in the sample: %s\n", count(done.Skipped, "blob"))
	}
	leftOver(p, done.Left)
}

// byteSize is a number of bytes as people write it.
type byteSize int64

// UnmarshalText reads 1500, 20G or 1.5Gi, also with a B at the end.
func (s *byteSize) UnmarshalText(text []byte) error {
	number := strings.TrimRight(string(text), "kKMGTPiB ")
	unit := strings.TrimSuffix(strings.TrimSpace(string(text)[len(number):]), "B")
	base, unit := 1000.0, strings.ToUpper(unit)
	if rest, ok := strings.CutSuffix(unit, "I"); ok && rest != "" {
		base, unit = 1024, rest
	}
	value, err := strconv.ParseFloat(number, 64)
	power := strings.Index("KMGTP", unit)
	if err != nil || !(value >= 0) || len(unit) > 1 || power < 0 {
		return fmt.Errorf("%q is no size; want a number of bytes, or one as 500M, 20G or 1.5Ti", text)
	}
	if unit != "" {
		for range power + 1 {
			value *= base
		}
	}
	if value >= 1<<62 {
		return fmt.Errorf("%q is no size that a disk has", text)
	}
	*s = byteSize(value)
	return nil
}

// age is a time as people write it.
type age time.Duration

// UnmarshalText reads 36h, 30d or 8w.
func (a *age) UnmarshalText(text []byte) error {
	s := string(text)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		number, ok := strings.CutSuffix(s, suffix)
		if value, err := strconv.ParseFloat(number, 64); ok && err == nil && value >= 0 && value < 1e5 {
			*a = age(value * float64(unit))
			return nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no age; want one as 90m, 36h, 30d or 8w", text)
	}
	*a = age(d)
	return nil
}

// percent is a part of 100.
type percent float64

// UnmarshalText reads 5, 0.5 or 5%.
func (c *percent) UnmarshalText(text []byte) error {
	value, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "%"), 64)
	if err != nil || !(value > 0 && value <= 100) {
		return fmt.Errorf("%q is no sample; want more than 0 and at most 100 percent", text)
	}
	*c = percent(value)
	return nil
}
