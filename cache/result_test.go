package cache_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pungo-build/pungo/cache"
)

// fullResult says all that a result can say.
func fullResult() cache.Result {
	script := file("bin/run", "#!/bin/sh\n")
	script.Executable, script.ModTime = true, 1700000000
	return cache.Result{
		Outputs:  []cache.Node{script, file("list", "a\nb\n"), link("newest", "list"), subdir("tree", everything())},
		Stdout:   cache.BLAKE3.Sum([]byte("out")),
		Stderr:   cache.BLAKE3.Sum([]byte("err")),
		ExitCode: -1,
		Warnings: []string{"first", "", "second"},
		Duration: 90*time.Second + 5,
	}
}

func TestResultGolden(t *testing.T) {
	const want = "blake3:d0301a04604cd260372ab8d1c0e5276d1970d304622b85ba74b19e6245aa2c1b/598"
	if got := cache.BLAKE3.Sum(fullResult().Marshal()).String(); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestResultRoundTrip(t *testing.T) {
	tests := []struct {
		name   string
		result cache.Result
	}{
		{"empty", cache.Result{}},
		{"full", fullResult()},
		{"warning", cache.Result{Warnings: []string{"only"}}},
		{"negative duration", cache.Result{Duration: -1500 * time.Millisecond}},
		{"longest duration", cache.Result{Duration: 290 * 365 * 24 * time.Hour}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := cache.ParseResult(cache.BLAKE3, tt.result.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.result) {
				t.Errorf("got %+v, want %+v", got, tt.result)
			}
		})
	}
}

func TestEncodeSortsOutputs(t *testing.T) {
	want := fullResult()
	shuffled := want
	shuffled.Outputs = []cache.Node{want.Outputs[2], want.Outputs[0], want.Outputs[3], want.Outputs[1]}
	got, err := shuffled.Encode()
	if err != nil || !bytes.Equal(got, want.Marshal()) {
		t.Errorf("got %x, %v, want %x", got, err, want.Marshal())
	}
	if shuffled.Outputs[0].Name != "newest" {
		t.Error("Encode changed the order of its caller's outputs")
	}
}

func TestResultErrors(t *testing.T) {
	tests := []struct {
		name   string
		result cache.Result
		want   string
	}{
		{"absolute", cache.Result{Outputs: []cache.Node{file("/a", "1")}}, `path "/a": name of 0 bytes`},
		{"parent", cache.Result{Outputs: []cache.Node{file("a/../b", "1")}}, `name ".." leaves its directory`},
		{"twice", cache.Result{Outputs: []cache.Node{file("a", "1"), link("a", "b")}}, `output "a" comes after "a"`},
		{"nothing", cache.Result{Outputs: []cache.Node{{Name: "a"}}}, `output "a": kind 0 is not known`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.result.Encode(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Encode: got error %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("directory without root", func(t *testing.T) {
		_, err := cache.ParseResult(cache.BLAKE3, []byte("\x1a\x03\x0a\x01a"))
		if !errors.Is(err, cache.ErrCorrupt) || !strings.Contains(err.Error(), `output "a": no digest`) {
			t.Errorf("got error %v", err)
		}
	})
}

func FuzzParseResult(f *testing.F) {
	f.Add(fullResult().Marshal())
	f.Add([]byte{})
	f.Add([]byte("\x1a\x03\x0a\x01a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := cache.ParseResult(cache.SHA256, b)
		if err != nil {
			if !errors.Is(err, cache.ErrCorrupt) {
				t.Errorf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		stored, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := cache.ParseResult(cache.SHA256, stored)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Marshal(), stored) {
			t.Errorf("%+v reads back as %+v", r, again)
		}
	})
}
