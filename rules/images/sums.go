package images

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
)

// Complete returns the checksums of a file of some kinds: known ones, and those that
// are missing, for which the file is read once.
func Complete(ctx context.Context, j *rules.Job, file cache.Node, known productmd.Checksums, kinds []string) (productmd.Checksums, error) {
	all := productmd.Checksums{}
	call := rules.Call{
		Tool: "image_sums", Args: []string{"--image", "image", "--output", "sums"},
		Inputs: []cache.Node{{Name: "image", Kind: cache.FileKind, Digest: file.Digest}},
	}
	complete := true
	for _, kind := range slices.Sorted(slices.Values(kinds)) {
		if sum, ok := known[kind]; ok {
			all[kind] = sum
			continue
		}
		complete = false
		call.Args = append(call.Args, "--checksum", kind)
	}
	if complete {
		return all, nil
	}
	r, err := j.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	data, err := j.Trees.Store().Get(ctx, r.Outputs[0].Digest)
	if err != nil {
		return nil, err
	}
	var made productmd.Checksums
	if err := json.Unmarshal(data, &made); err != nil {
		return nil, err
	}
	maps.Copy(all, made)
	return all, nil
}

type sumParams struct {
	Image     string   `arg:"image,required"`
	Checksums []string `arg:"checksum"`
	Output    string   `arg:"output,required"`
}

// sums reads a file once for its checksums.
func sums(ctx context.Context, j *rules.Job) error {
	var p sumParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	f, err := j.Open(ctx, p.Image)
	if err != nil {
		return err
	}
	defer f.Close()
	made, _, err := productmd.Sum(f, p.Checksums)
	if err != nil {
		return err
	}
	data, err := json.Marshal(made)
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, data)
}
