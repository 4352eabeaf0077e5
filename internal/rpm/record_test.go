package rpm

import (
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// parts of a record, with what encodes and decodes them.
var recordParts = []struct {
	name   string
	encode func(*Package, []byte) []byte
	decode func([]byte, *Package) error
}{
	{"meta", (*Package).AppendMeta, DecodeMeta},
	{"files", (*Package).AppendFiles, DecodeFiles},
	{"text", (*Package).AppendText, DecodeText},
}

// recordSamples are packages that try every branch of the encoding.
func recordSamples(t testing.TB) map[string]*Package {
	samples := map[string]*Package{
		"empty": {},
		"extreme": {
			NEVRA: NEVRA{"n", EVR{math.MaxUint32, "v", "r"}, "src"}, SigKey: "0123456789abcdef",
			BuildTime: math.MinInt64, InstalledSize: math.MaxInt64, HeaderEnd: -1,
			ExclusiveArch: []string{"", "x86_64"},
			Requires: []Dependency{
				{"own", Equal, EVR{math.MaxUint32, "v", "r"}, true},
				{"epoch", Less, EVR{1, "", ""}, false},
				{"version", Greater, EVR{0, "1", ""}, false},
				{"release", Less | Greater | Equal, EVR{0, "", "1"}, true},
				{"none", 0, EVR{}, false},
				{strings.Repeat("long", 1000), Equal, EVR{math.MaxUint32, strings.Repeat("9", 300), "1"}, false},
			},
			Files: []File{
				{"/" + strings.Repeat("a", 600), true, false},
				{"/" + strings.Repeat("a", 600) + "/b", false, true},
				{"/ab", false, false}, {"/a", true, true}, {"", false, false}, {"\xff\x00", false, false},
			},
			Text: Text{Summary: "é\x00\xff", Changelog: []Change{{"a", -1, ""}, {"", math.MaxInt64, "t"}}},
		},
	}
	for _, s := range sampleSpecs() {
		samples[s.Name] = mustRead(t, mustWrite(t, s))
	}
	return samples
}

func TestRecordRoundTrip(t *testing.T) {
	for name, want := range recordSamples(t) {
		t.Run(name, func(t *testing.T) {
			// What was there before must not shine through.
			got := &Package{Files: []File{{}}, Text: Text{Summary: "x", Changelog: []Change{{}}}}
			got.Provides, got.Enhances, got.ExcludeArch = []Dependency{{}}, []Dependency{{}}, []string{"x"}
			for _, part := range recordParts {
				b := part.encode(want, []byte("front"))
				if err := part.decode(b[len("front"):], got); err != nil {
					t.Fatalf("%s: %v", part.name, err)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", dump(got), dump(want))
			}
		})
	}
}

// Whatever is cut off must be missed, and nothing may follow.
func TestRecordCutOff(t *testing.T) {
	p := recordSamples(t)["full"]
	for _, part := range recordParts {
		t.Run(part.name, func(t *testing.T) {
			b := part.encode(p, nil)
			for n := range b {
				if err := part.decode(b[:n], new(Package)); err == nil {
					t.Errorf("%d of %d bytes decode without an error", n, len(b))
				}
			}
			if err := part.decode(append(b, 0), new(Package)); err == nil || !strings.HasSuffix(err.Error(), "1 bytes are left over") {
				t.Errorf("got %v, want 1 bytes are left over", err)
			}
		})
	}
}

func TestRecordErrors(t *testing.T) {
	huge := "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	tests := []struct {
		name   string
		decode func([]byte, *Package) error
		record string
		want   string
	}{
		{"empty", DecodeMeta, "", `package record: cut off`},
		{"another part", DecodeMeta, "T\x01", `package record: begins with 'T', want 'M'`},
		{"another version", DecodeFiles, "F\x02", `file list record: has version 2, want 1`},
		{"string", DecodeMeta, "M\x01\x05abc", `package record: 5 elements in 3 bytes`},
		{"huge string", DecodeMeta, "M\x01" + huge, `package record: 18446744073709551615 elements in 0 bytes`},
		{"number too long", DecodeMeta, "M\x01" + strings.Repeat("\xff", 10), `package record: malformed or cut off number`},
		{"number with a superfluous byte", DecodeMeta, "M\x01\x80\x00", `package record: malformed or cut off number`},
		{"epoch", DecodeMeta, "M\x01\x00\x80\x80\x80\x80\x10", `package record: number 4294967296, want at most 4294967295`},
		{"dependencies", DecodeMeta, "M\x01" + strings.Repeat("\x00", 14) + "\x02\x02" + strings.Repeat("\x00", 7),
			`package record: 4 dependencies in 1 bytes`},
		{"two versions", DecodeMeta, "M\x01" + strings.Repeat("\x00", 14) + "\x01" + strings.Repeat("\x00", 7) + "\x90\x01a\x00",
			`package record: dependency "a" has the version of its package and another`},
		{"files", DecodeFiles, "F\x01" + huge, `file list record: 18446744073709551615 elements in 0 bytes`},
		{"shared", DecodeFiles, "F\x01\x02" + "\x00\x00\x01a" + "\x00\x02\x00", `file list record: path shares 2 bytes with one of 1`},
		{"changelog", DecodeText, "T\x01" + strings.Repeat("\x00", 8) + "\x05abc", `text record: 5 elements in 3 bytes`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := test.decode([]byte(test.record), new(Package)); errorText(err) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// Records live in caches: when their bytes change, so must recordVersion.
func TestRecordGolden(t *testing.T) {
	const golden = "testdata/records.hex"
	s := fullSpec()
	s.Compression = "none"
	p := mustRead(t, mustWrite(t, s))
	var got strings.Builder
	for _, part := range recordParts {
		fmt.Fprintf(&got, "%s\n%s", part.name, hex.Dump(part.encode(p, nil)))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func FuzzRecord(f *testing.F) {
	for _, p := range recordSamples(f) {
		for i, part := range recordParts {
			f.Add(i, part.encode(p, nil))
		}
	}
	f.Fuzz(func(t *testing.T, i int, b []byte) {
		part := recordParts[uint(i)%uint(len(recordParts))]
		var first, second Package
		if part.decode(b, &first) != nil {
			return
		}
		again := part.encode(&first, nil)
		if len(again) > len(b) {
			t.Errorf("%s: %d bytes encode again as %d", part.name, len(b), len(again))
		}
		if err := part.decode(again, &second); err != nil {
			t.Fatalf("%s: %v in what we encoded", part.name, err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%s: got\n%s\nwant\n%s", part.name, dump(&second), dump(&first))
		}
	})
}

// BenchmarkDecodeMeta decodes a distribution: 60,000 packages that have 466,000
// dependencies between them, as Debian's.
func BenchmarkDecodeMeta(b *testing.B) {
	const packages, dependencies = 60_000, 466_000
	records := make([][]byte, packages)
	for i := range records {
		p := Package{NEVRA: NEVRA{fmt.Sprintf("package-%d", i), EVR{0, "1.2." + fmt.Sprint(i%100), "3.fc40"}, "x86_64"},
			SourceRPM: "package-1.2-3.fc40.src.rpm", BuildTime: 1700000000, InstalledSize: 1 << 20}
		p.Provides = []Dependency{{p.Name, Equal, p.EVR, false}, {p.Name + "(x86-64)", Equal, p.EVR, false}}
		for k := range (dependencies-2*packages)*(i+1)/packages - (dependencies-2*packages)*i/packages {
			p.Requires = append(p.Requires, Dependency{fmt.Sprintf("lib%d-%d", i*7%packages, k), Sense(k % 7), EVR{0, "2.3", ""}, false})
		}
		records[i] = p.AppendMeta(nil)
	}
	b.ReportAllocs()
	for b.Loop() {
		all := make([]Package, packages)
		for i, record := range records {
			if err := DecodeMeta(record, &all[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestEachPath: the paths are those that DecodeFiles reads, and what it refuses
// is refused before the first.
func TestEachPath(t *testing.T) {
	for name, p := range recordSamples(t) {
		record := p.AppendFiles(nil)
		var got, want []string
		if err := EachPath(record, func(path []byte) { got = append(got, string(path)) }); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, f := range p.Files {
			want = append(want, f.Path)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		for n := range record {
			err := EachPath(record[:n], func(path []byte) { t.Errorf("%s, cut off after %d bytes: got %q", name, n, path) })
			if err == nil {
				t.Errorf("%s, cut off after %d bytes: no error", name, n)
			}
		}
	}
}

func BenchmarkDecodeFiles(b *testing.B) {
	record := mustRead(b, mustWrite(b, medianSpec())).AppendFiles(nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := DecodeFiles(record, new(Package)); err != nil {
			b.Fatal(err)
		}
	}
}
