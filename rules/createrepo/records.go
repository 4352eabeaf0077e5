package createrepo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/pungo-build/pungo/internal/repodata"
)

// Besides the documents of packages, a repository has files that its index lists by
// type. They come in the order of these types, as createrepo_c and modifyrepo_c have it.

// recordTypes are the types of records, in the order of the index, with the compression
// of what keeps to its own: what reads these may know gzip alone.
var recordTypes = []struct{ kind, compression string }{
	{"primary", ""}, {"filelists", ""}, {"other", ""}, {"group", ""},
	{"modules", "gz"}, {"productid", "gz"}, {"updateinfo", ""},
}

// chooseCompressions reads how the file of each type of record is packed.
func (r *repo) chooseCompressions() error {
	r.compressions = map[string]repodata.Compression{}
	for _, t := range recordTypes {
		c, err := repodata.ParseCompression(r.compressionName(t.kind))
		if err != nil {
			return fmt.Errorf("%s: %w", t.kind, err)
		}
		r.compressions[t.kind] = c
	}
	for _, of := range r.Compressions {
		if _, ok := r.compressions[of[0]]; !ok {
			return fmt.Errorf("compression of %q: no record has this type, want one of %s", of[0], strings.Join(kinds(), ", "))
		}
	}
	return nil
}

func kinds() []string {
	names := make([]string, len(recordTypes))
	for i, t := range recordTypes {
		names[i] = t.kind
	}
	return names
}

// compressionName is how the file of a type of record is packed, as arguments say it.
func (r *repo) compressionName(kind string) string {
	for _, of := range r.Compressions {
		if of[0] == kind {
			return of[1]
		}
	}
	for _, t := range recordTypes {
		if t.kind == kind {
			return cmp.Or(t.compression, r.Compression)
		}
	}
	return r.Compression
}

// addFiles adds the files of all records but those of documents.
func (r *repo) addFiles(ctx context.Context) error {
	for _, add := range []func(context.Context) error{r.addGroups, r.addModules, r.addProductID, r.addUpdateInfo} {
		if err := add(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fileOf describes a file of repodata.
func (r *repo) fileOf(kind, name string, c repodata.Compression) *repodata.File {
	return &repodata.File{Type: kind, Name: name, Compression: c, Checksum: r.kind, Unique: r.Unique, Timestamp: r.newest}
}

// addRecord adds a file to repodata, and its record. The name lacks the suffix of the
// compression.
func (r *repo) addRecord(ctx context.Context, kind, name string, c repodata.Compression, plain []byte) error {
	var b bytes.Buffer
	rec, err := r.fileOf(kind, name, c).Write(&b, plain)
	if err != nil {
		return err
	}
	r.records = append(r.records, rec)
	return r.addFile(ctx, rec.Location, b.Bytes())
}

// addGroups adds the comps file twice, plain and packed: dnf wants either.
func (r *repo) addGroups(ctx context.Context) error {
	if r.Comps == "" {
		return nil
	}
	plain, err := r.Read(ctx, r.Comps)
	if err != nil {
		return err
	}
	err = r.addRecord(ctx, repodata.GroupType(repodata.Plain), r.CompsName, repodata.Plain, plain)
	if c := r.compressions["group"]; err == nil && c != repodata.Plain {
		err = r.addRecord(ctx, repodata.GroupType(c), r.CompsName, c, plain)
	}
	return err
}

// addModules adds the modules and their defaults, if there are any.
func (r *repo) addModules(ctx context.Context) error {
	if r.Modules == "" {
		return nil
	}
	plain, err := r.Read(ctx, r.Modules)
	if err != nil || len(plain) == 0 {
		return err
	}
	return r.addRecord(ctx, "modules", "modules.yaml", r.compressions["modules"], plain)
}
