package packages

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Answer is what a tool says of the header records of one shard.
type Answer[T any] struct {
	Headers cache.Digest // the folder of the records
	Value   T
}

// AskHeaders asks a tool about the header records of the set with a root, of which
// entries have only a part. The tool takes the folder of records as --headers, then args,
// and writes one file, JSON.
//
// That is a nested action for each shard, so that after a change the records of one
// shard are read, and not those of a distribution. Answers come in the order of shards.
func AskHeaders[T any](ctx context.Context, j *rules.Job, root cache.Digest, tool string, args ...string) ([]Answer[T], error) {
	shards, err := j.Trees.Read(ctx, root)
	if err != nil {
		return nil, err
	}
	answers := make([]Answer[T], len(shards))
	err = j.Each(ctx, len(shards), func(ctx context.Context, i int) error {
		headers, err := j.Trees.Lookup(ctx, shards[i].Digest, headerDir)
		if err != nil {
			return fmt.Errorf("package set %s: %w", shards[i].Name, err)
		}
		answers[i].Headers = headers.Digest
		return askTool(ctx, j, headers, tool, args, &answers[i].Value)
	})
	return answers, err
}

func askTool(ctx context.Context, j *rules.Job, headers cache.Node, tool string, args []string, answer any) error {
	headers.Name = "headers"
	data, err := j.CallFile(ctx, rules.Call{
		Tool:   tool,
		Args:   append([]string{"--headers", headers.Name}, args...),
		Inputs: []cache.Node{headers},
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("answer of %s: %w", tool, err)
	}
	return nil
}
