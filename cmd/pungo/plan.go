package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pungo-build/pungo/cmd/pungo/output"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// planCmd shows what a build would run.
type planCmd struct {
	matrixFlags
	cacheFlags
	targetArgs

	All bool `help:"Show also what is in the cache, and will not run."`
}

func (c *planCmd) Run(ctx context.Context, p process, g *Globals) (err error) {
	s, err := openSession(p, g, c.cacheFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	// What a build would do is asked of what builds, which here only reads.
	r := &building{
		session: s, process: p, folder: output.At(s.output), json: g.JSON,
		cmd: &buildCmd{matrixFlags: c.matrixFlags, cacheFlags: c.cacheFlags, targetArgs: c.targetArgs},
	}
	if r.graph, err = evaluateRoot(ctx, p, s.root, c.matrixFlags, identityFlags{}); err != nil {
		return err
	}
	want, err := c.want(r)
	if err != nil {
		return err
	}
	build := s.executor(r.graph, s.remote(r.graph, s.lock, false), nil, manner{keepGoing: true})
	if err := build.Check(ctx, want...); err != nil {
		if exitCode(err) != exitEnvironment {
			return err
		}
		fmt.Fprintf(p.stderr, "warning: %v\n", err)
	}
	// A build that found everything else unchanged would not ask for the identity.
	if newest := r.newest(); newest != nil {
		build.Stamp(newest.Stamp)
	}
	steps, err := build.Plan(ctx, want...)
	if err != nil {
		return err
	}
	return c.print(p, g, steps)
}

// want lists the artifacts that the build would be about.
func (c *planCmd) want(r *building) ([]*rules.Artifact, error) {
	if len(c.Targets)+len(c.Without) == 0 && r.graph.Layout != nil {
		return wanted(r.graph), nil
	}
	chosen, err := c.targetArgs.choose(r.graph, r.pkg)
	if err != nil {
		return nil, err
	}
	var want []*rules.Artifact
	for _, a := range chosen {
		want = append(want, r.graph.Results(a)...)
	}
	return want, nil
}

// planned is what `plan --json` says of an action.
type planned struct {
	Instance string           `json:"instance"`
	Mnemonic string           `json:"mnemonic"`
	Outlook  executor.Outlook `json:"outlook"`
	Optional bool             `json:"optional,omitempty"`
	Reason   string           `json:"reason,omitempty"`
}

func (c *planCmd) print(p process, g *Globals, steps []executor.Step) error {
	counts := map[executor.Outlook]int{}
	for _, s := range steps {
		counts[s.Outlook]++
		if s.Outlook == executor.WillHit && !c.All {
			continue
		}
		line := planned{s.Action.String(), s.Action.Mnemonic(), s.Outlook, s.Action.Optional, s.Reason}
		if g.JSON {
			if err := json.NewEncoder(p.stdout).Encode(line); err != nil {
				return err
			}
			continue
		}
		optional := ""
		if line.Optional {
			optional = ", may be absent"
		}
		fmt.Fprintf(p.stdout, "%-7s %s (%s%s)\n", line.Outlook, line.Instance, line.Mnemonic, optional)
		if line.Reason != "" {
			fmt.Fprintf(p.stdout, "        %s\n", line.Reason)
		}
	}
	if !g.JSON {
		fmt.Fprintf(p.stdout, "%d actions: %d in the cache, %d to run, %d to be seen when others have run, %d absent, %d blocked\n",
			len(steps), counts[executor.WillHit], counts[executor.WillRun], counts[executor.After], counts[executor.WillBeGone], counts[executor.Unavailable])
	}
	return nil
}
