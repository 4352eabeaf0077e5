package createrepo

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/cache"
)

// addProductID adds the product's certificate, by which subscription-manager knows what
// is installed. It is there a second time, plain and under a name that does not change.
func (r *repo) addProductID(ctx context.Context) error {
	if r.ProductIDs == "" {
		return nil
	}
	cert, ok, err := r.productID(ctx)
	if err != nil || !ok {
		return err
	}
	plain, err := r.Trees.Store().Get(ctx, cert.Digest)
	if err != nil {
		return err
	}
	if err := r.tree.Add("repodata/productid", r.file(cert.Digest)); err != nil {
		return err
	}
	return r.addRecord(ctx, "productid", "productid", r.compressions["productid"], plain)
}

// productID finds the certificate of this tree. It may be missing only if that is allowed.
func (r *repo) productID(ctx context.Context) (cert cache.Node, ok bool, err error) {
	dir, err := r.Input(ctx, r.ProductIDs)
	if err != nil {
		return cert, false, err
	}
	var found []string
	err = r.Trees.Walk(ctx, dir.Digest, func(name string, n cache.Node) error {
		if n.Kind == cache.FileKind && r.isProductID(name) {
			found = append(found, strconv.Quote(name))
			cert = n
		}
		return nil
	})
	if err != nil {
		return cert, false, err
	}
	want := r.ProductIDName + "-*.pem"
	if r.ProductIDPrefix {
		want = "*" + want
	}
	switch {
	case len(found) > 1:
		return cert, false, fmt.Errorf("product_id: found %s, want one file %s", strings.Join(found, " and "), want)
	case len(found) == 0 && !r.ProductIDMissing:
		return cert, false, fmt.Errorf("product_id: found no file %s\n  hint: product_id_allow_missing = True makes a tree without", want)
	}
	return cert, len(found) == 1, nil
}

// isProductID reports whether a file is named as the certificate of this tree.
func (r *repo) isProductID(name string) bool {
	if strings.Contains(name, "/") {
		return false
	}
	stem, ok := strings.CutSuffix(name, ".pem")
	at := strings.Index(stem, r.ProductIDName+"-")
	return ok && (at == 0 || at > 0 && r.ProductIDPrefix)
}
