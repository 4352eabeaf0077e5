package executor

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// keyedAction is an action that has everything a key can depend on.
func keyedAction() (*rules.Action, given) {
	g := newGraph()
	made := out(g.action("made", "concat"))
	gone := out(g.action("gone", "fail"))
	list := source("lists/packages.json", cache.FileKind)
	tree := &rules.Artifact{Name: "Packages", Kind: cache.DirKind, Producer: made.Producer}
	a := g.action("image", "", made, gone, list, tree)
	a.Toolchain = &rules.Toolchain{Name: "iso", Program: "xorriso", Pkgs: []string{"xorriso"}}
	a.Outputs = append(a.Outputs, &rules.Artifact{Name: "images.json", Kind: cache.FileKind, Producer: a})
	a.Args = append(a.Args, rules.Arg{{Text: "--volid"}, {Text: "{compose_id}"}}, rules.Arg{{Text: "--graft=", Artifact: tree, Suffix: "/{date}"}})
	a.Env = []string{"LC_ALL=C", "XORRISO=quiet"}
	a.Timeout = 90*time.Second + time.Millisecond
	a.Arch = "aarch64"
	fn := cache.BLAKE3
	return a, given{
		Inputs: []input{
			{made, cache.Node{Kind: cache.FileKind, Digest: fn.Sum([]byte("made")), Executable: true, ModTime: 1700000000}},
			{Artifact: gone},
			{list, cache.Node{Kind: cache.FileKind, Digest: fn.Sum([]byte("list"))}},
			{tree, cache.Node{Kind: cache.DirKind, Digest: fn.Sum([]byte("tree"))}},
		},
		Stamp:     &rules.Stamp{ID: "Tiny-1.0-20261122.n.0", Date: "20261122"},
		Toolchain: "xorriso 1.5.4",
	}
}

func TestKeyMessages(t *testing.T) {
	a, g := keyedAction()
	k := newKeyed(cache.BLAKE3, programWords)
	describe(a, g, k)
	m, err := k.messages()
	if err != nil {
		t.Fatal(err)
	}
	file := remoteExecution(t)
	var text strings.Builder
	for _, part := range []struct {
		message string
		data    []byte
	}{{"Command", m.command}, {"Action", m.action}} {
		fmt.Fprintf(&text, "# %s\n%s", part.message, decode(t, file, part.message, part.data))
	}
	for i, dir := range m.dirs {
		nodes, err := cache.ParseDirectory(cache.BLAKE3, dir)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "# Directory %d: %s\n", i, cache.BLAKE3.Sum(dir).Hex())
		for _, n := range nodes {
			fmt.Fprintf(&text, "%s: %s\n", n.Name, n)
		}
	}
	fmt.Fprintf(&text, "# Key\n%s\n", cache.BLAKE3.Sum(m.action))
	golden(t, "testdata/key.txt", text.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// decode reads data as a message, and fails unless it is its canonical encoding.
func decode(t *testing.T, file protoreflect.FileDescriptor, message string, data []byte) string {
	t.Helper()
	msg := dynamicpb.NewMessage(file.Messages().ByName(protoreflect.Name(message)))
	if err := proto.Unmarshal(data, msg); err != nil {
		t.Fatal(err)
	}
	if unknown := msg.GetUnknown(); len(unknown) > 0 {
		t.Errorf("%s: unknown fields %x", message, unknown)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, data) {
		t.Errorf("%s: got %x, canonical is %x", message, data, again)
	}
	// The text form varies its spaces on purpose.
	text := prototext.MarshalOptions{Multiline: true}.Format(msg)
	return strings.ReplaceAll(text, ":  ", ": ")
}

// remoteExecution describes the messages of the Remote Execution API that keys
// are made of.
func remoteExecution(t *testing.T) protoreflect.FileDescriptor {
	t.Helper()
	const (
		text    = descriptorpb.FieldDescriptorProto_TYPE_STRING
		bytes   = descriptorpb.FieldDescriptorProto_TYPE_BYTES
		integer = descriptorpb.FieldDescriptorProto_TYPE_INT64
	)
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("re.proto"), Package: proto.String("re"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			messageType("Digest", field("hash", 1, text), field("size_bytes", 2, integer)),
			messageType("Pair", field("name", 1, text), field("value", 2, text)),
			messageType("Duration", field("seconds", 1, integer), field("nanos", 2, descriptorpb.FieldDescriptorProto_TYPE_INT32)),
			messageType("Platform", repeated(of("properties", 1, ".re.Pair"))),
			messageType("Command", repeated(field("arguments", 1, text)), repeated(of("environment_variables", 2, ".re.Pair")),
				of("platform", 5, ".re.Platform"), repeated(field("output_paths", 7, text))),
			messageType("Action", of("command_digest", 1, ".re.Digest"), of("input_root_digest", 2, ".re.Digest"),
				of("timeout", 6, ".re.Duration"), field("salt", 9, bytes), of("platform", 10, ".re.Platform")),
		},
	}
	d, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func messageType(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	return &descriptorpb.DescriptorProto{Name: proto.String(name), Field: fields}
}

func field(name string, number int32, kind descriptorpb.FieldDescriptorProto_Type) *descriptorpb.FieldDescriptorProto {
	return &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Number: proto.Int32(number), Type: kind.Enum(),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
}

func of(name string, number int32, message string) *descriptorpb.FieldDescriptorProto {
	f := field(name, number, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE)
	f.TypeName = proto.String(message)
	return f
}

func repeated(f *descriptorpb.FieldDescriptorProto) *descriptorpb.FieldDescriptorProto {
	f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	return f
}

func TestExplanation(t *testing.T) {
	a, g := keyedAction()
	call := text(newGraph().action("call", "concat"), "x")
	var got strings.Builder
	for _, described := range []struct {
		action *rules.Action
		given  given
	}{{a, g}, {call, given{Version: 3}}} {
		e := &explained{}
		describe(described.action, described.given, e)
		for _, f := range e.fields {
			fmt.Fprintln(&got, f)
		}
	}
	golden(t, "testdata/explanation.txt", got.String())
}

// Each of these changes the key, and the explanation says what changed.
func TestKeyDependsOn(t *testing.T) {
	other := cache.BLAKE3.Sum([]byte("other"))
	tests := []struct {
		name   string
		change func(*rules.Action, *given)
		want   string // the fields that changed
	}{
		{"argument", func(a *rules.Action, g *given) { a.Args[5][0].Text = "--label" }, "argument --label, -argument --volid"},
		{"program", func(a *rules.Action, g *given) { a.Toolchain.Program = "mkisofs" }, "program"},
		{"fingerprint", func(a *rules.Action, g *given) { g.Toolchain = "xorriso 1.5.5" }, "salt toolchain"},
		{"stamp", func(a *rules.Action, g *given) { g.Stamp.Date = "20261123" }, "argument --graft={Packages of //:made}/20261123, -argument --graft={Packages of //:made}/20261122"},
		{"content", func(a *rules.Action, g *given) { g.Inputs[2].Node.Digest = other }, "input lists/packages.json"},
		{"executable", func(a *rules.Action, g *given) { g.Inputs[2].Node.Executable = true }, "input lists/packages.json"},
		{"absence", func(a *rules.Action, g *given) { g.Inputs[2].Node = cache.Node{} }, "-argument --in, -input lists/packages.json"},
		{"presence", func(a *rules.Action, g *given) { g.Inputs[1].Node = g.Inputs[2].Node }, "argument --in, input gone.txt"},
		{"output", func(a *rules.Action, g *given) { a.Outputs[1].Name = "other.json" }, "output"},
		{"environment", func(a *rules.Action, g *given) { a.Env = a.Env[1:] }, "environment LC_ALL"},
		{"timeout", func(a *rules.Action, g *given) { a.Timeout = 0 }, "-timeout"},
		{"arch", func(a *rules.Action, g *given) { a.Arch = "" }, "-property ISA"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, g := keyedAction()
			before, fields := keyAndFields(t, a, g)
			test.change(a, &g)
			after, changed := keyAndFields(t, a, g)
			if after == before {
				t.Error("the key is the same")
			}
			if got := changeNames(fields, changed); got != test.want {
				t.Errorf("changes are %q, want %q", got, test.want)
			}
		})
	}
}

func changeNames(before, after []Field) string {
	var names []string
	for _, c := range Changes(before, after) {
		if c.After == nil {
			names = append(names, "-"+c.Before.Name)
			continue
		}
		name := c.After.Name
		if c.Before == nil && name == "argument" {
			name += " " + c.After.Value
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// None of these changes the key.
func TestKeyDoesNotDependOn(t *testing.T) {
	tests := []struct {
		name   string
		change func(*rules.Action, *given)
	}{
		{"label", func(a *rules.Action, g *given) { a.Owner.Label.Name = "other" }},
		{"producer", func(a *rules.Action, g *given) { g.Inputs[0].Artifact.Producer.Owner.Cell.Arch = "s390x" }},
		{"optional", func(a *rules.Action, g *given) { a.Optional = true }},
		{"strictness", func(a *rules.Action, g *given) { a.Test, a.Strictness = true, rules.Fatal }},
		{"resources", func(a *rules.Action, g *given) { a.Resources.CPU = 4 }},
		{"order of outputs", func(a *rules.Action, g *given) { slices.Reverse(a.Outputs) }},
		{"order of environment", func(a *rules.Action, g *given) { slices.Reverse(a.Env) }},
		{"unused part of the stamp", func(a *rules.Action, g *given) { g.Stamp.Respin = 7 }},
		{"path of a source", func(a *rules.Action, g *given) { g.Inputs[2].Artifact.Source.Path = "elsewhere" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, g := keyedAction()
			before, _ := keyAndFields(t, a, g)
			test.change(a, &g)
			if after, _ := keyAndFields(t, a, g); after != before {
				t.Error("the key changed")
			}
		})
	}
}

// exec = "arch" is about programs: a tool yields the same wherever it runs.
func TestKeyOfToolDoesNotDependOnArch(t *testing.T) {
	a := text(newGraph().action("call", "concat"), "x")
	before, _ := keyAndFields(t, a, given{Version: 3})
	a.Arch = "aarch64"
	if after, _ := keyAndFields(t, a, given{Version: 3}); after != before {
		t.Error("the key changed")
	}
}

func keyAndFields(t *testing.T, a *rules.Action, g given) (cache.Digest, []Field) {
	t.Helper()
	k, e := newKeyed(cache.BLAKE3, leading(a)), &explained{}
	describe(a, g, k)
	describe(a, g, e)
	key, _, err := k.key()
	if err != nil {
		t.Fatal(err)
	}
	return key, e.fields
}

// The input root is the one that Trees would write.
func TestInputRoot(t *testing.T) {
	m := cache.NewMemory(cache.BLAKE3)
	trees := cache.NewTrees(m)
	builder := trees.Builder()
	var nodes []cache.Node
	for _, path := range []string{"in/10/a", "in/2/a-b", "in/2/a/b", "in/2/a/c/d", "in/2/a.b", "z", "a"} {
		n := cache.Node{Name: path, Kind: cache.FileKind, Digest: m.Function().Sum([]byte(path))}
		nodes = append(nodes, n)
		if err := builder.Add(path, n); err != nil {
			t.Fatal(err)
		}
	}
	want, err := builder.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, dirs, err := inputTree(m.Function(), sortedInputs(nodes), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("root is %s, want %s", got, want)
	}
	missing, err := m.Missing(t.Context(), digests(m.Function(), dirs))
	if err != nil || len(missing) > 0 {
		t.Errorf("directories that Trees did not write: %v, %v", missing, err)
	}
}

func digests(fn cache.Function, blobs [][]byte) []cache.Digest {
	var all []cache.Digest
	for _, b := range blobs {
		all = append(all, fn.Sum(b))
	}
	return all
}

func TestInputRootErrors(t *testing.T) {
	n := cache.Node{Kind: cache.FileKind, Digest: cache.BLAKE3.Sum(nil)}
	tests := []struct {
		name  string
		paths []string
	}{
		{"twice", []string{"a", "a"}},
		{"file and folder", []string{"a", "a-b", "a/b"}},
		{"no name", []string{""}},
		{"absolute", []string{"/a"}},
		{"upwards", []string{"a/../b"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var nodes []cache.Node
			for _, path := range test.paths {
				n.Name = path
				nodes = append(nodes, n)
			}
			if root, _, err := inputTree(cache.BLAKE3, sortedInputs(nodes), 0); err == nil {
				t.Errorf("got %s, want an error", root)
			}
		})
	}
}
