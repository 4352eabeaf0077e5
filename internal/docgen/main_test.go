package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestDocsAreFresh(t *testing.T) {
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Error("docs/rules.md is not what the rules say; run make docs")
	}
}

// TestEverythingHasADoc: an attribute without words is not finished.
func TestEverythingHasADoc(t *testing.T) {
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got.String()) {
		if strings.HasPrefix(line, "| `") && strings.HasSuffix(line, "|  |\n") {
			t.Errorf("no doc: %s", line)
		}
	}
}
