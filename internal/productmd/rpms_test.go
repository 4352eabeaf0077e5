package productmd

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func sampleRPMs() *RPMs {
	return &RPMs{Compose: dummyIdentity().Compose(), RPMs: []RPM{
		{
			Variant: "Server", Arch: "x86_64", Source: "nano-0:7.2-3.src", NEVRA: "nano-debuginfo-0:7.2-3.x86_64",
			Path: "Server/x86_64/debug/tree/Packages/n/nano-debuginfo-7.2-3.x86_64.rpm", SigKey: "a15b79cc", Category: "debug",
		}, {
			Variant: "Server", Arch: "x86_64", Source: "nano-0:7.2-3.src", NEVRA: "nano-0:7.2-3.x86_64",
			Path: "Server/x86_64/os/Packages/n/nano-7.2-3.x86_64.rpm", SigKey: "a15b79cc", Category: "binary",
		}, {
			Variant: "Server", Arch: "x86_64", Source: "nano-0:7.2-3.src", NEVRA: "nano-0:7.2-3.src",
			Path: "Server/source/tree/Packages/n/nano-7.2-3.src.rpm", Category: "source",
		}, {
			Variant: "Client", Arch: "i386", Source: "firmware-1:0~rc1-3.nosrc", NEVRA: "firmware-tools-1:0~rc1-3.noarch",
			Path: "Client/i386/os/Packages/f/firmware-tools-0~rc1-3.noarch.rpm", Category: "binary",
		},
	}}
}

func TestRPMsGolden(t *testing.T) {
	r := sampleRPMs()
	want := encode(t, r)
	golden(t, "testdata/rpms.json", want)
	for range 10 {
		rand.Shuffle(len(r.RPMs), func(i, j int) { r.RPMs[i], r.RPMs[j] = r.RPMs[j], r.RPMs[i] })
		before := slices.Clone(r.RPMs)
		sameText(t, "rpms.json", encode(t, r), want)
		if !slices.Equal(before, r.RPMs) {
			t.Fatal("Encode sorted its argument")
		}
	}
	parsed, err := ParseRPMs(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(r.RPMs, func(a, b RPM) int { return compareRPMs(&a, &b) })
	if !slices.Equal(parsed.RPMs, r.RPMs) {
		t.Errorf("got\n%+v\nwant\n%+v", parsed.RPMs, r.RPMs)
	}
	sameText(t, "rpms.json", want, python(t, rewriteJSON, want))
}

func TestRPMsErrors(t *testing.T) {
	const nano = `rpm "nano-debuginfo-0:7.2-3.x86_64"`
	const form = `, want name-epoch:version-release.arch`
	tests := []struct {
		name  string
		spoil func(r *RPM)
		want  string
	}{
		{"variant", func(r *RPM) { r.Variant = "" }, nano + ` without a variant`},
		{"arch", func(r *RPM) { r.Arch = "src" }, nano + `: arch "src", want the binary arch that the sources belong to`},
		{"no epoch", func(r *RPM) { r.NEVRA = "nano-7.2-3.x86_64" }, `rpm: NEVRA "nano-7.2-3.x86_64"` + form},
		{"epoch is a word", func(r *RPM) { r.NEVRA = "nano-a:7.2-3.x86_64" }, `rpm: NEVRA "nano-a:7.2-3.x86_64"` + form},
		{"file name", func(r *RPM) { r.NEVRA = "p/nano-0:7.2-3.x86_64" }, `rpm: NEVRA "p/nano-0:7.2-3.x86_64"` + form},
		{"empty", func(r *RPM) { r.NEVRA = "" }, `rpm: NEVRA ""` + form},
		{"dot alone", func(r *RPM) { r.NEVRA = "." }, `rpm: NEVRA "."` + form},
		{"no name", func(r *RPM) { r.NEVRA = "-0:1-1.x86_64" }, `rpm: NEVRA "-0:1-1.x86_64"` + form},
		{"no version", func(r *RPM) { r.NEVRA = "a-0:-1.x86_64" }, `rpm: NEVRA "a-0:-1.x86_64"` + form},
		{"no release", func(r *RPM) { r.NEVRA = "a-0:1-.x86_64" }, `rpm: NEVRA "a-0:1-.x86_64"` + form},
		{"no arch", func(r *RPM) { r.NEVRA = "a-0:1-1." }, `rpm: NEVRA "a-0:1-1."` + form},
		{"no source", func(r *RPM) { r.Source = "" }, nano + `: source "", want the NEVRA of a source package`},
		{"source is binary", func(r *RPM) { r.Source = "nano-0:7.2-3.x86_64" }, nano + `: source "nano-0:7.2-3.x86_64", want the NEVRA of a source package`},
		{"category", func(r *RPM) { r.Category = "debuginfo" }, nano + `: category "debuginfo", want one of binary, debug, source`},
		{"source category", func(r *RPM) { r.Category = "source" }, nano + `: category "source", want source for source packages and no others`},
		{
			"binary category", func(r *RPM) { r.NEVRA, r.Category = "nano-0:7.2-3.src", "binary" },
			`rpm "nano-0:7.2-3.src": category "binary", want source for source packages and no others`,
		},
		{
			"source of a source", func(r *RPM) { r.NEVRA, r.Category = "vi-0:1-1.src", "source" },
			`rpm "vi-0:1-1.src": source "nano-0:7.2-3.src", want its own NEVRA`,
		},
		{"sigkey", func(r *RPM) { r.SigKey = "A15B" }, nano + `: sigkey "A15B", want lower-case hexadecimal digits`},
		{"path", func(r *RPM) { r.Path = "/p" }, nano + `: path "/p", want a clean relative path`},
		{"twice", func(r *RPM) { r.NEVRA, r.Category = "nano-0:7.2-3.x86_64", "binary" }, `rpm "nano-0:7.2-3.x86_64" is listed twice in Server.x86_64`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := sampleRPMs()
			tt.spoil(&r.RPMs[0])
			wantError(t, r, tt.want)
		})
	}
	r := sampleRPMs()
	r.Compose.Date = ""
	wantError(t, r, `compose date "", want YYYYMMDD`)
}

func FuzzParseRPMs(f *testing.F) {
	f.Add(`{"header": {"type": "productmd.rpms", "version": "1.2"}, "payload": {"compose": {"date": "20260131",
		"id": "A-1-20260131.0", "respin": 0, "type": "production"}, "rpms": {"A": {"x86_64": {"a-0:1-1.src": {"a-0:1-1.x86_64":
		{"path": "a.rpm", "sigkey": null, "category": "binary"}}}}}}}`)
	f.Add(`{"header": {"version": "1.0"}, "payload": {"rpms": {"": {"": {"": {"": {}}}}}}}`)
	f.Fuzz(func(t *testing.T, input string) {
		r, err := ParseRPMs(strings.NewReader(input))
		if err != nil {
			return
		}
		first := encode(t, r)
		again, err := ParseRPMs(strings.NewReader(first))
		if err != nil {
			t.Fatalf("%v, in\n%s", err, first)
		}
		if second := encode(t, again); first != second {
			t.Fatalf("got\n%s\nafter\n%s", second, first)
		}
	})
}
