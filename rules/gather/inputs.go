package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/pungo-build/pungo/internal/comps"
	"github.com/pungo-build/pungo/internal/solve"
	"github.com/pungo-build/pungo/rules"
)

// inputs is what a variant asks for, in a form that its children can read.
type inputs struct {
	Packages     []solve.Input       `json:"packages,omitempty"`
	Conditionals []solve.Conditional `json:"conditionals,omitempty"`
	Langpacks    []solve.Langpack    `json:"langpacks,omitempty"`
}

// addGroups asks for every package of every group, whatever its type: a tree
// has what its groups offer.
func (in *inputs) addGroups(c *comps.Comps) {
	for _, g := range c.Groups {
		for _, p := range g.Packages {
			reason := fmt.Sprintf("group %q (%s)", g.ID, p.Type)
			if p.Type == comps.Conditional {
				in.Conditionals = append(in.Conditionals, solve.Conditional{Trigger: p.Requires, Install: p.Name, Reason: reason})
			} else {
				in.Packages = append(in.Packages, solve.Input{Pattern: p.Name, Reason: reason})
			}
		}
	}
	for _, l := range c.Langpacks {
		in.Langpacks = append(in.Langpacks, solve.Langpack{Name: l.Name, Install: l.Install})
	}
}

func (in *inputs) add(more inputs) {
	in.Packages = append(in.Packages, more.Packages...)
	in.Conditionals = append(in.Conditionals, more.Conditionals...)
	in.Langpacks = append(in.Langpacks, more.Langpacks...)
}

// readInputs gathers what the arguments of solve ask for.
func readInputs(ctx context.Context, j *rules.Job, p *solveParams) (inputs, error) {
	var in inputs
	if p.Comps != "" {
		data, err := j.Read(ctx, p.Comps)
		if err != nil {
			return in, err
		}
		c, err := comps.Parse(bytes.NewReader(data))
		if err != nil {
			return in, err
		}
		in.addGroups(c)
	}
	for _, name := range p.Additional {
		in.Packages = append(in.Packages, solve.Input{Pattern: name, Reason: reasonAdditional})
	}
	for _, path := range p.Inherit {
		data, err := j.Read(ctx, path)
		if err != nil {
			return in, err
		}
		var more inputs
		if err := json.Unmarshal(data, &more); err != nil {
			return in, fmt.Errorf("%s: %w", path, err)
		}
		in.add(more)
	}
	return in, nil
}

// reasonAdditional is the reason of what was asked for by name, where no match
// is more likely a mistake than in a group.
const reasonAdditional = "additional_packages"
