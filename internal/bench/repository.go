package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/disk"
	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/rules"
)

// readEvents counts in a file of events what ran.
func readEvents(path string) (*made, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := &made{Ran: map[string]int{}}
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var e rules.Event
		switch err := dec.Decode(&e); {
		case errors.Is(err, io.EOF):
			return m, nil
		case err != nil:
			return nil, err
		}
		m.Event(e)
	}
}

// element is the part of a package's element that is compared, in any of the
// three documents: who it is, and how much there is of it.
type element struct {
	ID   string `xml:"pkgid,attr"`
	Name string `xml:"name,attr"`
	Arch string `xml:"arch,attr"`

	Checksum    string `xml:"checksum"`
	NameElement string `xml:"name"`
	ArchElement string `xml:"arch"`

	Version struct {
		Epoch string `xml:"epoch,attr"`
		Ver   string `xml:"ver,attr"`
		Rel   string `xml:"rel,attr"`
	} `xml:"version"`
	Size struct {
		Package int64 `xml:"package,attr"`
	} `xml:"size"`
	Requires []struct{} `xml:"format>requires>entry"`
	Files    []string   `xml:"file"`
	Changes  []string   `xml:"changelog"`
}

// summary is what a repository says of its packages, by document and checksum.
type summary map[[2]string]string

var documents = []string{"primary", "filelists", "other"}

// readRepository summarizes a repository whose files read returns.
func readRepository(read func(path string) ([]byte, error)) (summary, error) {
	index, err := read("repodata/repomd.xml")
	if err != nil {
		return nil, err
	}
	repomd, err := repodata.ParseRepomd(bytes.NewReader(index))
	if err != nil {
		return nil, err
	}
	s := summary{}
	for _, kind := range documents {
		rec, ok := repomd.Record(kind)
		if !ok {
			return nil, fmt.Errorf("repomd.xml has no %s", kind)
		}
		packed, err := read(rec.Location)
		if err != nil {
			return nil, err
		}
		plain, err := repodata.Gzip.AppendUnpacked(nil, packed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rec.Location, err)
		}
		if err := s.add(kind, plain); err != nil {
			return nil, fmt.Errorf("%s: %w", rec.Location, err)
		}
	}
	return s, nil
}

func (s summary) add(kind string, document []byte) error {
	dec := xml.NewDecoder(bytes.NewReader(document))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "package" {
			continue
		}
		var e element
		if err := dec.DecodeElement(&e, &start); err != nil {
			return err
		}
		s[[2]string{kind, e.ID + e.Checksum}] = fmt.Sprint(e.Name+e.NameElement, e.Arch+e.ArchElement, e.Version, e.Size.Package,
			len(e.Requires), len(e.Files), len(e.Changes))
	}
}

// compareRepositories compares the repository that was made last in a cache with
// one on disk.
func compareRepositories(cacheDir, dir string) error {
	ours, err := readMade(cacheDir)
	if err != nil {
		return err
	}
	theirs, err := readRepository(func(path string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, path)) })
	if err != nil {
		return err
	}
	if len(ours) == 0 || len(ours) != len(theirs) {
		return fmt.Errorf("the repository has %d elements, createrepo_c's %d", len(ours), len(theirs))
	}
	for key, got := range ours {
		if want := theirs[key]; got != want {
			return fmt.Errorf("%s of %s: got %s, createrepo_c has %q", key[0], key[1], got, want)
		}
	}
	return nil
}

func readMade(cacheDir string) (summary, error) {
	told, err := os.ReadFile(filepath.Join(cacheDir, lastMade))
	if err != nil {
		return nil, err
	}
	var m made
	if err := json.Unmarshal(told, &m); err != nil {
		return nil, err
	}
	c, err := disk.Open(cacheDir, disk.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx := context.Background()
	trees := cache.NewTrees(cache.Verified(c))
	return readRepository(func(path string) ([]byte, error) {
		n, err := trees.Lookup(ctx, m.Root, path)
		if err != nil {
			return nil, err
		}
		return trees.Store().Get(ctx, n.Digest)
	})
}
