package difference

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/repodata"
	"github.com/pungo-build/pungo/internal/rpm"
)

func packagesOf(t *testing.T, words string) []Package {
	var list []Package
	for word := range strings.FieldsSeq(words) {
		list = append(list, NewPackage(nevraOf(t, word), ""))
	}
	return list
}

func TestPairs(t *testing.T) {
	for _, test := range []struct{ name, before, after, want string }{
		{"nothing", "a-1-1.noarch", "a-1-1.noarch", ""},
		{"all kinds", "a-1-1.noarch b-1-1.noarch c-2-1.noarch", "b-2-1.noarch c-1-1.noarch d-1-1.noarch", "removed a up b down c added d"},
		{"epoch", "a-1:1-1.noarch", "a-2-1.noarch", "down a"},
		{"versions that are equal", "a-1.0-1.noarch", "a-1_0-1.noarch", ""},
		{"arches apart", "a-1-1.x86_64 a-1-1.i686", "a-2-1.x86_64", "removed a up a"},
		{"to noarch", "a-1-1.x86_64", "a-1-1.noarch", "changed a"},
		{"from noarch", "a-1-1.noarch", "a-2-1.x86_64", "up a"},
		{"from noarch to two", "a-1-1.noarch", "a-1-1.x86_64 a-1-1.i686", "added a removed a added a"},
		{"another machine", "a-1-1.i586", "a-1-1.i686", "removed a added a"},
		{"several versions", "a-1-1.noarch a-2-1.noarch a-3-1.noarch", "a-2-1.noarch a-4-1.noarch", "removed a up a"},
		{"of several one more", "a-1-1.noarch a-2-1.noarch", "a-3-1.noarch a-1-1.noarch a-2-1.noarch", "added a"},
		{"twice the same", "a-1-1.noarch", "a-1-1.noarch a-1-1.noarch", "added a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, p := range Pairs(packagesOf(t, test.before), packagesOf(t, test.after)) {
				got = append(got, string(p.Kind()), p.any().Name)
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// TestPairsOfMany: whatever the versions, what was and did not go, and what came, is what
// is; and nobody is told twice.
func TestPairsOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func() (words string) {
		for range random.IntN(12) {
			words += fmt.Sprintf("p%d-%d-1.%s ", random.IntN(3), random.IntN(4), []string{"noarch", "x86_64", "i686"}[random.IntN(3)])
		}
		return words
	}
	for range 2000 {
		before, after := some(), some()
		was, is := packagesOf(t, before), packagesOf(t, after)
		pairs := Pairs(was, is)
		n := len(was)
		seen := map[*Package]bool{}
		for _, p := range pairs {
			switch p.Kind() {
			case Added:
				n++
			case Removed:
				n--
			}
			if seen[p.any()] || p.Before != nil && p.After != nil && seen[p.Before] {
				t.Fatalf("%s -> %s: %v is told twice", before, after, p.any().NEVRA)
			}
			seen[p.any()] = true
			if p.Before != nil {
				seen[p.Before] = true
			}
		}
		if n != len(is) {
			t.Fatalf("%s -> %s: %d packages, want %d", before, after, n, len(is))
		}
		for _, p := range Pairs(is, was) {
			i := slices.IndexFunc(pairs, func(q Pair) bool { return q.Before == p.After && q.After == p.Before })
			if i < 0 {
				t.Fatalf("%s -> %s: told otherwise the other way round", before, after)
			}
		}
	}
}

// TestKindOfSame: what can be told of packages of one version depends on what is known.
func TestKindOfSame(t *testing.T) {
	sha := func(s string) repodata.Checksum { return repodata.SHA256.Sum([]byte(s)) }
	for _, test := range []struct {
		name string
		a, b Package
		want Kind
	}{
		{"nothing known", Package{}, Package{Size: 1, SigKey: "a", Signed: true, BuildTime: 1, Checksum: sha("a")}, ""},
		{"same file", Package{Checksum: sha("a"), Size: 1}, Package{Checksum: sha("a"), Size: 2}, ""},
		{"other kinds of checksum", Package{Checksum: sha("a"), Size: 1}, Package{Checksum: repodata.SHA512.Sum(nil), Size: 1}, ""},
		{"other kinds of checksum and size", Package{Checksum: sha("a"), Size: 1}, Package{Checksum: repodata.SHA512.Sum(nil), Size: 2}, Changed},
		{"another file", Package{Checksum: sha("a")}, Package{Checksum: sha("b")}, Changed},
		{"rebuilt", Package{Checksum: sha("a"), BuildTime: 1}, Package{Checksum: sha("b"), BuildTime: 2}, Rebuilt},
		{"rebuilt, by time alone", Package{BuildTime: 1}, Package{BuildTime: 2}, Rebuilt},
		{"resigned", Package{Signed: true, Size: 1}, Package{Signed: true, SigKey: "b", Size: 1}, Resigned},
		{"rebuilt and resigned", Package{Signed: true, BuildTime: 1}, Package{Signed: true, SigKey: "b", BuildTime: 2}, Rebuilt},
		{"size", Package{Size: 1}, Package{Size: 2}, Changed},
	} {
		if got := (Pair{&test.a, &test.b}).Kind(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestSources: packages are told by their source, whatever became of each.
func TestSources(t *testing.T) {
	of := func(source, words string) []Package {
		list := packagesOf(t, words)
		for i := range list {
			list[i].Source = nevraOf(t, source)
		}
		return list
	}
	for _, test := range []struct {
		name          string
		before, after []Package
		want          string
	}{
		{"new names for all", of("s-1-1.src", "a-1-1.noarch"), of("s-2-1.src", "b-2-1.noarch"), "up s 1-1 -> 2-1 (added b; removed a)"},
		{"one more", of("s-1-1.src", "a-1-1.noarch"), of("s-1-1.src", "a-1-1.noarch b-1-1.noarch"), "changed s 1-1 (added b)"},
		{"one less", of("s-1-1.src", "a-1-1.noarch b-1-1.noarch"), of("s-1-1.src", "a-1-1.noarch"), "changed s 1-1 (removed b)"},
		{"gone", of("s-1-1.src", "a-1-1.noarch"), nil, "removed s 1-1 (a)"},
		{"to another source", of("s-1-1.src", "a-1-1.noarch"), of("t-9-1.src", "a-2-1.noarch"), "up t 1-1 -> 9-1 (a)"},
		{"its own versions go apart", of("s-1-1.src", "a-1-1.noarch b-9-1.noarch"), of("s-2-1.src", "a-2-1.noarch b-8-1.noarch"), "changed s 1-1 -> 2-1 (a, b)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, g := range bySource(Pairs(test.before, test.after), sourcesOf(test.before), sourcesOf(test.after)) {
				c := g.change()
				got = append(got, string(c.Change)+" "+sizer(bytesText).sourceText(&c, "noarch"))
			}
			if got := strings.Join(got, "\n"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestNewer(t *testing.T) {
	a, b, c, d := entry(1, "1", "- a"), entry(2, "2", "- b"), entry(3, "3", "- c"), entry(3, "4", "- d")
	seconds := b
	seconds.Time++ // as repodata tells entries of a day apart
	for _, test := range []struct {
		name              string
		before, log, want []rpm.Change
	}{
		{"grown", []rpm.Change{b, a}, []rpm.Change{c, b, a}, []rpm.Change{c}},
		{"grown, with other times", []rpm.Change{seconds, a}, []rpm.Change{c, b, a}, []rpm.Change{c}},
		{"cut off", []rpm.Change{b, a}, []rpm.Change{d, c}, []rpm.Change{d, c}},
		{"the newest was taken back", []rpm.Change{c, b, a}, []rpm.Change{d, b, a}, []rpm.Change{d}},
		{"written anew", []rpm.Change{c}, []rpm.Change{d, b, a}, []rpm.Change{d}},
		{"unchanged", []rpm.Change{b}, []rpm.Change{b}, nil},
		{"not known", nil, []rpm.Change{b, a}, []rpm.Change{b, a}},
		{"gone", []rpm.Change{b}, nil, nil},
	} {
		if got := newer(test.before, test.log); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
