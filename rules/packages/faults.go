package packages

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxFaults is how many packages an error names.
const maxFaults = 20

// JoinFaults makes one error of what is wrong with packages, each on a line. Those that
// are nil are left out; if nothing is wrong, there is no error. Hints stand below all of
// them, each once.
func JoinFaults(faults []error) error {
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	var hints []error
	for i, err := range faults {
		text, hint, ok := strings.Cut(err.Error(), hintMark)
		if !ok {
			continue
		}
		faults[i] = &fault{text, err}
		if !slices.ContainsFunc(hints, func(h error) bool { return h.Error() == hintLine+hint }) {
			hints = append(hints, errors.New(hintLine+hint))
		}
	}
	if n := len(faults); n > maxFaults {
		faults = append(faults[:maxFaults], fmt.Errorf("and %d more", n-maxFaults))
	}
	return errors.Join(append(faults, hints...)...)
}

// What begins the line of a hint in the text of an error.
const (
	hintLine = "  hint: "
	hintMark = "\n" + hintLine
)

// fault is an error without its hint.
type fault struct {
	text string
	err  error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.err }
