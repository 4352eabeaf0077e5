package packages

import (
	"errors"
	"fmt"
	"slices"
)

// maxFaults is how many packages an error names.
const maxFaults = 20

// JoinFaults makes one error of what is wrong with packages, each on a line. Those that
// are nil are left out; if nothing is wrong, there is no error.
func JoinFaults(faults []error) error {
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if n := len(faults); n > maxFaults {
		faults = append(faults[:maxFaults], fmt.Errorf("and %d more", n-maxFaults))
	}
	return errors.Join(faults...)
}
