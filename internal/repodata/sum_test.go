package repodata

import (
	"bytes"
	"testing"
)

func TestSumTakenUp(t *testing.T) {
	document := bytes.Repeat([]byte("<package/>"), 1000)
	for _, kind := range []ChecksumType{SHA1, SHA224, SHA256, SHA384, SHA512} {
		for _, at := range []int{0, 1, 63, 64, 5000, len(document)} {
			s := NewSum(kind)
			s.Add(document[:at])
			aside, err := s.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if s, err = ParseSum(kind, aside); err != nil {
				t.Fatal(err)
			}
			s.Add(document[at:])
			if got, want := s.Checksum(), kind.Sum(document); got != want || s.Size() != int64(len(document)) {
				t.Errorf("%s, put aside at %d: got %s of %d bytes, want %s of %d", kind, at, got.Hex, s.Size(), want.Hex, len(document))
			}
		}
	}
}

func TestSumOfOtherKind(t *testing.T) {
	aside, err := NewSum(SHA1).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{nil, aside[:7], aside[:20], aside} {
		if s, err := ParseSum(SHA256, b); err == nil {
			t.Errorf("%d bytes: got %v, want an error", len(b), s)
		}
	}
}

func TestText(t *testing.T) {
	var buffer []byte
	for _, n := range []int{0, 1, 1000, 10, 100000} {
		text := bytes.Repeat([]byte("<file>/usr/bin/x</file>"), n)
		got, err := UnpackText(buffer, PackText(text))
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d times: got %d bytes, %v, want %d", n, len(got), err, len(text))
		}
		buffer = got
	}
	for _, bad := range [][]byte{nil, {0xff}, {0xff, 0xff, 0xff, 0xff, 0x0f}, PackText(make([]byte, 1000))[:5]} {
		if got, err := UnpackText(nil, bad); err == nil {
			t.Errorf("%x: got %d bytes, want an error", bad, len(got))
		}
	}
}
