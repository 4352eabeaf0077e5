package packages_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/packages"
	"github.com/pungo-build/pungo/rules/rulestest"
)

// newJob returns a job whose input root has folders.
func newJob(t *testing.T, trees *cache.Trees, inputs map[string]cache.Digest) *rules.Job {
	t.Helper()
	b := trees.Builder()
	for path, d := range inputs {
		if err := b.Add(path, cache.Node{Kind: cache.DirKind, Digest: d}); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := trees.Read(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return (&rulestest.Host{Trees: trees}).Job(nodes)
}

func newTrees() *cache.Trees { return cache.NewTrees(cache.NewMemory(cache.BLAKE3)) }

// bash is a package with something in every field.
func bash() *rpm.Package {
	return &rpm.Package{
		NEVRA:         rpm.NEVRA{Name: "bash", EVR: rpm.EVR{Epoch: 1, Version: "5.2~rc1", Release: "3"}, Arch: "x86_64"},
		SourceRPM:     "bash-5.2~rc1-3.src.rpm",
		Provides:      []rpm.Dependency{{Name: "bash", Sense: rpm.Equal, EVR: rpm.EVR{Epoch: 1, Version: "5.2~rc1", Release: "3"}}},
		Requires:      []rpm.Dependency{{Name: "/usr/bin/env"}, {Name: "(a or b)", Pre: true}},
		ExclusiveArch: []string{"x86_64"},
		ExcludeArch:   []string{"s390x", "i686"},
		BuildTime:     1769860000,
		SigKey:        "0123456789abcdef",
		InstalledSize: 7, ArchiveSize: 8, HeaderStart: 100, HeaderEnd: 900,
		Files: []rpm.File{{Path: "/etc/profile"}, {Path: "/usr/bin/bash"}, {Path: "/usr/share/doc/bash", Dir: true}, {Path: "/usr/share/x", Ghost: true}},
		Text: rpm.Text{
			Summary: "A shell", Description: "two\nlines", License: "GPL-3.0", URL: "https://example.org",
			Changelog: []rpm.Change{{Author: "A", Time: 1, Text: "- new"}},
		},
	}
}

// listing is a package of a set, with content that the seed decides.
func listing(t *testing.T, trees *cache.Trees, p *rpm.Package, seed string) *packages.Listing {
	t.Helper()
	file, err := trees.Store().Put(t.Context(), []byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	record := packages.EncodeHeader(p, sha256.Sum256([]byte(seed)))
	header, err := trees.Store().Put(t.Context(), record)
	if err != nil {
		t.Fatal(err)
	}
	e, err := packages.ListFile(record, file, header)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func named(name string) *rpm.Package {
	return &rpm.Package{NEVRA: rpm.NEVRA{Name: name, EVR: rpm.EVR{Version: "1", Release: "1"}, Arch: "noarch"}}
}

func TestHeaderRecord(t *testing.T) {
	want := bash()
	sum := [32]byte{31: 7}
	record := packages.EncodeHeader(want, sum)
	got, gotSum, err := packages.DecodeHeader(record)
	if err != nil {
		t.Fatal(err)
	}
	if gotSum != sum {
		t.Errorf("checksum: got %x, want %x", gotSum, sum)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var paths []string
	err = packages.EachPath(record, func(path []byte) { paths = append(paths, string(path)) })
	if want := []string{"/etc/profile", "/usr/bin/bash", "/usr/share/doc/bash", "/usr/share/x"}; err != nil || !slices.Equal(paths, want) {
		t.Errorf("paths: got %q and error %v, want %q", paths, err, want)
	}
	if again := packages.EncodeHeader(got, gotSum); !bytes.Equal(again, record) {
		t.Errorf("encoded again: got %x, want %x", again, record)
	}
}

// TestDamagedHeader: whatever is cut off, or follows, is noticed.
func TestDamagedHeader(t *testing.T) {
	record := packages.EncodeHeader(bash(), [32]byte{})
	for n := range record {
		if _, _, err := packages.DecodeHeader(record[:n]); err == nil {
			t.Errorf("cut off after %d of %d bytes: no error", n, len(record))
		}
	}
	if _, _, err := packages.DecodeHeader(append(slices.Clone(record), 0)); err == nil {
		t.Error("with a byte more: no error")
	}
	other := slices.Clone(record)
	other[0]++
	if err := packages.EachPath(other, func([]byte) {}); err == nil {
		t.Error("of another version: no error")
	}
}

func TestListFile(t *testing.T) {
	trees := newTrees()
	e := listing(t, trees, bash(), "content")
	if got, want := e.File, "bash-5.2~rc1-3.x86_64.rpm"; got != want {
		t.Errorf("file: got %s, want %s", got, want)
	}
	if got, want := e.Shard(), e.Digest.Hex()[:2]; got != want {
		t.Errorf("shard: got %s, want %s", got, want)
	}
	for _, name := range []string{"../x", "a/b", ".x", "a\nb", "a\x00b"} {
		record := packages.EncodeHeader(named(name), [32]byte{})
		if _, err := packages.ListFile(record, e.Digest, e.Header); err == nil {
			t.Errorf("name %q: no error", name)
		}
	}
}

func TestSetRoundTrip(t *testing.T) {
	trees := newTrees()
	var want []*packages.Listing
	for i := range 300 {
		want = append(want, listing(t, trees, named(fmt.Sprintf("p%03d", i)), fmt.Sprint(i)))
	}
	want = append(want, listing(t, trees, bash(), "bash"))
	set, err := packages.Write(t.Context(), newJob(t, trees, nil), want)
	if err != nil {
		t.Fatal(err)
	}
	shuffled := slices.Concat(want, want[:9]) // some of them twice
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if again, err := packages.Write(t.Context(), newJob(t, trees, nil), shuffled); err != nil || again != set {
		t.Errorf("in another order: got %v and error %v, want %v", again, err, set)
	}
	slices.SortFunc(want, func(a, b *packages.Listing) int { return strings.Compare(a.File, b.File) })
	got, err := packages.LoadListings(t.Context(), newJob(t, trees, nil), set.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(idents(got), idents(want)) {
		t.Errorf("got %d packages, want %d, or they differ", len(got), len(want))
	}
	if again, err := packages.Write(t.Context(), newJob(t, trees, nil), got); err != nil || again != set {
		t.Errorf("what was read is written as %v, error %v, want %v", again, err, set)
	}
	checkEntries(t, newJob(t, trees, nil), set.Digest, want)
	for _, e := range got[:5] {
		for _, dir := range []string{"rpm", "header"} {
			path := e.Shard() + "/" + dir + "/" + e.File
			if _, err := trees.Lookup(t.Context(), set.Digest, path); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

func idents(all []*packages.Listing) []packages.Ident {
	list := make([]packages.Ident, len(all))
	for i, l := range all {
		list[i] = l.Ident
	}
	return list
}

// checkEntries checks that a set has entries of listings, in their order, and what a solver
// asks of bash.
func checkEntries(t *testing.T, j *rules.Job, set cache.Digest, want []*packages.Listing) {
	t.Helper()
	entries, err := packages.LoadEntries(t.Context(), j, set)
	if err != nil || len(entries) != len(want) {
		t.Fatalf("%d entries, error %v, want %d", len(entries), err, len(want))
	}
	for i, e := range entries {
		if e.Ident != want[i].Ident {
			t.Errorf("entry %d is %+v, want %+v", i, e.Ident, want[i].Ident)
		}
		if e.Name != "bash" {
			continue
		}
		if got, want := e.Files, bash().Files[:2]; !reflect.DeepEqual(got, want) {
			t.Errorf("files in primary: got %v, want %v", got, want)
		}
		if b := bash(); !reflect.DeepEqual(e.Provides, b.Provides) || !reflect.DeepEqual(e.Requires, b.Requires) {
			t.Errorf("provides %v and requires %v, want %v and %v", e.Provides, e.Requires, b.Provides, b.Requires)
		}
	}
}

// charging adds up what decoded values cost.
type charging struct {
	*rulestest.Host
	sum *int64
}

func (c charging) Decoded(ctx context.Context, d cache.Digest, kind string, decode func(context.Context, []byte) (any, int64, error)) (any, error) {
	return c.Host.Decoded(ctx, d, kind, func(ctx context.Context, b []byte) (any, int64, error) {
		v, cost, err := decode(ctx, b)
		*c.sum += cost
		return v, cost, err
	})
}

// TestMemory: what is known of a set before it is loaded is what its shards
// are charged with.
func TestMemory(t *testing.T) {
	trees := newTrees()
	var entries []*packages.Listing
	for i := range 300 {
		entries = append(entries, listing(t, trees, named(fmt.Sprintf("p%03d", i)), fmt.Sprint(i)))
	}
	set, err := packages.Write(t.Context(), newJob(t, trees, nil), entries)
	if err != nil {
		t.Fatal(err)
	}
	var charged int64
	j := &rules.Job{Host: charging{&rulestest.Host{Trees: trees}, &charged}, Trees: trees}
	if _, err := packages.LoadEntries(t.Context(), j, set.Digest); err != nil {
		t.Fatal(err)
	}
	got, err := packages.Memory(t.Context(), trees, set.Digest)
	if err != nil || got != charged || got < 300*100 {
		t.Errorf("got %d and error %v, want %d, and more than 100 bytes a package", got, err, charged)
	}
}

func TestEmptySet(t *testing.T) {
	trees := newTrees()
	set, err := packages.Write(t.Context(), newJob(t, trees, nil), nil)
	if err != nil || set.Digest != trees.Empty() {
		t.Errorf("got %v and error %v, want the empty tree", set, err)
	}
	got, err := packages.LoadEntries(t.Context(), newJob(t, trees, nil), set.Digest)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v and error %v, want no packages", got, err)
	}
}

// TestWriteDuplicate: two packages of one name are told apart wherever their
// digests put them.
func TestWriteDuplicate(t *testing.T) {
	trees := newTrees()
	shards := map[string]*packages.Listing{}
	var same, other *packages.Listing // as shards
	for i := 0; same == nil; i++ {
		e := listing(t, trees, named("a"), fmt.Sprint(i))
		if first := shards[e.Shard()]; first != nil {
			same, other = first, e
		}
		shards[e.Shard()] = e
	}
	_, err := packages.Write(t.Context(), newJob(t, trees, nil), []*packages.Listing{same, other})
	var d *packages.Duplicate
	if !errors.As(err, &d) {
		t.Fatalf("got %v, want a Duplicate", err)
	}
	if got, want := err.Error(), "two packages, and not the same, are named a-1-1.noarch.rpm"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// loadAll returns several sets as one.
func loadAll(t *testing.T, j *rules.Job, paths ...string) ([]*packages.Listing, error) {
	t.Helper()
	sets := make([][]*packages.Listing, len(paths))
	for i, path := range paths {
		n, err := j.Input(t.Context(), path)
		if err == nil {
			sets[i], err = packages.LoadListings(t.Context(), j, n.Digest)
		}
		if err != nil {
			return nil, err
		}
	}
	return packages.Union(sets, paths)
}

func TestUnion(t *testing.T) {
	trees := newTrees()
	a, b, c := listing(t, trees, named("a"), "a"), listing(t, trees, named("b"), "b"), listing(t, trees, named("c"), "c")
	other := listing(t, trees, named("b"), "not b")
	inputs := map[string]cache.Digest{}
	for path, entries := range map[string][]*packages.Listing{"ab": {a, b}, "bc": {b, c}, "other": {other}, "none": nil} {
		set, err := packages.Write(t.Context(), newJob(t, trees, nil), entries)
		if err != nil {
			t.Fatal(err)
		}
		inputs[path] = set.Digest
	}
	j := newJob(t, trees, inputs)
	got, err := loadAll(t, j, "bc", "none", "ab", "bc")
	if err != nil {
		t.Fatal(err)
	}
	if want := []*packages.Listing{a, b, c}; !slices.Equal(idents(got), idents(want)) {
		t.Errorf("got %v, want %v", got, want)
	}
	_, err = loadAll(t, j, "other", "none", "ab")
	var collision *rules.Collision
	if !errors.As(err, &collision) {
		t.Fatalf("two of one name: got %v, want a collision", err)
	}
	if want := (&rules.Collision{Path: "b-1-1.noarch.rpm", Inputs: []string{"other", "ab"}}); !reflect.DeepEqual(collision, want) {
		t.Errorf("got %+v, want %+v", collision, want)
	}
	if _, err := loadAll(t, j, "absent"); err == nil {
		t.Error("an input that is not there: no error")
	}
}

// TestDamagedSet: a set that is none yields errors that say where.
func TestDamagedSet(t *testing.T) {
	trees := newTrees()
	set, err := packages.Write(t.Context(), newJob(t, trees, nil), []*packages.Listing{listing(t, trees, bash(), "x")})
	if err != nil {
		t.Fatal(err)
	}
	shards, err := trees.Read(t.Context(), set.Digest)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := trees.Lookup(t.Context(), set.Digest, shards[0].Name+"/meta")
	if err != nil {
		t.Fatal(err)
	}
	data, err := trees.Store().Get(t.Context(), meta.Digest)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Replace(data, []byte("bash-5"), []byte("hash-5"), 1)
	for i, damaged := range [][]byte{nil, data[:len(data)-1], append(slices.Clone(data), 1), flipped} {
		d, err := trees.Store().Put(t.Context(), damaged)
		if err != nil {
			t.Fatal(err)
		}
		shard, err := trees.Write(t.Context(), cache.Directory{{Name: "meta", Kind: cache.FileKind, Digest: d}})
		if err != nil {
			t.Fatal(err)
		}
		root, err := trees.Write(t.Context(), cache.Directory{{Name: "4b", Kind: cache.DirKind, Digest: shard}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = packages.LoadEntries(t.Context(), newJob(t, trees, nil), root)
		if err == nil || !strings.HasPrefix(err.Error(), "package set 4b: ") {
			t.Errorf("damage %d: got %v, want an error about 4b", i, err)
		}
	}
}

func TestList(t *testing.T) {
	trees := newTrees()
	e := listing(t, trees, bash(), "bash")
	first, err := e.List(rules.OS, []string{"input", "multilib"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := listing(t, trees, named("a<&>b"), "a").List(rules.Src, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := []packages.Listed{first, second}
	data := packages.EncodeList(list)
	want := `{"tree":"os","nevra":"bash-1:5.2~rc1-3.x86_64","file":"bash-5.2~rc1-3.x86_64.rpm","source":"bash-5.2~rc1-3.src.rpm",` +
		`"sigkey":"0123456789abcdef","flags":["input","multilib"],"shard":"` + e.Shard() + "\"}\n" +
		`{"tree":"src","nevra":"a<&>b-0:1-1.noarch","file":"a<&>b-1-1.noarch.rpm","shard":"` + list[1].Shard + "\"}\n"
	if string(data) != want {
		t.Errorf("got\n%swant\n%s", data, want)
	}
	got, err := packages.DecodeList(data)
	if err != nil || !reflect.DeepEqual(got, list) {
		t.Errorf("decoded: got %v and error %v, want %v", got, err, list)
	}
	if got, err := packages.DecodeList(nil); err != nil || len(got) != 0 {
		t.Errorf("empty list: got %v and error %v", got, err)
	}
	for _, damaged := range []string{"{", "{}\n[]\n", `{"tree":1}`, "{}\n}", "{}]", "x"} {
		if _, err := packages.DecodeList([]byte(damaged)); err == nil {
			t.Errorf("%q: no error", damaged)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(packages.EncodeHeader(bash(), [32]byte{}))
	f.Add(packages.EncodeHeader(named("a"), [32]byte{}))
	f.Add([]byte("\x01"))
	d := cache.BLAKE3.Sum(nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, sum, err := packages.DecodeHeader(b)
		if err == nil && !bytes.Equal(packages.EncodeHeader(p, sum), b) {
			t.Error("a record has two forms")
		}
		paths := 0
		pathsErr := packages.EachPath(b, func([]byte) { paths++ })
		if err == nil && (pathsErr != nil || paths != len(p.Files)) {
			t.Errorf("paths: got %d and error %v, want %d", paths, pathsErr, len(p.Files))
		}
		if e, err := packages.ListFile(b, d, d); err == nil && strings.Contains(e.File, "/") {
			t.Errorf("file name %q", e.File)
		}
	})
}

func FuzzDecodeList(f *testing.F) {
	f.Add([]byte(`{"tree":"os","nevra":"a-0:1-1.noarch","file":"a-1-1.noarch.rpm","shard":"00"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := packages.DecodeList(b)
		if err != nil {
			return
		}
		var want []packages.Listed
		for dec := json.NewDecoder(bytes.NewReader(b)); ; {
			var l packages.Listed
			if err := dec.Decode(&l); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("read what encoding/json does not: %v", err)
			}
			want = append(want, l)
		}
		if len(want) != len(list) || len(list) > 0 && !reflect.DeepEqual(list, want) {
			t.Errorf("got %v, encoding/json has %v", list, want)
		}
		again := packages.EncodeList(list)
		if reread, err := packages.DecodeList(again); err != nil || !reflect.DeepEqual(reread, list) {
			t.Errorf("got %v and error %v, want %v", reread, err, list)
		}
	})
}

// TestPartOfSet: a set that has a part of another, or more, is what it would be if the
// packages had come from nowhere.
func TestPartOfSet(t *testing.T) {
	trees := newTrees()
	j := newJob(t, trees, nil)
	var all []*packages.Listing
	for i := range 600 {
		all = append(all, listing(t, trees, named(fmt.Sprintf("p%03d", i)), fmt.Sprint(i)))
	}
	write := func(all []*packages.Listing) cache.Node {
		n, err := packages.Write(t.Context(), j, all)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	read, err := packages.LoadListings(t.Context(), j, write(all[:500]).Digest)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 250, 499, 500} {
		if got, want := write(read[:n]), write(all[:n]); got != want {
			t.Errorf("the first %d: %v, want %v", n, got, want)
		}
	}
	if got, want := write(slices.Concat(read, all[400:])), write(all); got != want {
		t.Errorf("with others: %v, want %v", got, want)
	}
}
