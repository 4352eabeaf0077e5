// Package imagetest looks at a compose as its readers will: whether images are what
// their format says, boot, and agree with images.json and the checksum files; whether
// trees have what .treeinfo and repodata name.
//
// An image or tree that was looked at once is not looked at again: each is a nested
// action, whose key is its content and what is said of it.
package imagetest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// Star is the rule's source.
//
//go:embed image_test.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "image_test", Version: 2, Params: params{}, Run: run},
		{Name: "image_check", Version: 1, Params: imageParams{}, Run: checkImage},
		{Name: "manifest_check", Version: 1, Params: contentParams{}, Run: checkContent},
		{Name: "tree_check", Version: 1, Params: treeParams{}, Run: checkTree},
	}
}

type params struct {
	Compose   string          `arg:"compose,required"` // what is below compose/
	Images    []images.Folder `arg:"images"`
	Listed    []string        `arg:"listed"`   // trees of Images that have a manifest beside each image
	Checksums []string        `arg:"checksum"` // that every image is to have
	// SumFiles are folders of checksum files, as they lie in the compose.
	SumFiles      []string `arg:"sum-files"`
	Repos         []repo   `arg:"repo"`
	ReadWhole     bool     `arg:"read"` // images are read as a whole
	MaxSizeStrict bool     `arg:"max-size-is-strict"`
	Log           string   `arg:"log,required"`
	JSON          string   `arg:"json,required"`
}

// repo is what an argument says of a repository.
type repo struct {
	Tree     string // the tree that it is in
	Dir      string // its own folder
	Packages string // that of packages, below it
	Input    string // the repository, without which there is none
}

// Levels of findings.
const (
	failure = "error" // the test fails
	warning = "warning"
)

// finding is one thing that is wrong.
type finding struct {
	Path    string `json:"path"` // below compose/
	Level   string `json:"level"`
	Message string `json:"message"`
}

// report is the JSON document.
type report struct {
	Images   int       `json:"images"` // how many were looked at
	Trees    int       `json:"trees"`
	Findings []finding `json:"findings"` // sorted by path
}

// tester looks at one compose.
type tester struct {
	*rules.Job
	params
	images []images.Image
	report report
}

func run(ctx context.Context, j *rules.Job) error {
	t := &tester{Job: j, report: report{Findings: []finding{}}}
	if err := rules.Parse(j.Args, &t.params); err != nil {
		return err
	}
	var err error
	if t.images, err = images.List(ctx, j, t.Images, t.params.Checksums); err != nil {
		return err
	}
	t.report.Images = len(t.images)
	for _, check := range []func(context.Context) error{t.checkImages, t.checkContents, t.checkManifest, t.checkSumFiles, t.checkTrees} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	t.checkDescriptions()
	return t.write(ctx)
}

func (t *tester) found(path, level, format string, args ...any) {
	t.report.Findings = append(t.report.Findings, finding{path, level, fmt.Sprintf(format, args...)})
}

// write makes the reports and the verdict. The first errors are shown at once: most
// often there are a few. Warnings are in the reports.
func (t *tester) write(ctx context.Context) error {
	const most = 5
	slices.SortStableFunc(t.report.Findings, func(a, b finding) int { return strings.Compare(a.Path, b.Path) })
	t.report.Findings = slices.Compact(t.report.Findings)
	var log bytes.Buffer
	failed := 0
	for _, f := range t.report.Findings {
		fmt.Fprintf(&log, "%s: %s: %s\n", f.Level, f.Path, f.Message)
		if f.Level != failure {
			continue
		}
		if failed++; failed <= most {
			t.Warnf("%s: %s", f.Path, f.Message)
		}
	}
	if failed > most {
		t.Warnf("and %d more errors", failed-most)
	}
	fmt.Fprintf(&log, "%d images, %d trees: %d errors, %d warnings\n", t.report.Images, t.report.Trees, failed, len(t.report.Findings)-failed)
	if failed > 0 {
		t.Fail()
	}
	if err := t.Write(ctx, t.Log, log.Bytes()); err != nil {
		return err
	}
	var document bytes.Buffer
	enc := json.NewEncoder(&document)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(t.report); err != nil {
		return err
	}
	return t.Write(ctx, t.JSON, document.Bytes())
}

// checkImages looks at every image.
func (t *tester) checkImages(ctx context.Context) error {
	messages := make([][]string, len(t.images))
	err := t.Each(ctx, len(t.images), func(ctx context.Context, k int) (err error) {
		i := &t.images[k]
		description, err := json.Marshal(withoutPath(i.Image))
		if err != nil {
			return err
		}
		messages[k], err = t.call(ctx, rules.Call{
			Tool:   "image_check",
			Args:   []string{"--image", "image", "--description", string(description), "--read", fmt.Sprint(t.ReadWhole), "--output", "messages"},
			Inputs: []cache.Node{{Name: "image", Kind: cache.FileKind, Digest: i.Node.Digest}},
		})
		return err
	})
	for k := range t.images {
		for _, m := range messages[k] {
			t.found(t.images[k].Path, failure, "%s", m)
		}
	}
	return err
}

// withoutPath leaves out what may change from night to night though the image does not.
func withoutPath(i productmd.Image) productmd.Image {
	i.Path, i.MTime, i.MaxSize = "image", 0, 0
	return i
}

// call runs a nested action whose output is a list of messages.
func (t *tester) call(ctx context.Context, c rules.Call) ([]string, error) {
	data, err := t.CallFile(ctx, c)
	if err != nil {
		return nil, err
	}
	var messages []string
	return messages, json.Unmarshal(data, &messages)
}

// checkDescriptions looks at names and sizes. Whether two images have one volume id is
// seen where images.json is made.
func (t *tester) checkDescriptions() {
	for k := range t.images {
		i := &t.images[k]
		if !strings.HasSuffix(i.Path, "."+i.Format) {
			t.found(i.Path, failure, "the name does not end with .%s, and that is its format", i.Format)
		}
		if i.MaxSize > 0 && i.Size > i.MaxSize {
			level := warning
			if t.MaxSizeStrict {
				level = failure
			}
			t.found(i.Path, level, "%d bytes, want at most %d", i.Size, i.MaxSize)
		}
	}
}

// manifest is where images.json is.
const manifest = "metadata/images.json"

// checkManifest compares images.json, if the compose has metadata, with images.
func (t *tester) checkManifest(ctx context.Context) error {
	if _, err := t.Input(ctx, path.Join(t.Compose, "metadata")); err != nil {
		return nil
	}
	if _, err := t.Input(ctx, path.Join(t.Compose, manifest)); err != nil {
		if len(t.images) > 0 {
			t.found(manifest, failure, "it is not there, and the compose has %d images", len(t.images))
		}
		return nil
	}
	data, err := t.Job.Read(ctx, path.Join(t.Compose, manifest))
	if err != nil {
		return err
	}
	listed, err := productmd.ParseImages(bytes.NewReader(data))
	if err == nil {
		err = listed.Validate()
	}
	if err != nil {
		t.found(manifest, failure, "%v", err)
		return nil
	}
	t.compare(ctx, listed)
	return nil
}

// compare reports images that are listed and not there, that are there and not listed,
// and those of which the list says something else.
func (t *tester) compare(ctx context.Context, listed *productmd.Images) {
	byPath := map[string]*images.Image{}
	for k := range t.images {
		byPath[t.images[k].Path] = &t.images[k]
	}
	named := map[string]bool{}
	for k := range listed.Images {
		l := &listed.Images[k]
		named[l.Path] = true
		n, err := t.Input(ctx, path.Join(t.Compose, l.Path))
		switch {
		case err != nil || n.Kind != cache.FileKind:
			t.found(l.Path, failure, "images.json lists it, and there is no such file")
			continue
		case n.Digest.Size() != l.Size:
			t.found(l.Path, failure, "it has %d bytes, and images.json says %d", n.Digest.Size(), l.Size)
		}
		if i := byPath[l.Path]; i != nil {
			t.compareOne(i, l)
		} else {
			t.found(l.Path, failure, "images.json lists it, and no target says that it is an image")
		}
	}
	for k := range t.images {
		if !named[t.images[k].Path] {
			t.found(t.images[k].Path, failure, "images.json does not list it")
		}
	}
}

// compareOne compares what is said of an image with what images.json says.
func (t *tester) compareOne(i *images.Image, l *productmd.ListedImage) {
	for _, f := range []struct {
		name      string
		got, want any
	}{
		{"type", l.Type, i.Type}, {"format", l.Format, i.Format}, {"arch", l.Arch, i.Arch}, {"mtime", l.MTime, i.MTime},
		{"volume_id", l.VolumeID, i.VolumeID}, {"implant_md5", l.ImplantMD5, i.ImplantMD5}, {"bootable", l.Bootable, i.Bootable},
		{"subvariant", l.Subvariant, i.Subvariant}, {"disc_number", l.DiscNumber, i.DiscNumber}, {"disc_count", l.DiscCount, i.DiscCount},
	} {
		if f.got != f.want {
			t.found(i.Path, failure, "images.json says %s %v, want %v", f.name, f.got, f.want)
		}
	}
	for _, kind := range t.params.Checksums {
		if l.Checksums[kind] != i.Checksums[kind] {
			t.found(i.Path, failure, "images.json says %s %q, want %s", kind, l.Checksums[kind], i.Checksums[kind])
		}
	}
	if len(l.Checksums) != len(t.params.Checksums) {
		t.found(i.Path, failure, "images.json has %d checksums, want %s", len(l.Checksums), strings.Join(t.params.Checksums, ", "))
	}
}
