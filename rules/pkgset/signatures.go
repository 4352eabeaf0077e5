package pkgset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pungo-build/pungo/cache"
	format "github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
)

type signaturesParams struct {
	Sets     [][2]string `arg:"set"`    // package set, and the output, which is the same
	Lists    [][2]string `arg:"list"`   // package list, and the output, with the keys that count
	Keys     [][2]string `arg:"gpgkey"` // key file and its name
	Unsigned []string    `arg:"unsigned"`
}

// signatures checks that every package of some sets is signed with one of the keys. Who
// reads its outputs reads packages that are.
//
// In lists the key of each package becomes the one that was accepted, since a package
// may have signatures of others, too. That of a package that needs none stays.
func signatures(ctx context.Context, j *rules.Job) error {
	var p signaturesParams
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	if err := packages.CheckGlobs(p.Unsigned); err != nil {
		return err
	}
	c, err := newChecker(ctx, j, &p)
	if err != nil {
		return err
	}
	var all []*packages.Head
	for _, set := range p.Sets {
		n, err := j.Input(ctx, set[0])
		if err != nil {
			return err
		}
		heads, err := packages.LoadHeads(ctx, j, n.Digest)
		if err != nil {
			return err
		}
		all = append(all, heads...)
		j.Output(set[1], cache.Node{Kind: cache.DirKind, Digest: n.Digest})
	}
	signers, err := c.checkAll(ctx, all)
	if err != nil {
		return err
	}
	for _, list := range p.Lists {
		if err := writeSigners(ctx, j, list[0], list[1], signers); err != nil {
			return err
		}
	}
	return nil
}

// checker checks packages. All of them share the keys, which are the inputs and the
// arguments of the nested actions.
type checker struct {
	*rules.Job
	want     fmt.Stringer
	unsigned packages.Globs
	files    []cache.Node
	args     []string
}

func newChecker(ctx context.Context, j *rules.Job, p *signaturesParams) (*checker, error) {
	keys, err := packages.LoadKeys(ctx, j, p.Keys)
	if err != nil {
		return nil, err
	}
	c := &checker{Job: j, want: keys, unsigned: p.Unsigned, args: []string{"--rpm", "rpm", "--output", "verdict"}}
	for i, key := range p.Keys {
		n, err := j.Input(ctx, key[0])
		if err != nil {
			return nil, err
		}
		n.Name = fmt.Sprintf("key%06d", i) // inputs are sorted by name
		c.files = append(c.files, n)
		c.args = append(c.args, "--gpgkey", n.Name)
	}
	return c, nil
}

// checkAll returns the key of each package, by name of the file; of a package that needs
// no signature there is none.
func (c *checker) checkAll(ctx context.Context, all []*packages.Head) (map[string]string, error) {
	verdicts := make([]verdict, len(all))
	err := packages.Each(ctx, c.Job, all, func(ctx context.Context, i int) error {
		n, err := format.ParseFileName(all[i].File)
		if _, ok := c.unsigned.Find(n); err != nil || ok {
			return err
		}
		verdicts[i], err = c.check(ctx, all[i])
		if fault := verdicts[i].text(c.want); err == nil && fault != "" {
			return errors.New(fault)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	signers := map[string]string{}
	for i, v := range verdicts {
		if v.Key != "" {
			signers[all[i].File] = v.Key
		}
	}
	return signers, nil
}

func (c *checker) check(ctx context.Context, h *packages.Head) (v verdict, err error) {
	files := append(c.files[:len(c.files):len(c.files)], cache.Node{Name: "rpm", Kind: cache.FileKind, Digest: h.Digest})
	data, err := c.CallFile(ctx, rules.Call{Tool: "rpm_signature", Args: c.args, Inputs: files})
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(data, &v)
}

// verdict is what one package's signatures are worth. A package that is not signed as it
// should be is a result like another, and known the next time.
type verdict struct {
	Key     string `json:"key,omitempty"`   // that was accepted
	Fault   string `json:"fault,omitempty"` // why none was
	Unknown bool   `json:"unknown,omitempty"`
}

// text is the fault, which says of unknown keys what was wanted: names of key files are
// for people, and not in the verdict.
func (v verdict) text(want fmt.Stringer) string {
	if v.Unknown {
		return v.Fault + ", want one of " + want.String()
	}
	return v.Fault
}

// writeSigners writes a list again with the keys of its packages.
func writeSigners(ctx context.Context, j *rules.Job, in, out string, signers map[string]string) error {
	return packages.RewriteList(ctx, j, in, out, func(l *packages.Listed) error {
		if key := signers[l.File]; key != "" {
			l.SigKey = key
		}
		return nil
	})
}
