package extrafiles

import (
	"errors"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/productmd"
	"github.com/pungo-build/pungo/rules/rulestest"
)

// oneByOne runs what a tool does several times at once one after the other.
// extras runs the tool over an input root with the file "EULA" and the folder
// "docs", in which are a file, a program, and a link to it.
func extras(t *testing.T, args ...string) (*cache.Trees, cache.Digest, error) {
	t.Helper()
	trees := cache.NewTrees(cache.NewMemory(cache.BLAKE3))
	d, err := trees.Store().Put(t.Context(), []byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	b := trees.Builder()
	for path, n := range map[string]cache.Node{
		"README":   {Kind: cache.FileKind, Digest: d},
		"bin/tool": {Kind: cache.FileKind, Digest: d, Executable: true},
		"tool":     {Kind: cache.SymlinkKind, Target: "bin/tool"},
	} {
		if err := b.Add(path, n); err != nil {
			t.Fatal(err)
		}
	}
	docs, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j := (&rulestest.Host{Trees: trees}).Job([]cache.Node{
		{Name: "EULA", Kind: cache.FileKind, Digest: d}, {Name: "docs", Kind: cache.DirKind, Digest: docs},
	}, append(args, "--checksum", "md5", "--output", "out")...)
	if err := run(t.Context(), j); err != nil {
		return nil, cache.Digest{}, err
	}
	return trees, j.Result().Outputs[0].Digest, nil
}

// TestRun: files keep what they are, and links are there without being listed.
func TestRun(t *testing.T) {
	trees, root, err := extras(t, "--file", "legal/licence", "EULA", "--folder", "", "docs")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = trees.Walk(t.Context(), root, func(name string, n cache.Node) error {
		switch {
		case n.Executable:
			name += " x"
		case n.Kind == cache.SymlinkKind:
			name += " -> " + n.Target
		case n.Kind == cache.DirKind:
			return nil
		}
		got = append(got, name)
		return nil
	})
	if want := "README, bin/tool x, extra_files.json, legal/licence, tool -> bin/tool"; err != nil || strings.Join(got, ", ") != want {
		t.Errorf("got %q and error %v, want %s", got, err, want)
	}
	n, err := trees.Lookup(t.Context(), root, index)
	if err != nil {
		t.Fatal(err)
	}
	text, err := trees.Store().Get(t.Context(), n.Digest)
	if err != nil {
		t.Fatal(err)
	}
	files, err := productmd.ParseTreeFiles(strings.NewReader(string(text)))
	if err != nil || len(files) != 3 || files[1].File != "bin/tool" || files[1].Size != 3 || files[1].Checksums["md5"] != "900150983cd24fb0d6963f7d28e17f72" {
		t.Errorf("got %v and error %v", files, err)
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"equal files", []string{"--file", "README", "EULA", "--folder", "", "docs"}, `README: from "README" and from "/", want one file`},
		{"a file above", []string{"--file", "bin", "EULA", "--folder", "", "docs"}, `bin: a file from "bin", and a folder for "/"`},
		{"a link above", []string{"--file", "tool/x", "EULA", "--folder", "", "docs"}, `tool: a file from "/", and a folder for "tool/x"`},
		{"the list", []string{"--file", index, "EULA"}, `extra_files.json: from "extra_files.json", and it is the list of all extra files`},
		{"outside", []string{"--folder", "..", "docs"}, `path "../README" of "../", want a clean relative one`},
		{"a folder as a file", []string{"--file", "x", "docs"}, `"x" is to be a file, and docs is a folder`},
		{"a file as a folder", []string{"--folder", "x", "EULA"}, `"x/" is to be a folder, and EULA is none`},
		{"a type", []string{"--file", "x", "EULA", "--checksum", "crc"}, `checksum "crc", want one of md5, sha1, sha224, sha256, sha384, sha512`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := extras(t, test.args...)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, _, err := extras(t, "--file", "x", "nothing"); err == nil || errors.Is(err, cache.ErrNotFound) {
		t.Errorf("no input: got %v", err)
	}
}
