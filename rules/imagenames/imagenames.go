// Package imagenames names images: it chooses the ids of their volumes, and it
// gives their files the names that they have in the compose.
//
// An image is made under another name. So it does not depend on the id of the
// compose, and a night in which nothing on it changes makes no new one.
package imagenames

import (
	"context"
	_ "embed"

	"github.com/pungo-build/pungo/internal/volid"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/images"
)

// Star is the source of the helpers of rules that make images.
//
//go:embed image_names.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "volume_id", Version: 1, Params: volumeParams{}, Run: volumeID},
		{Name: "name_images", Version: 1, Params: nameParams{}, Run: nameImages},
	}
}

type volumeParams struct {
	Formats       []string    `arg:"format,required"`
	OwnFormats    []string    `arg:"own-format"`   // they have the key volid
	Substitutions [][2]string `arg:"substitution"` // text, what it becomes
	Restricted    bool        `arg:"restricted"`
	Values        [][2]string `arg:"value"` // key, value
	Type          string      `arg:"type"`  // of the compose, if a format names it
	Label         string      `arg:"label"`
	Output        string      `arg:"output,required"`
}

// volumeID writes the volume id of an image to a file.
func volumeID(ctx context.Context, j *rules.Job) error {
	var p volumeParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	values := images.Keys(p.Values, p.Type, p.Label)
	o := volid.Options{Formats: p.Formats, Values: values, Substitutions: p.Substitutions, Restricted: p.Restricted}
	id, err := volid.Choose(o)
	if err == nil && len(p.OwnFormats) > 0 {
		values["volid"] = id
		o.Formats = p.OwnFormats
		id, err = volid.Choose(o)
	}
	if err != nil {
		return err
	}
	return j.Write(ctx, p.Output, []byte(id))
}
