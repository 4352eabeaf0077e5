package cachetest_test

import (
	"bytes"
	"testing"
	"time"

	reapi "github.com/bazelbuild/remote-apis/build/bazel/remote/execution/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/pungo-build/pungo/cache"
)

// The stored forms are the messages of the Remote Execution API to the byte, as
// its generated code writes them.

var (
	empty   = cache.BLAKE3.Sum(nil)
	content = cache.BLAKE3.Sum([]byte("content"))
)

func message(d cache.Digest) *reapi.Digest {
	return &reapi.Digest{Hash: d.Hex(), SizeBytes: d.Size()}
}

func properties(mtime int64) *reapi.NodeProperties {
	return &reapi.NodeProperties{Mtime: &timestamppb.Timestamp{Seconds: mtime}}
}

func TestDirectoryMessage(t *testing.T) {
	dir := cache.Directory{
		{Name: "a", Kind: cache.FileKind, Digest: content, ModTime: 1700000000},
		{Name: "b", Kind: cache.DirKind, Digest: empty},
		{Name: "c", Kind: cache.FileKind, Digest: empty, Executable: true, ModTime: -5},
		{Name: "d", Kind: cache.SymlinkKind, Target: "../a"},
		{Name: "e", Kind: cache.DirKind, Digest: content},
		{Name: "f", Kind: cache.FileKind, Digest: content},
	}
	compare(t, dir.Marshal(), &reapi.Directory{
		Files: []*reapi.FileNode{
			{Name: "a", Digest: message(content), NodeProperties: properties(1700000000)},
			{Name: "c", Digest: message(empty), IsExecutable: true, NodeProperties: properties(-5)},
			{Name: "f", Digest: message(content)},
		},
		Directories: []*reapi.DirectoryNode{
			{Name: "b", Digest: message(empty)},
			{Name: "e", Digest: message(content)},
		},
		Symlinks: []*reapi.SymlinkNode{{Name: "d", Target: "../a"}},
	})
	compare(t, cache.Directory{}.Marshal(), &reapi.Directory{})
}

func TestResultMessage(t *testing.T) {
	result := cache.Result{
		Outputs: []cache.Node{
			{Name: "bin/run", Kind: cache.FileKind, Digest: content, Executable: true},
			{Name: "dated", Kind: cache.FileKind, Digest: content, ModTime: 1700000000},
			{Name: "link", Kind: cache.SymlinkKind, Target: "dated"},
			{Name: "tree", Kind: cache.DirKind, Digest: empty},
		},
		Stdout:   content,
		Stderr:   empty,
		ExitCode: -1,
		Warnings: []string{"first", ""},
		Duration: 90*time.Second + 5,
	}
	compare(t, result.Marshal(), &reapi.ActionResult{
		OutputFiles: []*reapi.OutputFile{
			{Path: "bin/run", Digest: message(content), IsExecutable: true},
			{Path: "dated", Digest: message(content), NodeProperties: properties(1700000000)},
		},
		OutputDirectories: []*reapi.OutputDirectory{{Path: "tree", RootDirectoryDigest: message(empty)}},
		OutputSymlinks:    []*reapi.OutputSymlink{{Path: "link", Target: "dated"}},
		ExitCode:          -1,
		StdoutDigest:      message(content),
		StderrDigest:      message(empty),
		ExecutionMetadata: &reapi.ExecutedActionMetadata{
			AuxiliaryMetadata:        []*anypb.Any{warning(t, "first"), warning(t, "")},
			VirtualExecutionDuration: durationpb.New(90*time.Second + 5),
		},
	})
	compare(t, cache.Result{Duration: -1500 * time.Millisecond}.Marshal(), &reapi.ActionResult{
		ExecutionMetadata: &reapi.ExecutedActionMetadata{
			VirtualExecutionDuration: durationpb.New(-1500 * time.Millisecond),
		},
	})
	compare(t, cache.Result{}.Marshal(), &reapi.ActionResult{})
}

func warning(t *testing.T, text string) *anypb.Any {
	t.Helper()
	a, err := anypb.New(wrapperspb.String(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What a server may add to a result is passed over.
func TestParseForeignResult(t *testing.T) {
	b, err := proto.Marshal(&reapi.ActionResult{
		OutputFiles: []*reapi.OutputFile{{Path: "list", Digest: message(content), Contents: []byte("content")}},
		StdoutRaw:   []byte("hello"),
		ExecutionMetadata: &reapi.ExecutedActionMetadata{
			Worker:            "worker-7",
			QueuedTimestamp:   &timestamppb.Timestamp{Seconds: 1700000000},
			AuxiliaryMetadata: []*anypb.Any{{TypeUrl: "example.org/Usage", Value: []byte{8, 1}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := cache.ParseResult(cache.BLAKE3, b)
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := got.Output("list"); !ok || n.Digest != content || len(got.Warnings) != 0 {
		t.Errorf("got %+v", got)
	}
}

func compare(t *testing.T, got []byte, m proto.Message) {
	t.Helper()
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%T:\n got %x\nwant %x", m, got, want)
	}
}
