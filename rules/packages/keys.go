package packages

import (
	"context"
	"errors"
	"fmt"

	"github.com/pungo-build/pungo/internal/openpgp"
	"github.com/pungo-build/pungo/rules"
)

// LoadKeys reads key files of the job's input root; files are their paths there and
// their names for people.
func LoadKeys(ctx context.Context, j *rules.Job, files [][2]string) (*openpgp.Keyring, error) {
	keys := new(openpgp.Keyring)
	for _, f := range files {
		data, err := j.Read(ctx, f[0])
		if err != nil {
			return nil, err
		}
		if err := keys.Add(f[1], data); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// WantKeys adds to the error of a signature by unknown keys which ones are known.
func WantKeys(err error, keys *openpgp.Keyring) error {
	var unknown *openpgp.UnknownKeyError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w, want one of %s", err, keys)
	}
	return err
}
