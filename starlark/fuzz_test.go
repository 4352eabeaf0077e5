package starlark_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/starlark"
)

// FuzzEvaluate: whatever a definition says, it yields a graph or a mistake with
// a message, and never a panic.
func FuzzEvaluate(f *testing.F) {
	for _, pattern := range []string{"testdata/*.txt", "testdata/*.star"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if filepath.Ext(file) == ".txt" {
				f.Add(text)
				continue
			}
			for n, c := range chunks(string(text)) {
				if n%7 == 0 {
					f.Add([]byte(c.source))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		files := chunkFiles(string(text))
		g, err := starlark.Evaluate(ctx, files, starlark.Options{Phases: smallPhases, MaxSteps: 10_000})
		if err == nil {
			checkGraph(t, g)
			return
		}
		var mistake *rules.Error
		if !errors.As(err, &mistake) || mistake.Msg == "" {
			t.Errorf("got %T: %v, want a *rules.Error", err, err)
		}
	})
}
