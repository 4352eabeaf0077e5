package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/internal/openpgp"
	"github.com/pungo-build/pungo/rules/packages"
)

// checkSignature checks the signature of repomd.xml, if there has to be one. That the
// definition names keys is told apart from the keys, which may come from targets that
// are optional: without them nothing is accepted, rather than everything.
func (r *reader) checkSignature(ctx context.Context, repomd []byte) error {
	if !r.Signed {
		return nil
	}
	keys, err := packages.LoadKeys(ctx, r.Job, r.Keys)
	if err != nil {
		return err
	}
	signature, err := r.Read(ctx, r.Metadata+"/repomd.xml.asc")
	if err != nil {
		return err
	}
	_, err = keys.JudgeBytes(repomd, signature)
	label, _, _ := strings.Cut(r.Repository, "@")
	newest := "`pungo lock --update " + label + "` takes the newest"
	switch {
	case errors.Is(err, openpgp.ErrNoSignature):
		return fmt.Errorf("repomd.xml.asc: %w\n  hint: this is what the repository had when it was pinned; %s", err, newest)
	case errors.Is(err, openpgp.ErrWrong):
		return fmt.Errorf("repomd.xml: %w\n  hint: it may be of another state, where the repository was changed meanwhile; %s", err, newest)
	case err != nil:
		return fmt.Errorf("repomd.xml: %w", packages.WantKeys(err, keys))
	}
	return nil
}
