package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/pungo-build/pungo/internal/heap"
)

// partFlag is the first argument of a process that is a part of a benchmark:
//
//	bench -part NAME [-cpuprofile FILE] ARGUMENTS
const (
	partFlag    = "-part"
	profileFlag = "-cpuprofile"
)

// parts are what this program does when it is started as a part. They print
// what they have to tell as JSON.
var parts = map[string]func(ctx context.Context, args []string) error{
	supervisePart:   supervise,
	repositoryPart:  makeRepository,
	closurePart:     solveEverything,
	gatherPart:      gatherAll,
	repoclosurePart: checkClosure,
	ingestPart:      takeIn,
	hashPart:        hashFiles,
	materializePart: materializeTree,
	linkPart:        linkFiles,
	fetchPart:       fetchAll,
}

func runPart(ctx context.Context, args []string) error {
	if len(args) == 0 || parts[args[0]] == nil {
		return fmt.Errorf("part %q is not known", args)
	}
	heap.Tune(heap.Usual())
	part, args := parts[args[0]], args[1:]
	if len(args) > 1 && args[0] == profileFlag {
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

// tell prints what a part found out.
func tell(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// part returns the command that starts a part of this program.
func (l *lab) part(name string, args ...string) ([]string, error) {
	self, err := os.Executable()
	command := []string{self, partFlag, name}
	if l.profiles != "" {
		command = append(command, profileFlag, filepath.Join(l.profiles, name+".pprof"))
	}
	return append(command, args...), err
}
