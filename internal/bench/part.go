package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// partFlag is the first argument of a process that is a part of a benchmark:
//
//	bench -part NAME [-cpuprofile FILE] ARGUMENTS
const partFlag = "-part"

// parts are what this program does when it is started as a part. They print
// what they have to tell as JSON.
var parts = map[string]func(ctx context.Context, args []string) error{
	supervisePart:   supervise,
	repositoryPart:  makeRepository,
	closurePart:     solveEverything,
	ingestPart:      takeIn,
	hashPart:        hashFiles,
	materializePart: materializeTree,
	linkPart:        linkFiles,
}

func runPart(ctx context.Context, args []string) error {
	if len(args) == 0 || parts[args[0]] == nil {
		return fmt.Errorf("part %q is not known", args)
	}
	part, args := parts[args[0]], args[1:]
	if len(args) > 1 && args[0] == "-cpuprofile" {
		return profiled(args[1], func() error { return part(ctx, args[2:]) })
	}
	return part(ctx, args)
}

func profiled(path string, run func() error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	err = run()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

// part returns the command that starts a part of this program.
func part(name string, args ...string) ([]string, error) {
	self, err := os.Executable()
	return append([]string{self, partFlag, name}, args...), err
}
