package universe

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

// fileOwners finds which entries of a package set own paths. Entries know the
// paths that primary metadata lists; only if others are wanted are whole file
// lists read.
func fileOwners(ctx context.Context, j *rules.Job, set cache.Digest, entries []*packages.Entry, paths []string) (map[string][]int, error) {
	paths = slices.DeleteFunc(slices.Clone(paths), repodata.PrimaryPath)
	if len(paths) == 0 {
		return nil, nil
	}
	args := []string{"--output", "owners.json"}
	for _, path := range paths {
		args = append(args, "--path", path)
	}
	answers, err := packages.AskHeaders[[][2]int](ctx, j, set, "file_owners", args...)
	if err != nil {
		return nil, err
	}
	index := make(map[string]int, len(entries))
	for i, e := range entries {
		index[e.File] = i
	}
	owners := map[string][]int{}
	for _, a := range answers {
		found, err := ownedFiles(ctx, j, a, paths)
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			i, ok := index[o.file]
			if !ok {
				return nil, fmt.Errorf("package set: it has a header of %s, and no entry", o.file)
			}
			owners[o.path] = append(owners[o.path], i)
		}
	}
	return owners, nil
}

// owned is a path, and the file name of a package that owns it.
type owned struct{ file, path string }

// ownedFiles says what the places in an answer of file_owners are places of.
func ownedFiles(ctx context.Context, j *rules.Job, a packages.Answer[[][2]int], paths []string) ([]owned, error) {
	if len(a.Value) == 0 {
		return nil, nil // as of most shards: their folder need not be read
	}
	files, err := j.Trees.Read(ctx, a.Headers)
	if err != nil {
		return nil, err
	}
	list := make([]owned, len(a.Value))
	for i, pair := range a.Value {
		if uint(pair[0]) >= uint(len(files)) || uint(pair[1]) >= uint(len(paths)) {
			return nil, fmt.Errorf("owners of files: %v of %d headers and %d paths", pair, len(files), len(paths))
		}
		list[i] = owned{files[pair[0]].Name, paths[pair[1]]}
	}
	return list, nil
}

type ownersParams struct {
	Headers string   `arg:"headers,required"`
	Paths   []string `arg:"path"`
	Output  string   `arg:"output,required"`
}

// runOwners lists who owns the paths, in JSON: pairs of the places of a header
// in the folder and of a path in the arguments. File names and paths may be no
// UTF-8, which JSON could not hold.
func runOwners(ctx context.Context, j *rules.Job) error {
	var p ownersParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	wanted := make(map[string]int, len(p.Paths))
	for i, path := range p.Paths {
		wanted[path] = i
	}
	dir, err := j.Input(ctx, p.Headers)
	if err != nil {
		return err
	}
	headers, err := j.Trees.Read(ctx, dir.Digest)
	if err != nil {
		return err
	}
	pairs := [][2]int{}
	for i, header := range headers {
		record, err := j.Trees.Store().Get(ctx, header.Digest)
		if err != nil {
			return err
		}
		err = packages.EachPath(record, func(path []byte) {
			if k, ok := wanted[string(path)]; ok {
				pairs = append(pairs, [2]int{i, k})
			}
		})
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	data, err := json.Marshal(pairs)
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, data)
}
