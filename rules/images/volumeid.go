package images

import (
	"context"

	"github.com/pungo-build/pungo/internal/volid"
	"github.com/pungo-build/pungo/rules"
)

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
	values := Keys(p.Values, p.Type, p.Label)
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
