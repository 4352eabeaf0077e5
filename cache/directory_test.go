package cache_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
)

func file(name, content string) cache.Node {
	return cache.Node{Name: name, Kind: cache.FileKind, Digest: cache.BLAKE3.Sum([]byte(content))}
}

func link(name, target string) cache.Node {
	return cache.Node{Name: name, Kind: cache.SymlinkKind, Target: target}
}

func subdir(name string, dir cache.Directory) cache.Node {
	return cache.Node{Name: name, Kind: cache.DirKind, Digest: cache.BLAKE3.Sum(dir.Marshal())}
}

// everything is a directory with all that a node can say.
func everything() cache.Directory {
	script := file("install.sh", "#!/bin/sh\n")
	script.Executable = true
	dated := file("bash-5.2.15-1.x86_64.rpm", "package")
	dated.ModTime = 1700000000
	old := file("before-1970", "")
	old.ModTime = -1
	return cache.Directory{
		dated,
		old,
		subdir("empty", nil),
		script,
		link("latest", "../Packages/b"),
		subdir("sub", cache.Directory{file("a", "a")}),
		file("ümlaut", "x"),
	}
}

// The digests are part of the format: whoever changes one disowns every cache.
func TestDirectoryGolden(t *testing.T) {
	tests := []struct {
		name string
		dir  cache.Directory
		want string
	}{
		{"empty", nil, "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262/0"},
		{"one file", cache.Directory{file("a", "a")}, "blake3:2e27d486c34df1c7c272b3201af38ea74589f6001aba785c5bf263293b727cc2/75"},
		{"everything", everything(), "blake3:41513d5f5d4726ef87fee5bbfa97743aa806b3e78ab88f1b21097a913f6bd148/552"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cache.BLAKE3.Sum(tt.dir.Marshal()).String(); got != tt.want {
				t.Errorf("digest %s, want %s", got, tt.want)
			}
		})
	}
}

func TestDirectoryRoundTrip(t *testing.T) {
	want := everything()
	got, err := cache.ParseDirectory(cache.BLAKE3, want.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range 20 {
		shuffled := slices.Clone(want)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if !bytes.Equal(shuffled.Marshal(), want.Marshal()) {
			t.Fatalf("the order %v changes the message", shuffled)
		}
	}
}

func TestParseDirectoryErrors(t *testing.T) {
	a, b := file("a", "1"), file("b", "2")
	one := func(n cache.Node) []byte { return cache.Directory{n}.Marshal() }
	tests := []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"cut off", one(a)[:20], "directory: unexpected EOF"},
		{"unknown field", []byte("\x2a\x00"), "unknown field 5"},
		{"out of order", append(one(b), one(a)...), "not in the canonical encoding"},
		{"name twice", append(one(a), one(a)...), `entry "a" comes twice`},
		{"file and link", append(one(a), one(link("a", "b"))...), `entry "a" comes twice`},
		{"no name", one(file("", "1")), "name of 0 bytes, want 1 to 255"},
		{"long name", one(file(strings.Repeat("n", 256), "1")), "name of 256 bytes, want 1 to 255"},
		{"dot dot", one(file("..", "1")), `name ".." leaves its directory`},
		{"slash", one(file("a/b", "1")), `name "a/b" is not UTF-8 without slash and NUL`},
		{"NUL", one(file("a\x00b", "1")), `name "a\x00b" is not UTF-8 without slash and NUL`},
		{"not UTF-8", one(file("a\xff", "1")), `name "a\xff" is not UTF-8 without slash and NUL`},
		{"absolute link", one(link("a", "/etc/passwd")), `entry "a": link target "/etc/passwd" is absolute`},
		{"empty link", one(link("a", "")), `entry "a": link target of 0 bytes, want 1 to 4095`},
		{"no digest", []byte("\x0a\x03\x0a\x01a"), `entry "a": no digest`},
		{"digest without hash", []byte("\x0a\x05\x0a\x01a\x12\x00"), `entry "a": digest without a hash`},
		{"short hash", []byte("\x0a\x09\x0a\x01a\x12\x04\x0a\x0200"), `entry "a": hash of 2 digits, want 64`},
		{"hash of capitals", bytes.ToUpper(one(a)), "not in the canonical encoding"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cache.ParseDirectory(cache.BLAKE3, tt.bytes)
			if !errors.Is(err, cache.ErrCorrupt) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want %q that wraps ErrCorrupt", err, tt.want)
			}
		})
	}
}

func FuzzParseDirectory(f *testing.F) {
	f.Add(everything().Marshal())
	f.Add([]byte{})
	f.Add([]byte("\x0a\x03\x0a\x01a"))
	f.Add([]byte("\x2a\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir, err := cache.ParseDirectory(cache.BLAKE3, b)
		if err != nil {
			if !errors.Is(err, cache.ErrCorrupt) {
				t.Errorf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		if err := dir.Check(); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(dir.Marshal(), b) {
			t.Errorf("%x and %x are one directory", b, dir.Marshal())
		}
	})
}
