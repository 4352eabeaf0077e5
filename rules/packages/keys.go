package packages

import (
	"context"
	"errors"
	"fmt"

	"github.com/pungo-build/pungo/internal/openpgp"
	"github.com/pungo-build/pungo/rules"
)

// LoadKeys reads key files of the job's input root; files are their paths there and
// their names for people. Files that were read before, by this job or another, are not
// read again: what a key says of itself has to be verified, and who has signed 60,000
// packages is asked 60,000 times.
func LoadKeys(ctx context.Context, j *rules.Job, files [][2]string) (*openpgp.Keyring, error) {
	ring := new(openpgp.Keyring)
	for _, f := range files {
		n, err := j.Input(ctx, f[0])
		if err != nil {
			return nil, err
		}
		keys, err := j.Decoded(ctx, n.Digest, "openpgp.Keys", func(_ context.Context, data []byte) (any, int64, error) {
			keys, err := openpgp.ParseKeys(data)
			return keys, keyMemory * int64(len(data)), err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f[1], err)
		}
		ring.Add(f[1], keys.([]*openpgp.Key))
	}
	return ring, nil
}

// keyMemory is about how much larger keys are in memory than their files.
const keyMemory = 4

// WantKeys adds to the error of a signature by unknown keys which ones are known.
func WantKeys(err error, keys *openpgp.Keyring) error {
	var unknown *openpgp.UnknownKeyError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w, want one of %s", err, keys)
	}
	return err
}
