package productmd

import (
	"fmt"
	"io"
	"testing"
)

// manyRPMs is a compose of the size of Fedora's Everything: five architectures
// with 12,000 packages each.
func manyRPMs() *RPMs {
	r := &RPMs{Compose: dummyIdentity().Compose()}
	for _, arch := range []string{"aarch64", "ppc64le", "s390x", "x86_64", "armhfp"} {
		for n := range 12_000 {
			source := fmt.Sprintf("package-%d", n/4)
			rpm := RPM{
				Variant: "Everything", Arch: arch,
				Source:   source + "-0:1.2.3-4.fc42.src",
				NEVRA:    fmt.Sprintf("%s-part-%d-0:1.2.3-4.fc42.%s", source, n, arch),
				Path:     fmt.Sprintf("Everything/%s/os/Packages/p/%s-part-%d-1.2.3-4.fc42.%s.rpm", arch, source, n, arch),
				SigKey:   "a15b79cc",
				Category: "binary",
			}
			if n%4 == 0 {
				rpm.NEVRA, rpm.Category = rpm.Source, "source"
				rpm.Path = "Everything/source/tree/Packages/p/" + source + "-1.2.3-4.fc42.src.rpm"
			}
			r.RPMs = append(r.RPMs, rpm)
		}
	}
	return r
}

func BenchmarkEncodeRPMs(b *testing.B) {
	r := manyRPMs()
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
