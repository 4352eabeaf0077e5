package layout_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/layout"
)

// file is content of a tree to make; without a time it is given one.
type file struct {
	text string
	time int64
	link string
}

// tree makes a folder of files by path.
func tree(t *testing.T, trees *cache.Trees, files map[string]file) cache.Node {
	t.Helper()
	b := trees.Builder()
	for path, f := range files {
		n := cache.Node{Kind: cache.SymlinkKind, Target: f.link}
		if f.link == "" {
			d, err := trees.Store().Put(t.Context(), []byte(f.text))
			if err != nil {
				t.Fatal(err)
			}
			n = cache.Node{Kind: cache.FileKind, Digest: d, ModTime: f.time}
		}
		if err := b.Add(path, n); err != nil {
			t.Fatal(err)
		}
	}
	d, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cache.Node{Kind: cache.DirKind, Digest: d}
}

// run runs a tool over an input root of files.
func run(t *testing.T, trees *cache.Trees, tool string, files map[string]file, args ...string) (cache.Node, error) {
	t.Helper()
	for _, known := range layout.Tools() {
		if known.Name != tool {
			continue
		}
		inputs, err := trees.Read(t.Context(), tree(t, trees, files).Digest)
		if err != nil {
			t.Fatal(err)
		}
		j := &rules.Job{Args: args, Trees: trees, Inputs: inputs}
		if err := known.Run(t.Context(), j); err != nil {
			return cache.Node{}, err
		}
		outputs := j.Result().Outputs
		if len(outputs) != 1 || outputs[0].Name != "out" {
			t.Fatalf("outputs: got %v, want one named out", outputs)
		}
		return outputs[0], nil
	}
	t.Fatalf("no tool %s", tool)
	return cache.Node{}, nil
}

// list describes the files of a tree: "path time text".
func list(t *testing.T, trees *cache.Trees, root cache.Digest) string {
	t.Helper()
	var b strings.Builder
	err := trees.Walk(t.Context(), root, func(path string, n cache.Node) error {
		switch n.Kind {
		case cache.FileKind:
			data, err := trees.Store().Get(t.Context(), n.Digest)
			fmt.Fprintf(&b, "%s %d %s\n", path, n.ModTime, data)
			return err
		case cache.SymlinkKind:
			fmt.Fprintf(&b, "%s -> %s\n", path, n.Target)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func newTrees() *cache.Trees { return cache.NewTrees(cache.NewMemory(cache.BLAKE3)) }

func TestWrite(t *testing.T) {
	trees := newTrees()
	n, err := run(t, trees, rules.WriteTool, nil, "--output", "out", "--content", "a\nb")
	if err != nil {
		t.Fatal(err)
	}
	if want := trees.Store().Function().Sum([]byte("a\nb")); n.Kind != cache.FileKind || n.Digest != want {
		t.Errorf("got %v, want a file %s", n, want)
	}
}

func TestMerge(t *testing.T) {
	trees := newTrees()
	files := map[string]file{
		"in/0/a/x":     {text: "x"},
		"in/0/a/d/y":   {text: "y", time: 7},
		"in/1/b/d/z":   {text: "z"},
		"in/1/b/x":     {text: "x"},
		"in/2/EULA":    {text: "terms"},
		"in/3/l/link":  {link: "x"},
		"in/4/empty/e": {text: ""},
	}
	n, err := run(t, trees, rules.MergeTool, files, "--output", "out",
		"--at", "", "in/0/a", "--at", "", "in/1/b", "--at", "", "in/2/EULA", "--at", "deep/er", "in/2/EULA", "--at", "d", "in/3/l")
	if err != nil {
		t.Fatal(err)
	}
	const want = "EULA 0 terms\nd/link -> x\nd/y 7 y\nd/z 0 z\ndeep/er/EULA 0 terms\nx 0 x\n"
	if got := list(t, trees, n.Digest); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if n, err := run(t, trees, rules.MergeTool, nil, "--output", "out"); err != nil || n.Digest != trees.Empty() {
		t.Errorf("of nothing: got %v and error %v, want the empty tree", n, err)
	}
}

func TestMergeErrors(t *testing.T) {
	files := map[string]file{
		"in/0/a/d/x":   {text: "x"},
		"in/1/b/d/x":   {text: "other"},
		"in/2/c/d/x":   {text: "x"},
		"in/3/d":       {text: "a file where others have a folder"},
		"in/4/e/other": {text: ""},
	}
	tests := []struct {
		name      string
		at        []string
		collision *rules.Collision
		err       string
	}{
		{"two files", []string{"", "in/0/a", "", "in/1/b"}, &rules.Collision{Path: "d/x", Inputs: []string{"in/0/a", "in/1/b"}}, ""},
		{"below", []string{"p/q", "in/0/a", "p", "in/4/e", "p/q/d", "in/1/b/d"}, &rules.Collision{Path: "p/q/d/x", Inputs: []string{"in/0/a", "in/1/b/d"}}, ""},
		{"file and folder", []string{"", "in/0/a", "", "in/3/d"}, &rules.Collision{Path: "d", Inputs: []string{"in/0/a", "in/3/d"}}, ""},
		{"upwards", []string{"a/../../b", "in/3/d"}, nil, `in/3/d: folder "a/../../b" is not a clean relative path`},
		{"upwards, a folder", []string{"..", "in/0/a"}, nil, `in/0/a: folder ".." is not a clean relative path`},
		{"here", []string{".", "in/3/d"}, nil, `in/3/d: folder "." is not a clean relative path`},
		{"no input", []string{"a", "in/9/x"}, nil, "input in/9/x: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"--output", "out"}
			for i := 0; i < len(test.at); i += 2 {
				args = append(args, "--at", test.at[i], test.at[i+1])
			}
			_, err := run(t, newTrees(), rules.MergeTool, files, args...)
			if err == nil {
				t.Fatal("no error")
			}
			if test.collision == nil && !strings.HasPrefix(err.Error(), test.err) {
				t.Errorf("got %q, want %q", err, test.err)
			}
			var c *rules.Collision
			if errors.As(err, &c) != (test.collision != nil) || test.collision != nil && !reflect.DeepEqual(c, test.collision) {
				t.Errorf("got %v, want collision %v", err, test.collision)
			}
		})
	}
}

func TestLayout(t *testing.T) {
	tests := []struct {
		name    string
		files   map[string]file
		deliver []string
		want    string
	}{
		{"nothing", nil, nil, "COMPOSE_ID 315532800 T-1\n"},
		{
			name: "times: of the newest file in the innermost folder that has one",
			files: map[string]file{
				"in/0/repo/Packages/a.rpm":      {text: "a", time: 100},
				"in/0/repo/Packages/b.rpm":      {text: "b", time: 900000000},
				"in/0/repo/repodata/repomd.xml": {text: "r", time: 900000000},
				"in/1/tree/.treeinfo":           {text: "t"},
				"in/1/tree/images/x/boot.iso":   {text: "i"},
				"in/2/debug/repodata/x":         {text: "x", time: 800000000},
				"in/3/EULA":                     {text: "e"},
				"in/4/log":                      {text: "l"},
				"in/5/l/link":                   {link: "EULA"},
			},
			deliver: []string{
				"compose/S/os", "in/0/repo", "compose/S/os", "in/1/tree", "compose/S/debug", "in/2/debug",
				"compose/S/debug", "in/3/EULA", "compose", "in/3/EULA", "compose/S/os", "in/5/l", "logs/S", "in/4/log", "logs", "in/4/log",
			},
			want: "COMPOSE_ID 900000000 T-1\n" +
				"compose/EULA 900000000 e\n" +
				"compose/S/debug/EULA 800000000 e\n" +
				"compose/S/debug/repodata/x 800000000 x\n" +
				"compose/S/os/.treeinfo 900000000 t\n" +
				"compose/S/os/Packages/a.rpm 100 a\n" +
				"compose/S/os/Packages/b.rpm 900000000 b\n" +
				"compose/S/os/images/x/boot.iso 900000000 i\n" +
				"compose/S/os/link -> EULA\n" +
				"compose/S/os/repodata/repomd.xml 900000000 r\n" +
				"logs/S/log 900000000 l\n" +
				"logs/log 900000000 l\n",
		},
		{
			name:    "parts of the stamp that expanded to nothing",
			files:   map[string]file{"in/0/x": {text: "x"}, "in/1/y": {text: "y"}, "in/2/z": {text: "z"}},
			deliver: []string{"compose/a/", "in/0/x", "compose//b", "in/1/y", "logs/", "in/2/z"},
			want:    "COMPOSE_ID 315532800 T-1\ncompose/a/x 315532800 x\ncompose/b/y 315532800 y\nlogs/z 315532800 z\n",
		},
		{
			name:    "no time is older than 1980 unless a package says so",
			files:   map[string]file{"in/0/a/x.rpm": {text: "x", time: 5}, "in/0/a/y": {text: "y"}},
			deliver: []string{"compose/a", "in/0/a"},
			want:    "COMPOSE_ID 315532800 T-1\ncompose/a/x.rpm 5 x\ncompose/a/y 315532800 y\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			trees := newTrees()
			args := []string{"--output", "out", "--compose-id", "T-1"}
			for i := 0; i < len(test.deliver); i += 2 {
				args = append(args, "--deliver", test.deliver[i], test.deliver[i+1])
			}
			n, err := run(t, trees, rules.LayoutTool, test.files, args...)
			if err != nil {
				t.Fatal(err)
			}
			if got := list(t, trees, n.Digest); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

func TestLayoutErrors(t *testing.T) {
	files := map[string]file{"in/0/x": {text: "x"}, "in/1/x": {text: "other"}, "in/2/COMPOSE_ID": {text: "T-1"}}
	tests := []struct {
		name    string
		deliver []string
		want    string
	}{
		{"collision", []string{"compose/a", "in/0/x", "compose/a", "in/1/x"}, "compose/a/x: delivered by in/0/x and by in/1/x, and not the same"},
		{"beside", []string{"", "in/2/COMPOSE_ID"}, `in/2/COMPOSE_ID: folder "" is neither below compose/ nor below logs/`},
		{"absolute", []string{"/compose/a", "in/0/x"}, `in/0/x: folder "/compose/a" is neither below compose/ nor below logs/`},
		{"elsewhere", []string{"composes/a", "in/0/x"}, `in/0/x: folder "composes/a" is neither below compose/ nor below logs/`},
		{"back", []string{"compose/../logs", "in/0/x"}, `in/0/x: folder "compose/../logs" is not a clean relative path`},
		{"out", []string{"logs/../..", "in/0/x"}, `in/0/x: folder "logs/../.." is not a clean relative path`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"--output", "out", "--compose-id", "T-1"}
			for i := 0; i < len(test.deliver); i += 2 {
				args = append(args, "--deliver", test.deliver[i], test.deliver[i+1])
			}
			_, err := run(t, newTrees(), rules.LayoutTool, files, args...)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
