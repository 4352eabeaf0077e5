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
// lists read. That is a nested action for each shard, so that after a change the
// lists of one shard are read, and not those of a distribution.
func fileOwners(ctx context.Context, j *rules.Job, set cache.Digest, entries []*packages.Entry, paths []string) (map[string][]int, error) {
	paths = slices.DeleteFunc(slices.Clone(paths), repodata.PrimaryPath)
	if len(paths) == 0 {
		return nil, nil
	}
	shards, err := j.Trees.Read(ctx, set)
	if err != nil {
		return nil, err
	}
	found := make([][]owned, len(shards))
	err = j.Each(ctx, len(shards), func(ctx context.Context, i int) (err error) {
		found[i], err = shardOwners(ctx, j, shards[i].Digest, paths)
		return err
	})
	if err != nil {
		return nil, err
	}
	index := make(map[string]int, len(entries))
	for i, e := range entries {
		index[e.File] = i
	}
	owners := map[string][]int{}
	for _, o := range slices.Concat(found...) {
		i, ok := index[o.file]
		if !ok {
			return nil, fmt.Errorf("package set: it has a header of %s, and no entry", o.file)
		}
		owners[o.path] = append(owners[o.path], i)
	}
	return owners, nil
}

// owned is a path, and the file name of a package that owns it.
type owned struct{ file, path string }

// shardOwners finds owners of paths in one shard.
func shardOwners(ctx context.Context, j *rules.Job, shard cache.Digest, paths []string) ([]owned, error) {
	headers, err := j.Trees.Lookup(ctx, shard, packages.HeaderDir)
	if err != nil {
		return nil, err
	}
	headers.Name = "headers"
	call := rules.Call{Tool: "file_owners", Args: []string{"--headers", headers.Name, "--output", "owners.json"}, Inputs: []cache.Node{headers}}
	for _, path := range paths {
		call.Args = append(call.Args, "--path", path)
	}
	r, err := j.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	data, err := j.Trees.Store().Get(ctx, r.Outputs[0].Digest)
	if err != nil {
		return nil, err
	}
	var pairs [][2]int
	if err := json.Unmarshal(data, &pairs); err != nil {
		return nil, fmt.Errorf("owners of files: %w", err)
	}
	if len(pairs) == 0 {
		return nil, nil // as of most shards: their folder need not be read
	}
	files, err := j.Trees.Read(ctx, headers.Digest)
	if err != nil {
		return nil, err
	}
	list := make([]owned, len(pairs))
	for i, pair := range pairs {
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
