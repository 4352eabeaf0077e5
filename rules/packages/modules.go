package packages

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/pungo-build/pungo/internal/modulemd"
	"github.com/pungo-build/pungo/rules"
)

// Module is one line of a module list: a build of a stream that a variant.arch has, and
// what of it decides on packages.
type Module struct {
	NSVC    string `json:"nsvc"` // name:stream:version:context
	Name    string `json:"name"`
	Stream  string `json:"stream"`
	Version string `json:"version"`
	Context string `json:"context"`
	Arch    string `json:"arch,omitempty"` // of the machines that it was built for, "" if nobody says
	// Platform lists the streams of the base system that it runs on, sorted.
	Platform []string `json:"platform,omitempty"`
	// Requires are alternatives: for each module the streams that it runs with; an empty
	// list stands for any, "-1.0" for any but 1.0.
	Requires []map[string][]string `json:"requires,omitempty"`
	// Artifacts are the NEVRAs of its packages, sorted.
	Artifacts []string `json:"artifacts,omitempty"`
}

// ListModule returns a stream as a line of a list.
func ListModule(s *modulemd.Stream) Module {
	m := Module{
		NSVC: s.NSVC(), Name: s.Name, Stream: s.Stream, Version: s.Version, Context: s.Context, Arch: s.Arch,
		Platform: s.Platform(), Artifacts: slices.Compact(slices.Sorted(slices.Values(s.Artifacts))),
	}
	for _, d := range s.Dependencies {
		m.Requires = append(m.Requires, d.Requires)
	}
	return m
}

// EncodeModules writes one JSON object a line.
func EncodeModules(list []Module) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i := range list {
		if err := enc.Encode(&list[i]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// DecodeModules reads what EncodeModules wrote.
func DecodeModules(data []byte) ([]Module, error) {
	var list []Module
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		var m Module
		err := dec.Decode(&m)
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("module list, entry %d: %w", len(list)+1, err)
		}
		list = append(list, m)
	}
}

// LoadModules returns the modulemd of a file of the job, which is read once for all that
// want it.
func LoadModules(ctx context.Context, j *rules.Job, path string) (*modulemd.Index, error) {
	n, err := j.Input(ctx, path)
	if err != nil {
		return nil, err
	}
	v, err := j.Decoded(ctx, n.Digest, "modulemd", func(_ context.Context, data []byte) (any, int64, error) {
		x, err := modulemd.Parse("modules.yaml", bytes.NewReader(data))
		return x, 3 * int64(len(data)), err // the text, and what was parsed of it
	})
	if err != nil {
		return nil, err
	}
	return v.(*modulemd.Index), nil
}
