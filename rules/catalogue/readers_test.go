package catalogue_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestReaders has composes read as productmd, Anaconda and dnf read them, by a
// program in the language of these.
func TestReaders(t *testing.T) {
	tests := []struct{ archive, want string }{
		{"compose/plain", "composeinfo.json 1, modules.json 1, paths 7, rpms 1, rpms.json 1, trees 2"},
		{"compose/addon", "composeinfo.json 1, modules.json 1, paths 27, rpms 18, rpms.json 1, trees 3"},
		{"compose/dashes", "composeinfo.json 1, modules.json 1, paths 22, rpms 2, rpms.json 1, trees 4"},
		{"compose/empty", "composeinfo.json 1, modules.json 1, paths 25, rpms 1, rpms.json 1, trees 6"},
		{"compose/extra-files", "composeinfo.json 1, extra files 14, extra_files.json 1, modules.json 1, paths 42, rpms.json 1, trees 6"},
		{"compose/installer", "composeinfo.json 1, modules.json 1, paths 24, rpms.json 1, trees 6"},
		{"compose/label", "composeinfo.json 1, modules.json 1, paths 7, rpms 1, rpms.json 1, trees 2"},
		{"compose/modules", "composeinfo.json 1, modules 5, modules.json 1, paths 41, rpms 12, rpms.json 1"},
		{"compose/layered", "composeinfo.json 1, modules.json 1, paths 26, rpms 8, rpms.json 1, trees 4"},
		{"compose/paths", "composeinfo.json 1, images 6, images.json 1, modules.json 1, paths 20, rpms.json 1, trees 3"},
		{"compose/tree-metadata", "composeinfo.json 1, modules.json 1, paths 12, rpms.json 1, trees 4"},
		{"dummy", "composeinfo.json 1, images 22, images.json 1, modules.json 1, paths 144, rpms 269, rpms.json 1, trees 21"},
	}
	for _, test := range tests {
		t.Run(filepath.Base(test.archive), func(t *testing.T) {
			t.Parallel()
			dir := ""
			if test.archive == "dummy" {
				dir = dummyWorkspace(t)
			} else {
				dir = unpack(t, parseArchive(readFile(t, "testdata/"+test.archive+".txtar")))
			}
			c, err := tryComposeDir(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			got := program(t, "/usr/bin/python3", "testdata/read_compose.py", onDisk(t, c))
			if strings.TrimSpace(got) != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}
