package rpm

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestEachMember reads payloads that Write has made.
func TestEachMember(t *testing.T) {
	spec := &Spec{
		Package: Package{NEVRA: NEVRA{Name: "kernel", EVR: EVR{Version: "6.1", Release: "1"}, Arch: "x86_64"}, BuildTime: 1769860000},
		Contents: []Content{
			{Path: "/boot", Mode: 0o040755},
			{Path: "/boot/link", Mode: 0o120777, Link: "vmlinuz"},
			{Path: "/boot/vmlinuz", Mode: 0o100755, Data: []byte("the kernel"), ModTime: 1769860000},
			{Path: "/boot/ghost", Mode: 0o100644, Ghost: true},
		},
	}
	const want = "/boot 40755 \"\"\n/boot/link 120777 \"vmlinuz\"\n/boot/vmlinuz 100755 \"the kernel\"\n"
	for _, spec.Compression = range []string{"zstd", "gzip", "xz", "none"} {
		t.Run(spec.Compression, func(t *testing.T) {
			var file bytes.Buffer
			if err := Write(&file, spec); err != nil {
				t.Fatal(err)
			}
			b := file.Bytes()
			var got strings.Builder
			err := EachMember(bytes.NewReader(b), int64(len(b)), func(m Member, content io.Reader) error {
				data, err := io.ReadAll(content)
				fmt.Fprintf(&got, "%s %o %q\n", m.Path, m.Mode, data)
				return err
			})
			if err != nil || got.String() != want {
				t.Errorf("got\n%serror %v, want\n%s", got.String(), err, want)
			}
			cut := b[:len(b)-70]
			err = EachMember(bytes.NewReader(cut), int64(len(cut)), func(_ Member, content io.Reader) error {
				_, err := io.Copy(io.Discard, content)
				return err
			})
			if err == nil {
				t.Error("a payload that is cut off is no error")
			}
		})
	}
}

// FuzzEachMember: whatever a payload has, paths are clean and absolute.
func FuzzEachMember(f *testing.F) {
	for _, compression := range []string{"none", "gzip"} {
		var file bytes.Buffer
		err := Write(&file, &Spec{
			Package:     Package{NEVRA: NEVRA{Name: "p", EVR: EVR{Version: "1", Release: "1"}, Arch: "noarch"}},
			Contents:    []Content{{Path: "/a", Mode: 0o100644, Data: []byte("a")}},
			Compression: compression,
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = EachMember(bytes.NewReader(b), int64(len(b)), func(m Member, content io.Reader) error {
			if strings.Contains(m.Path, "/../") || strings.HasSuffix(m.Path, "/..") || !strings.HasPrefix(m.Path, "/") {
				t.Errorf("path %q", m.Path)
			}
			_, err := io.Copy(io.Discard, io.LimitReader(content, 1<<20))
			return err
		})
	})
}
