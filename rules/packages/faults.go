package packages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

// Fault is what is wrong with a package.
type Fault struct {
	File string // of the package
	Err  error
}

// Faults is the error of a step that looks at packages one by one.
type Faults []Fault

// maxFaults is how many packages the text of an error names.
const maxFaults = 20

// hintMark begins the line of a hint in the text of an error.
const hintMark = "\n  hint: "

// Error has a line for each package, up to a limit. Hints stand below all of them, each
// once.
func (f Faults) Error() string {
	var lines, hints []string
	for _, fault := range f[:min(len(f), maxFaults)] {
		text, hint, ok := strings.Cut(fault.Err.Error(), hintMark)
		lines = append(lines, fault.File+": "+text)
		if hint = strings.TrimPrefix(hintMark, "\n") + hint; ok && !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	if more := len(f) - maxFaults; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(append(lines, hints...), "\n")
}

// Unwrap implements errors.Is and errors.As.
func (f Faults) Unwrap() []error {
	all := make([]error, len(f))
	for i := range f {
		all[i] = f[i].Err
	}
	return all
}

// Each calls fn for each of some packages, in parallel. What is wrong with them is told at
// once, as Faults; a blob that is lost ends it at the first, for that is no package's fault.
func Each[T identified](ctx context.Context, j *rules.Job, all []T, fn func(ctx context.Context, i int) error) error {
	errs := make([]error, len(all))
	err := j.Each(ctx, len(all), func(ctx context.Context, i int) error {
		err := fn(ctx, i)
		var lost *cache.BlobError
		if errors.As(err, &lost) || ctx.Err() != nil {
			return err
		}
		errs[i] = err
		return nil
	})
	if err != nil {
		return err
	}
	var faults Faults
	for i, err := range errs {
		if err != nil {
			faults = append(faults, Fault{all[i].ident().File, err})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}
