package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// The status of a compose, in its file STATUS.
const (
	finished   = "FINISHED"
	incomplete = "FINISHED_INCOMPLETE"
	doomed     = "DOOMED"
)

// stateDir is the folder in the output folder in which pungo keeps what it
// needs to know about composes it made. It also marks the folder as pungo's.
const stateDir = ".pungo"

// record is what pungo keeps of a compose, so that it knows again what has not
// changed: <output>/.pungo/<compose id>.json.
type record struct {
	Stamp  rules.Stamp `json:"stamp"`
	Status string      `json:"status"`
	// Matrix is the part of the matrix that was asked for, "" for all of it.
	Matrix string `json:"matrix,omitempty"`
	// Early stands for everything that the compose was made of, by what can be
	// known without a key: definition, flags, tool versions, file statuses.
	Early cache.Digest `json:"early"`
	// Sources that Early looked at.
	Sources []*rules.Source `json:"sources"`
	// Unstamped stands for the content of the compose whatever it is called.
	Unstamped cache.Digest `json:"unstamped"`
	// Tree is the compose's tree, without STATUS.
	Tree cache.Digest `json:"tree"`
}

func recordPath(output, id string) string {
	return filepath.Join(output, stateDir, id+".json")
}

// readRecord returns the record of a compose that is still there as it was
// left, or nil.
func readRecord(output, id string) *record {
	data, err := os.ReadFile(recordPath(output, id))
	if err != nil {
		return nil
	}
	var r record
	if json.Unmarshal(data, &r) != nil || r.Stamp.ID != id {
		return nil
	}
	status, err := os.ReadFile(filepath.Join(output, id, "STATUS"))
	if err != nil || string(status) != r.Status+"\n" {
		return nil
	}
	return &r
}

// latest returns the record of the newest finished compose of a release and a
// part of the matrix, or nil. That of the whole matrix is where the link points.
func latest(output string, release rules.Release, matrix string) *record {
	if matrix != "" {
		return newestOf(output, release, matrix)
	}
	id, err := os.Readlink(filepath.Join(output, latestName(release)))
	if err != nil || filepath.Base(id) != id {
		return nil
	}
	if r := readRecord(output, id); r != nil && r.Matrix == "" && r.Status == finished {
		return r
	}
	return nil
}

// newestOf looks for a compose of a part of the matrix, which no link points to.
func newestOf(output string, release rules.Release, matrix string) *record {
	var newest *record
	paths, _ := filepath.Glob(recordPath(output, "*"))
	for _, path := range paths {
		r := readRecord(output, strings.TrimSuffix(filepath.Base(path), ".json"))
		if r == nil || r.Matrix != matrix || r.Status != finished || r.Stamp.Release != release {
			continue
		}
		if newest == nil || cmp.Or(cmp.Compare(r.Stamp.Date, newest.Stamp.Date), cmp.Compare(r.Stamp.Respin, newest.Stamp.Respin)) > 0 {
			newest = r
		}
	}
	return newest
}

// latestName is the name of the link to a release's newest compose.
func latestName(release rules.Release) string {
	return "latest-" + release.Short + "-" + release.Version
}

func (r *record) write(output string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(recordPath(output, r.Stamp.ID), append(data, '\n'))
}

// writeFile replaces a file at once.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return renameio.WriteFile(path, data, 0o666)
}

// moveLatest points the link of a release to a compose.
func moveLatest(output string, release rules.Release, id string) error {
	return renameio.Symlink(id, filepath.Join(output, latestName(release)))
}

// freeRespin returns the first respin whose compose does not exist.
func freeRespin(output string, stamp rules.Stamp) (int, error) {
	for stamp.Respin = 0; ; stamp.Respin++ {
		_, err := os.Lstat(filepath.Join(output, stamp.DefaultID()))
		if errors.Is(err, fs.ErrNotExist) {
			return stamp.Respin, nil
		}
		if err != nil {
			return 0, fmt.Errorf("output folder: %w", err)
		}
	}
}

// lock takes an output folder for this process. It ends with the process,
// however that ends.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, environmentf("output folder: %v", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, &exit{exitLocked, fmt.Sprintf("another pungo is at work in %s", filepath.Dir(filepath.Dir(path)))}
	}
	return func() { f.Close() }, nil
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
