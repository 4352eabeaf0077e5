package gitfetch

import (
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// checked has objects that are what they are called. The library computes the names of
// what a server sends, and believes those of what is on the disk.
type checked struct{ storer.EncodedObjectStorer }

// EncodedObject returns an object that has the name h.
func (c checked) EncodedObject(kind plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	o, err := c.EncodedObjectStorer.EncodedObject(kind, h)
	if err != nil {
		return nil, err
	}
	content, err := o.Reader()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	hasher := plumbing.NewHasher(o.Type(), o.Size())
	if _, err := io.Copy(hasher, content); err != nil {
		return nil, fmt.Errorf("object %s: %w", h, err)
	}
	if got := hasher.Sum(); got != h {
		return nil, fmt.Errorf("object %s is damaged: it has the content of %s", h, got)
	}
	return o, nil
}
