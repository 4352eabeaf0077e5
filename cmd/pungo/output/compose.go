package output

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Status is how a compose ended: the word in its file STATUS.
type Status string

// The status of a compose that can be seen.
const (
	Finished   Status = "FINISHED"
	Incomplete Status = "FINISHED_INCOMPLETE" // without something optional
	Doomed     Status = "DOOMED"              // a test failed whose failure is fatal
)

// Record is what is kept of a compose, so that it is known again when nothing has
// changed.
type Record struct {
	// Number counts the composes of a folder in the order in which they were made;
	// Publish gives it.
	Number int         `json:"number"`
	Stamp  rules.Stamp `json:"stamp"`
	Status Status      `json:"status"`
	// Matrix is the part of the matrix that was asked for, "" for all of it.
	Matrix string `json:"matrix,omitempty"`
	// Early stands for everything that the compose was made of, by what can be
	// known without a key: definition, flags, tools, programs, file statuses.
	Early cache.Digest `json:"early"`
	// Sources that Early looked at.
	Sources []*rules.Source `json:"sources"`
	// Unstamped stands for the content of the compose whatever it is called.
	Unstamped cache.Digest `json:"unstamped"`
	// Tree is the compose's tree, without STATUS.
	Tree cache.Digest `json:"tree"`
	// Notes are the warnings and failed tests of the build, to be said again when
	// there is nothing else to say.
	Notes []string `json:"notes,omitempty"`
}

// ID returns the compose id.
func (r *Record) ID() string { return r.Stamp.ID }

// Linked reports whether the latest link of the release may point to it.
func (r *Record) Linked() bool { return r.Matrix == "" && r.Status != Doomed }

// Record returns the record of a compose that is there as it was left, or nil.
func (f *Folder) Record(id string) *Record {
	data, err := os.ReadFile(f.State(id + ".json"))
	if err != nil {
		return nil
	}
	var r Record
	if json.Unmarshal(data, &r) != nil || r.ID() != id {
		return nil
	}
	status, err := os.ReadFile(f.Path(id, "STATUS"))
	if err != nil || string(status) != string(r.Status)+"\n" {
		return nil
	}
	return &r
}

// Newest returns the record of the compose that was made last of those that match,
// or nil.
func (f *Folder) Newest(match func(*Record) bool) *Record {
	for _, r := range f.Records() {
		if match(r) {
			return r
		}
	}
	return nil
}

// Records returns those of all composes that are there as they were left, the newest
// first.
func (f *Folder) Records() []*Record {
	var records []*Record
	paths, _ := filepath.Glob(f.State("*.json"))
	for _, path := range paths {
		if r := f.Record(strings.TrimSuffix(filepath.Base(path), ".json")); r != nil {
			records = append(records, r)
		}
	}
	slices.SortStableFunc(records, func(a, b *Record) int { return b.Number - a.Number })
	return records
}

// FreeRespin returns the first respin whose compose does not exist.
func (f *Folder) FreeRespin(stamp rules.Stamp) (int, error) {
	for stamp.Respin = 0; ; stamp.Respin++ {
		_, err := os.Lstat(f.Path(stamp.DefaultID()))
		if errors.Is(err, fs.ErrNotExist) {
			return stamp.Respin, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// Exists reports whether something has the name of a compose.
func (f *Folder) Exists(id string) bool {
	_, err := os.Lstat(f.Path(id))
	return err == nil
}

// Publish has write make a compose in a folder under a temporary name and makes it
// visible: its record, the compose itself, and last the link to it. Where the
// compose goes must be nothing.
func (f *Folder) Publish(r *Record, write func(temporary string) error) error {
	if last := f.Newest(func(*Record) bool { return true }); last != nil {
		r.Number = last.Number + 1
	}
	temporary := f.State("tmp-" + r.ID())
	err := write(temporary)
	if err == nil {
		err = writeStatus(temporary, r.Status)
	}
	if err == nil {
		f.at("written")
		// A record without its compose is not believed, so it may come first.
		err = f.WriteRecord(r)
	}
	if err == nil {
		f.at("recorded")
		err = syncFileSystem(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, f.Path(r.ID()))
	}
	if err != nil {
		return err
	}
	f.at("visible")
	if err := syncDir(f.dir); err != nil {
		return err
	}
	return f.Link(r.Stamp)
}

// WriteRecord replaces the record of a compose.
func (f *Folder) WriteRecord(r *Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return f.WriteState(r.ID()+".json", append(data, '\n'))
}

// Link points the latest link of a compose's release to the newest one. It is done again
// whenever there is nothing else to do: somebody may have died before.
func (f *Folder) Link(of rules.Stamp) error {
	newest := f.Newest(func(r *Record) bool { return r.Linked() && r.Stamp.SameRelease(of) })
	if newest == nil {
		return nil
	}
	link := f.Path(latestName(of))
	if to, err := os.Readlink(link); err == nil && to == newest.ID() {
		return nil
	}
	return renameio.Symlink(newest.ID(), link)
}

// latestName is the name of the link to a release's newest compose.
func latestName(of rules.Stamp) string {
	name := "latest-" + of.Release.Short + "-" + of.Release.Version
	if base := of.BaseProduct; base != nil {
		name += "-" + base.Short + "-" + base.Version
	}
	return name
}

// writeStatus writes STATUS with the time of COMPOSE_ID, which is that of the
// newest package: equal composes have equal times too.
func writeStatus(dir string, status Status) error {
	info, err := os.Stat(filepath.Join(dir, "COMPOSE_ID"))
	if err != nil {
		return fmt.Errorf("compose without an id: %w", err)
	}
	path := filepath.Join(dir, "STATUS")
	if err := os.WriteFile(path, []byte(status+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o444); err != nil {
		return err
	}
	return errors.Join(os.Chtimes(path, info.ModTime(), info.ModTime()), os.Chtimes(dir, info.ModTime(), info.ModTime()))
}

// syncFileSystem makes everything durable that is on the file system of path:
// for 60,000 files one call, where a call for each would take minutes.
func syncFileSystem(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
