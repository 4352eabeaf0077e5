package rpm

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// evrPool makes random EVRs from few parts, so that many pairs are alike up to
// one mark, zero or separator: the places where comparisons go wrong.
type evrPool struct{ *rand.Rand }

func (p evrPool) version() string {
	parts := []string{"0", "1", "01", "2", "9", "10", "1234567890123456789012", "a", "b", "rc", "Z", "git",
		".", ".", ".", "_", "+", "~", "~", "^", "^", "..", "~~", "^~", "~^"}
	var b strings.Builder
	for n := 1 + p.IntN(6); n > 0; n-- {
		b.WriteString(parts[p.IntN(len(parts))])
	}
	return b.String()
}

// near is v, or v with one piece appended or cut away.
func (p evrPool) near(v string) string {
	switch p.IntN(4) {
	case 0:
		return v + p.version()
	case 1:
		return v[:1+p.IntN(len(v))]
	case 2:
		return v
	}
	return p.version()
}

func (p evrPool) evr() EVR {
	v := EVR{Epoch: uint32(max(0, p.IntN(6)-3)), Version: p.version()}
	if p.IntN(3) > 0 {
		v.Release = p.version()
	}
	return v
}

func (p evrPool) pair() (a, b EVR) {
	a = p.evr()
	b = EVR{Epoch: a.Epoch, Version: p.near(a.Version), Release: a.Release}
	switch p.IntN(4) {
	case 0:
		b.Epoch = p.evr().Epoch
	case 1:
		b.Release = p.evr().Release
	case 2:
		b.Version, b.Release = a.Version, p.evr().Release
	}
	return a, b
}

// askRPM gives lines to testdata/oracle.py and returns its answers.
func askRPM(t *testing.T, lines []string) []string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "testdata/oracle.py")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("oracle.py: %v: %s", err, stderr.String())
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(lines) {
		t.Fatalf("oracle.py gave %d answers, want %d", len(answers), len(lines))
	}
	return answers
}

func TestCompareIsThatOfRPM(t *testing.T) {
	pool := evrPool{rand.New(rand.NewPCG(1, 2))}
	const n = 40_000
	lines := make([]string, n)
	pairs := make([][2]EVR, n)
	for i := range pairs {
		a, b := pool.pair()
		pairs[i] = [2]EVR{a, b}
		lines[i] = fmt.Sprintf("cmp\t%d\t%s\t%s\t%d\t%s\t%s", a.Epoch, a.Version, a.Release, b.Epoch, b.Version, b.Release)
	}
	seen := map[string]int{}
	for i, want := range askRPM(t, lines) {
		seen[want]++
		if got := fmt.Sprint(Compare(pairs[i][0], pairs[i][1])); got != want {
			t.Errorf("Compare(%q, %q) = %s, want %s", pairs[i][0], pairs[i][1], got, want)
		}
	}
	for _, order := range []string{"-1", "0", "1"} {
		if seen[order] < n/20 {
			t.Errorf("only %d of %d pairs have the order %s: the pairs test too little", seen[order], n, order)
		}
	}
}

func TestOverlapsIsThatOfRPM(t *testing.T) {
	pool := evrPool{rand.New(rand.NewPCG(3, 4))}
	const n = 20_000
	lines := make([]string, n)
	pairs := make([][2]Dependency, n)
	for i := range pairs {
		a, b := pool.pair()
		x := Dependency{Name: "name", Sense: Sense(pool.IntN(7)), EVR: a}
		y := Dependency{Name: "name", Sense: Sense(pool.IntN(7)), EVR: b}
		if pool.IntN(20) == 0 {
			y.EVR = EVR{}
		}
		pairs[i] = [2]Dependency{x, y}
		lines[i] = fmt.Sprintf("ds\t%d\t%s\t%d\t%s", int(x.Sense)<<1, x.EVR, int(y.Sense)<<1, y.EVR)
	}
	seen := map[string]int{}
	for i, answer := range askRPM(t, lines) {
		want := answer == "1"
		seen[answer]++
		x, y := pairs[i][0], pairs[i][1]
		if got := x.Overlaps(y); got != want {
			t.Errorf("%q overlaps %q: %t, want %t", x, y, got, want)
		}
		if got := y.Overlaps(x); got != want {
			t.Errorf("%q overlaps %q: %t, want %t", y, x, got, want)
		}
	}
	if seen["0"] < n/10 || seen["1"] < n/10 {
		t.Errorf("answers %v of %d: the pairs test too little", seen, n)
	}
}

func TestOverlapsComparesNames(t *testing.T) {
	if (Dependency{Name: "a"}).Overlaps(Dependency{Name: "b"}) {
		t.Error(`"a" overlaps "b", want not`)
	}
}

func TestCompareVersion(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"1.0", "1.0", 0},
		{"1.0", "1_0", 0},
		{"1.0", "2.0", -1},
		{"10", "9", 1},
		{"1.0", "1.0.0", -1},
		{"1.0a", "1.0", 1},
		{"1.a", "1.1", -1},
		{"001", "1", 0},
		{"1.0~rc1", "1.0", -1},
		{"1.0~rc1", "1.0~rc2", -1},
		{"1.0^git1", "1.0", 1},
		{"1.0^git1", "1.0.1", -1},
		{"1.0^git1~pre", "1.0^git1", -1},
		{"", "1", -1},
		{"", "", 0},
	}
	for _, test := range tests {
		t.Run(test.a+" "+test.b, func(t *testing.T) {
			if got := CompareVersion(test.a, test.b); got != test.want {
				t.Errorf("CompareVersion(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
			}
			if got := CompareVersion(test.b, test.a); got != -test.want {
				t.Errorf("CompareVersion(%q, %q) = %d, want %d", test.b, test.a, got, -test.want)
			}
		})
	}
}

func TestCompareAllocatesNothing(t *testing.T) {
	a, b := EVR{1, "5.2.15~rc1", "3.fc40"}, EVR{1, "5.2.15~rc1", "3.fc41"}
	if n := testing.AllocsPerRun(100, func() { Compare(a, b) }); n != 0 {
		t.Errorf("Compare allocates %v times, want 0", n)
	}
	x, y := Dependency{"bash", Equal, a, false}, Dependency{"bash", Equal | Less, b, false}
	if n := testing.AllocsPerRun(100, func() { x.Overlaps(y) }); n != 0 {
		t.Errorf("Overlaps allocates %v times, want 0", n)
	}
}

func TestParseEVR(t *testing.T) {
	tests := []struct {
		in   string
		want EVR
		text string // of want, if it is not in
		err  string
	}{
		{in: "2.3", want: EVR{0, "2.3", ""}},
		{in: "2.3-4", want: EVR{0, "2.3", "4"}},
		{in: "1:2.3-4", want: EVR{1, "2.3", "4"}},
		{in: "1:2.3~rc1^git-4.fc40", want: EVR{1, "2.3~rc1^git", "4.fc40"}},
		{in: "0:2.3-4", want: EVR{0, "2.3", "4"}, text: "2.3-4"},
		{in: ":2.3", want: EVR{0, "2.3", ""}, text: "2.3"},
		{in: "4294967295:1", want: EVR{4294967295, "1", ""}},
		{in: "", err: `"": version "" is empty`},
		{in: "1:", err: `"1:": version "" is empty`},
		{in: "1-", err: `"1-": release "" is empty`},
		{in: "1-2-3", err: `"1-2-3": version "1-2" has a '-'`},
		{in: "a:1", err: `"a:1": version "a:1" has a ':'`},
		{in: "1 2", err: `"1 2": version "1 2" has a ' '`},
		{in: "4294967296:1", err: `"4294967296:1": epoch 4294967296, want at most 4294967295`},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := parseEVR(test.in)
			if errorText(err) != test.err || got != test.want {
				t.Fatalf("parseEVR(%q) = %+v, %v, want %+v, %s", test.in, got, err, test.want, test.err)
			}
			if want := cmp.Or(test.text, test.in); err == nil && got.String() != want {
				t.Errorf("%+v prints %q, want %q", got, got, want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNEVRA(t *testing.T) {
	tests := []struct {
		in       string
		want     NEVRA
		text     string
		fileName string
		err      string
	}{
		{in: "bash-0:5.2-1.x86_64", want: NEVRA{"bash", EVR{0, "5.2", "1"}, "x86_64"},
			text: "bash-0:5.2-1.x86_64", fileName: "bash-5.2-1.x86_64.rpm"},
		{in: "bash-5.2-1.fc40.src", want: NEVRA{"bash", EVR{0, "5.2", "1.fc40"}, "src"},
			text: "bash-0:5.2-1.fc40.src", fileName: "bash-5.2-1.fc40.src.rpm"},
		{in: "java-1.8.0-openjdk-1:1.8-2.noarch", want: NEVRA{"java-1.8.0-openjdk", EVR{1, "1.8", "2"}, "noarch"},
			text: "java-1.8.0-openjdk-1:1.8-2.noarch", fileName: "java-1.8.0-openjdk-1.8-2.noarch.rpm"},
		{in: "bash", err: `"bash" has no architecture, want name-[epoch:]version-release.arch`},
		{in: "bash.x86_64", err: `"bash.x86_64" has no release, want name-[epoch:]version-release.arch`},
		{in: "bash-1.x86_64", err: `"bash-1.x86_64" has no version, want name-[epoch:]version-release.arch`},
		{in: "-1-1.x86_64", err: `"-1-1.x86_64": name "", want name-[epoch:]version-release.arch`},
		{in: "a/b-1-1.x86_64", err: `"a/b-1-1.x86_64": name "a/b", want name-[epoch:]version-release.arch`},
		{in: "a--1.x86_64", err: `"a--1.x86_64": "-1": version "" is empty`},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := ParseNEVRA(test.in)
			if errorText(err) != test.err || got != test.want {
				t.Fatalf("ParseNEVRA(%q) = %+v, %v, want %+v, %s", test.in, got, err, test.want, test.err)
			}
			if err != nil {
				return
			}
			if got.String() != test.text {
				t.Errorf("%+v prints %q, want %q", got, got, test.text)
			}
			if got.FileName() != test.fileName {
				t.Errorf("%+v has file name %q, want %q", got, got.FileName(), test.fileName)
			}
		})
	}
}

func TestParseFileName(t *testing.T) {
	got, err := ParseFileName("bash-5.2-1.x86_64.rpm")
	if want := (NEVRA{"bash", EVR{0, "5.2", "1"}, "x86_64"}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, test := range []struct{ in, err string }{
		{"bash-5.2-1.x86_64", `"bash-5.2-1.x86_64" does not end in .rpm`},
		{"bash-1:5.2-1.x86_64.rpm", `"bash-1:5.2-1.x86_64.rpm": file names have no epoch`},
		{"dir/bash-5.2-1.x86_64.rpm", `"dir/bash-5.2-1.x86_64": name "dir/bash", want name-[epoch:]version-release.arch`},
	} {
		if _, err := ParseFileName(test.in); errorText(err) != test.err {
			t.Errorf("ParseFileName(%q): %v, want %s", test.in, err, test.err)
		}
	}
}

func TestParseDependency(t *testing.T) {
	tests := []struct {
		in   string
		want Dependency
		text string // of want, if it is not in
		err  string
	}{
		{in: "libfoo", want: Dependency{Name: "libfoo"}},
		{in: "/usr/bin/x", want: Dependency{Name: "/usr/bin/x"}},
		{in: "font(:lang=en)", want: Dependency{Name: "font(:lang=en)"}},
		{in: "libfoo >= 1.2", want: Dependency{Name: "libfoo", Sense: Greater | Equal, EVR: EVR{0, "1.2", ""}}},
		{in: "libfoo <= 1:1.2-3", want: Dependency{Name: "libfoo", Sense: Less | Equal, EVR: EVR{1, "1.2", "3"}}},
		{in: "libfoo < 2", want: Dependency{Name: "libfoo", Sense: Less, EVR: EVR{0, "2", ""}}},
		{in: "libfoo > 2", want: Dependency{Name: "libfoo", Sense: Greater, EVR: EVR{0, "2", ""}}},
		{in: " libfoo  ==  2", want: Dependency{Name: "libfoo", Sense: Equal, EVR: EVR{0, "2", ""}}, text: "libfoo = 2"},
		{in: "(a or b)", want: Dependency{Name: "(a or b)"}},
		{in: "((a >= 1 with a < 2) or b)", want: Dependency{Name: "((a >= 1 with a < 2) or b)"}},
		{in: "", err: `dependency "" has 0 words, want NAME or NAME OPERATOR VERSION`},
		{in: "a >= ", err: `dependency "a >=" has 2 words, want NAME or NAME OPERATOR VERSION`},
		{in: "a>=1", err: `dependency "a>=1": name "a>=1" holds an operator, want spaces around it`},
		{in: "a => 1", err: `dependency "a => 1": operator "=>", want one of < <= = >= >`},
		{in: "a = 1-2-3", err: `dependency "a = 1-2-3": "1-2-3": version "1-2" has a '-'`},
		{in: "(a or b", err: `dependency "(a or b": 1 parentheses are not closed`},
		{in: "(a) or b)", err: `dependency "(a) or b)": " or b)" follows the last parenthesis`},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := ParseDependency(test.in)
			if errorText(err) != test.err || got != test.want {
				t.Fatalf("ParseDependency(%q) = %+v, %v, want %+v, %s", test.in, got, err, test.want, test.err)
			}
			if want := cmp.Or(test.text, test.in); err == nil && got.String() != want {
				t.Errorf("%+v prints %q, want %q", got, got, want)
			}
		})
	}
}

func FuzzCompareVersion(f *testing.F) {
	f.Add("1.0", "1.0~rc1")
	f.Add("1^", "1~")
	f.Add("1.a", "1.1")
	f.Add("\x00~", "~\xff")
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := CompareVersion(a, strings.Clone(a)+"."); got != 0 {
			t.Errorf("%q compares with itself and a separator as %d, want 0", a, got)
		}
		got, back := CompareVersion(a, b), CompareVersion(b, a)
		if got < -1 || got > 1 || got != -back {
			t.Errorf("%q, %q: %d and %d the other way round, want opposites of -1, 0, 1", a, b, got, back)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1:2.3-4", "bash-0:5.2-1.x86_64", "a >= 1:2-3", "(a or (b and c))", "::--..", "a = :"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := parseEVR(s); err == nil {
			if again, err := parseEVR(v.String()); err != nil || again != v {
				t.Errorf("%q: %+v prints as %q, which reads as %+v, %v", s, v, v, again, err)
			}
		}
		if n, err := ParseNEVRA(s); err == nil {
			if again, err := ParseNEVRA(n.String()); err != nil || again != n {
				t.Errorf("%q: %+v prints as %q, which reads as %+v, %v", s, n, n, again, err)
			}
		}
		if d, err := ParseDependency(s); err == nil {
			if again, err := ParseDependency(d.String()); err != nil || again != d {
				t.Errorf("%q: %+v prints as %q, which reads as %+v, %v", s, d, d, again, err)
			}
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	x, y := EVR{0, "5.2.15~rc1", "3.fc40"}, EVR{0, "5.2.15~rc1", "3.fc41"}
	for b.Loop() {
		Compare(x, y)
	}
}
