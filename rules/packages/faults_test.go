package packages_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/rulestest"
)

func TestEach(t *testing.T) {
	var heads []*packages.Head
	for i := range 25 {
		heads = append(heads, &packages.Head{Ident: packages.Ident{File: fmt.Sprintf("p%d-1-1.noarch.rpm", i)}})
	}
	j := new(rulestest.Host).Job(nil)
	wrong := errors.New("is wrong")
	each := func(ctx context.Context, fault func(i int) error) error {
		return packages.Each(ctx, j, heads, func(_ context.Context, i int) error { return fault(i) })
	}
	if err := each(t.Context(), func(int) error { return nil }); err != nil {
		t.Errorf("nothing is wrong, and %v", err)
	}
	err := each(t.Context(), func(i int) error {
		if i < 3 {
			return nil
		}
		return wrong
	})
	var faults packages.Faults
	if !errors.As(err, &faults) || len(faults) != 22 || !errors.Is(err, wrong) {
		t.Fatalf("got %d faults, %v", len(faults), err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 21 || lines[0] != "p3-1-1.noarch.rpm: is wrong" || lines[20] != "and 2 more" {
		t.Errorf("got %q", lines)
	}
	lost := &cache.BlobError{Err: cache.ErrNotFound}
	if err := each(t.Context(), func(int) error { return lost }); err != lost {
		t.Errorf("a blob is lost: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := each(ctx, func(int) error { return wrong }); err != wrong {
		t.Errorf("stopped: got %v", err)
	}
}
