package output

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/rules"
)

func record(respin int, status Status) *Record {
	s := rules.Stamp{Release: rules.Release{Short: "T", Version: "1", Type: "ga"}, Date: "20261122", Type: "test", Respin: respin}
	s.ID = s.DefaultID()
	return &Record{Stamp: s, Status: status}
}

// write makes the smallest compose there is.
func write(id string) func(string) error {
	return func(dir string) error {
		return errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "COMPOSE_ID"), []byte(id), 0o444))
	}
}

func open(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestPublish(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "out"))
	for respin, status := range []Status{Finished, Incomplete, Doomed} {
		r := record(respin, status)
		if err := f.Publish(r, write(r.ID())); err != nil {
			t.Fatal(err)
		}
		if got := f.Record(r.ID()); got == nil || got.Status != status {
			t.Errorf("record of %s: %v", r.ID(), got)
		}
	}
	if to, err := os.Readlink(f.Path("latest-T-1")); to != "T-1-20261122.t.1" || err != nil {
		t.Errorf("latest: %q, %v; want the newest that is not doomed", to, err)
	}
	if n := f.Newest(func(*Record) bool { return true }); n == nil || n.Stamp.Respin != 2 {
		t.Errorf("newest: %v", n)
	}
	if n, err := f.FreeRespin(record(0, Finished).Stamp); n != 3 || err != nil {
		t.Errorf("free respin %d, %v", n, err)
	}
}

// TestPublishCutOff stops a process at every step. What can be seen then is a
// compose with its record or none, and the next process comes to a good end.
func TestPublishCutOff(t *testing.T) {
	for _, step := range []string{"written", "recorded", "visible"} {
		t.Run(step, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "out")
			f := open(t, dir)
			f.reached = func(s string) {
				if s == step {
					panic(s)
				}
			}
			r := record(0, Finished)
			func() {
				defer func() { recover() }()
				f.Publish(r, write(r.ID()))
			}()
			f.Close()
			f = open(t, dir)
			if seen := f.Exists(r.ID()); seen != (step == "visible") {
				t.Errorf("compose visible: %t", seen)
			}
			if known := f.Record(r.ID()) != nil; known != (step == "visible") {
				t.Errorf("record believed: %t", known)
			}
			if left, _ := filepath.Glob(f.State("tmp-*")); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if step == "visible" {
				if err := f.Link(r.Stamp); err != nil {
					t.Fatal(err)
				}
			} else if err := f.Publish(r, write(r.ID())); err != nil {
				t.Fatal(err)
			}
			if to, err := os.Readlink(f.Path("latest-T-1")); to != r.ID() || err != nil {
				t.Errorf("latest: %q, %v", to, err)
			}
		})
	}
}

func TestRecordIsNotBelieved(t *testing.T) {
	tests := []struct {
		name   string
		change func(f *Folder, id string) error
	}{
		{"compose gone", func(f *Folder, id string) error { return os.RemoveAll(f.Path(id)) }},
		{"other status", func(f *Folder, id string) error {
			return errors.Join(os.Chmod(f.Path(id, "STATUS"), 0o644), os.WriteFile(f.Path(id, "STATUS"), []byte("DOOMED\n"), 0o644))
		}},
		{"not JSON", func(f *Folder, id string) error { return os.WriteFile(f.State(id+".json"), []byte("{"), 0o644) }},
		{"of another", func(f *Folder, id string) error {
			return os.WriteFile(f.State(id+".json"), []byte(`{"stamp":{"ID":"x"}}`), 0o644)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := open(t, filepath.Join(t.TempDir(), "out"))
			r := record(0, Finished)
			if err := f.Publish(r, write(r.ID())); err != nil {
				t.Fatal(err)
			}
			if err := tt.change(f, r.ID()); err != nil {
				t.Fatal(err)
			}
			if got := f.Record(r.ID()); got != nil {
				t.Errorf("got %v, want none", got)
			}
		})
	}
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	f := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
	if _, err := Remove(t.Context(), dir); !errors.Is(err, ErrLocked) {
		t.Errorf("remove: %v, want ErrLocked", err)
	}
	f.Close()
	if _, err := Remove(t.Context(), dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("the folder is still there")
	}
}

func TestRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := Remove(t.Context(), filepath.Dir(dir)); !errors.Is(err, ErrForeign) {
		t.Errorf("a folder that is not pungo's: %v, want ErrForeign", err)
	}
	f := open(t, dir)
	r := record(0, Finished)
	if err := f.Publish(r, write(r.ID())); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Path("precious"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f.Close()
	left, err := Remove(t.Context(), dir)
	if err != nil || !slices.Equal(left, []string{"precious"}) {
		t.Errorf("left %q, %v", left, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
}

func TestPlaceReplaces(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "out"))
	dest := f.Path(Targets, "a", "file")
	for _, text := range []string{"one", "two"} {
		err := f.Place(dest, func(temporary string) error { return os.WriteFile(temporary, []byte(text), 0o644) })
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(dest); string(got) != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	bad := errors.New("bad")
	if err := f.Place(dest, func(string) error { return bad }); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(dest); string(got) != "two" {
		t.Errorf("after a failure: %q", got)
	}
}
