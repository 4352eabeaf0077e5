package repodata

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/pungo-build/pungo/internal/rpm"
)

// Other is the document of changelogs.
const Other Document = "otherdata"

// Other calls fn for those packages of a piece of other whose checksum, the pkgid, is
// wanted, with their changelog: newest first, as headers have it. It is fn's until it
// returns. Of the packages that nobody wants hardly anything is read.
func (p *Piece) Other(wanted func(pkgid string) bool, fn func(pkgid string, log []rpm.Change) error) error {
	var log []rpm.Change
	return p.each(func(x *packageReader) error {
		open, err := x.next()
		if err != nil {
			return x.errorf("%w", err)
		}
		x.about = open.attr("name")
		id := open.attr("pkgid")
		if id == "" {
			return x.errorf("%w", errors.New("no pkgid"))
		}
		if open.kind == startTag && !wanted(id) {
			return nil
		}
		log = log[:0]
		err = x.children(open, func(t token) error {
			if t.name == "changelog" {
				return x.change(t, &log)
			}
			return x.skip(t)
		})
		if err == nil {
			err = x.end()
		}
		if err != nil {
			return x.errorf("%w", err)
		}
		// Stable, so that of one time the later comes first once it is turned round.
		slices.SortStableFunc(log, func(a, b rpm.Change) int { return cmp.Compare(a.Time, b.Time) })
		slices.Reverse(log)
		return fn(id, log)
	})
}

// change reads one entry of a changelog.
func (x *packageReader) change(t token, log *[]rpm.Change) (err error) {
	c := rpm.Change{Author: t.attr("author")}
	if c.Time, err = strconv.ParseInt(t.attr("date"), 10, 64); err != nil {
		return fmt.Errorf("date %.20q is not a number", t.attr("date"))
	}
	if c.Text, err = x.content(t); err == nil {
		*log = append(*log, c)
	}
	return err
}
