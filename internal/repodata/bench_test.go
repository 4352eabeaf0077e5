package repodata

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/rpm"
)

// typicalPackages are n packages of the size that is usual in a distribution:
// 30 dependencies, 100 files, a changelog of 12 entries. What they say is
// drawn from a few hundred words and so packs about as real metadata does.
func typicalPackages(n int) ([]*rpm.Package, []Location) {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 400)
	for i := range words {
		for range 2 + r.IntN(4) {
			words[i] += string("bcdfghklmnprstvz"[r.IntN(16)]) + string("aeiou"[r.IntN(5)])
		}
	}
	w := wordList{r: r, words: words}
	packages, places := make([]*rpm.Package, n), make([]Location, n)
	for i := range packages {
		packages[i] = w.typicalPackage(i)
		places[i] = Location{
			Href:        "Packages/" + packages[i].Name[:1] + "/" + packages[i].FileName(),
			Checksum:    SHA256.Sum([]byte(packages[i].Name)),
			PackageSize: 1000 + r.Int64N(1<<20),
			FileTime:    1700000000 + r.Int64N(1<<25),
		}
	}
	return packages, places
}

type wordList struct {
	r     *rand.Rand
	words []string
}

func (w wordList) word() string { return w.words[w.r.IntN(len(w.words))] }

func (w wordList) sentence(n int) string {
	words := make([]string, n)
	for i := range words {
		words[i] = w.word()
	}
	return strings.Join(words, " ")
}

func (w wordList) evr() rpm.EVR {
	return rpm.EVR{
		Version: fmt.Sprintf("%d.%d.%d", w.r.IntN(6), w.r.IntN(20), w.r.IntN(9)),
		Release: fmt.Sprintf("%d.el42", 1+w.r.IntN(20)),
	}
}

func (w wordList) typicalPackage(i int) *rpm.Package {
	name := fmt.Sprintf("%s-%s%d", w.word(), w.word(), i)
	p := &rpm.Package{NEVRA: rpm.NEVRA{Name: name, EVR: w.evr(), Arch: "x86_64"}}
	p.SourceRPM = rpm.NEVRA{Name: name, EVR: p.EVR, Arch: "src"}.FileName()
	p.BuildTime = 1700000000 + w.r.Int64N(1<<25)
	p.InstalledSize, p.ArchiveSize = w.r.Int64N(1<<22), w.r.Int64N(1<<22)
	p.HeaderStart, p.HeaderEnd = 4504, 4504+w.r.Int64N(1<<16)
	p.Text = rpm.Text{
		Summary: w.sentence(8), Description: w.sentence(25) + "\n" + w.sentence(25),
		License: "GPL-2.0-or-later AND MIT", URL: "https://" + w.word() + ".example.org/",
		Group: "Unspecified", Vendor: "Tiny Linux", Packager: "Tiny Linux <tiny@example.org>",
		BuildHost: "build-" + w.word() + ".example.org",
	}
	p.Provides = []rpm.Dependency{
		{Name: name, Sense: rpm.Equal, EVR: p.EVR},
		{Name: name + "(x86-64)", Sense: rpm.Equal, EVR: p.EVR},
		{Name: "lib" + w.word() + ".so.1()(64bit)"},
		{Name: "config(" + name + ")", Sense: rpm.Equal, EVR: p.EVR},
		{Name: "pkgconfig(" + w.word() + ")", Sense: rpm.Equal, EVR: w.evr()},
	}
	p.Requires = append(p.Requires, rpm.Dependency{Name: "/bin/sh", Pre: true})
	for range 15 {
		p.Requires = append(p.Requires, rpm.Dependency{Name: "lib" + w.word() + ".so." + "1()(64bit)"})
	}
	for _, v := range []string{"", "GLIBC_2.14", "GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.4"} {
		p.Requires = append(p.Requires, rpm.Dependency{Name: "libc.so.6(" + v + ")(64bit)"})
	}
	for range 4 {
		p.Requires = append(p.Requires, rpm.Dependency{Name: w.word(), Sense: rpm.Greater | rpm.Equal, EVR: w.evr()})
	}
	for i := range 100 {
		dir := "/usr/share/doc/" + name + "/"
		switch {
		case i < 4:
			dir = "/usr/bin/"
		case i < 8:
			dir = "/etc/" + name + "/"
		case i < 50:
			dir = "/usr/lib64/" + name + "/" + w.words[i/10] + "/"
		}
		p.Files = append(p.Files, rpm.File{Path: dir + w.word() + "-" + w.word(), Dir: i%10 == 9, Ghost: i%50 == 0})
	}
	for i := range 12 {
		p.Text.Changelog = append(p.Text.Changelog, rpm.Change{
			Author: "A Packager <" + w.word() + "@example.org> - " + w.evr().String(),
			Time:   1700000000 - int64(i)*1000000,
			Text:   "- " + w.sentence(6) + "\n- " + w.sentence(8),
		})
	}
	return p
}

// BenchmarkAppend measures one package in all three documents. It should take
// less than 15 microseconds and allocate nothing. A third of that is waiting for
// memory: a hundred packages, which fit into the cache, take 8 microseconds each.
func BenchmarkAppend(b *testing.B) {
	packages, places := typicalPackages(10000)
	var buf []byte
	b.ReportAllocs()
	size := 0
	i := 0
	for b.Loop() {
		p, at := packages[i%len(packages)], places[i%len(packages)]
		buf = AppendPrimary(buf[:0], p, at)
		buf = AppendFilelists(buf, p, at)
		buf = AppendOther(buf, p, at, DefaultChangelogLimit)
		size += len(buf)
		i++
	}
	b.ReportMetric(float64(size)/float64(i), "B/package")
}

// TestAppendAllocations wants no allocation for an entry of any list. A few for
// the whole package are let pass: the race detector empties pools at random.
func TestAppendAllocations(t *testing.T) {
	packages, places := typicalPackages(1)
	p, at := packages[0], places[0]
	buf := make([]byte, 0, 64<<10)
	allocations := testing.AllocsPerRun(100, func() {
		buf = AppendPrimary(buf[:0], p, at)
		buf = AppendFilelists(buf, p, at)
		buf = AppendOther(buf, p, at, DefaultChangelogLimit)
	})
	if allocations > 10 {
		t.Errorf("%v allocations, want none", allocations)
	}
}

// BenchmarkAppendFrame packs the primary document of 100 packages.
func BenchmarkAppendFrame(b *testing.B) {
	packages, places := typicalPackages(100)
	var doc []byte
	for i := range packages {
		doc = AppendPrimary(doc, packages[i], places[i])
	}
	for _, c := range []Compression{Gzip, Zstd, XZ} {
		b.Run(string(c[1:]), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(doc)))
			var out []byte
			for b.Loop() {
				out = c.AppendFrame(out[:0], doc)
			}
			b.ReportMetric(float64(len(out))/float64(len(doc)), "ratio")
		})
	}
}

// BenchmarkReadPrimary reads a document of 2,000 packages.
func BenchmarkReadPrimary(b *testing.B) {
	p, at := full()
	text := PrimaryOpen(2000)
	for range 2000 {
		text = AppendPrimary(text, p, at)
	}
	text = append(text, PrimaryClose()...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if err := readPrimary(bytes.NewReader(text), func(*rpm.Package, Location) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
