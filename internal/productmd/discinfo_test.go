package productmd

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mediaRepo is a DiscInfo that writes its other file.
type mediaRepo DiscInfo

func (m mediaRepo) Encode(w io.Writer) error { return DiscInfo(m).EncodeMediaRepo(w) }

// TestDummyDiscInfo makes the files of all trees and media of the recorded
// compose.
func TestDummyDiscInfo(t *testing.T) {
	var recorded map[string]struct {
		DiscInfo  []string          `json:"discinfo"`
		MediaRepo map[string]string `json:"media.repo"`
	}
	if err := json.Unmarshal([]byte(readFile(t, "testdata/dummy/discinfo.json")), &recorded); err != nil {
		t.Fatal(err)
	}
	timestamp, err := strconv.ParseInt(dummyTimestamp, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range slices.Sorted(maps.Keys(recorded)) {
		want := recorded[path]
		d := DiscInfo{Timestamp: timestamp, Description: want.DiscInfo[1], Arch: want.DiscInfo[2]}
		if want.DiscInfo[3] != "ALL" {
			d.Discs = []int{1}
		}
		want.DiscInfo[0] = dummyTimestamp
		sameText(t, path+": .discinfo", encode(t, d), strings.Join(want.DiscInfo, "\n")+"\n")
		got, err := parseINI(strings.NewReader(encode(t, mediaRepo(d))))
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		want.MediaRepo["mediaid"] = dummyTimestamp // "None" on some, which is a defect
		if !maps.Equal(got["InstallMedia"], want.MediaRepo) || len(got) != 1 {
			t.Errorf("%s: media.repo: got %v, want %v", path, got, want.MediaRepo)
		}
	}
}

// TestParseDiscInfo: what is written is read again, also what lorax writes.
func TestParseDiscInfo(t *testing.T) {
	tests := []struct{ text, again, err string }{
		{"1769860000\nAcme OS 42\nx86_64\n1,2\n", "", ""},
		{"1769860000\nAcme OS 42\nsrc\nALL\n", "", ""},
		{"1769860000.123456\nAcme OS 42\nx86_64", "1769860000\nAcme OS 42\nx86_64\nALL\n", ""},
		{"1769860000\nAcme OS 42\n", "", "2 lines, want time, description and arch"},
		{"today\nAcme OS 42\nx86_64\n", "", `time "today", want seconds since 1970`},
		{"1\nAcme OS 42\nx86_64\nall\n", "", `discs "all", want ALL, or numbers with commas between`},
		{"1\nAcme OS 42\nx86_64\n0\n", "", "disc number 0, want 1 or more"},
	}
	for _, tt := range tests {
		d, err := ParseDiscInfo(strings.NewReader(tt.text))
		if err != nil || tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: got error %v, want %s", tt.text, err, tt.err)
			}
			continue
		}
		if got, want := encode(t, *d), cmp.Or(tt.again, tt.text); got != want {
			t.Errorf("%q: got %q, want %q", tt.text, got, want)
		}
	}
}

func FuzzParseDiscInfo(f *testing.F) {
	f.Add("1769860000.5\nAcme OS 42\nx86_64\n1,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDiscInfo(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := ParseDiscInfo(strings.NewReader(encode(t, *d)))
		if err != nil || again.Description != d.Description || !slices.Equal(again.Discs, d.Discs) {
			t.Errorf("got %+v and error %v, want %+v", again, err, d)
		}
	})
}

func TestDiscInfoText(t *testing.T) {
	d := DiscInfo{Timestamp: 1769860000, Description: "Acme OS 42", Arch: "x86_64", Discs: []int{1, 2}}
	if got, want := encode(t, d), "1769860000\nAcme OS 42\nx86_64\n1,2\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := "[InstallMedia]\nname=Acme OS 42\nmediaid=1769860000\nmetadata_expire=-1\ngpgcheck=0\ncost=500\n"
	if got := encode(t, mediaRepo(d)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDiscInfoErrors(t *testing.T) {
	good := DiscInfo{Timestamp: 1, Description: "Acme OS 42", Arch: "x86_64", Discs: []int{1}}
	tests := []struct {
		name  string
		spoil func(*DiscInfo)
		want  string
	}{
		{"timestamp", func(d *DiscInfo) { d.Timestamp = 0 }, "timestamp 0, want seconds since 1970"},
		{"description", func(d *DiscInfo) { d.Description = "a\nb" }, `"a\nb", want one line of text`},
		{"arch", func(d *DiscInfo) { d.Arch = "" }, `"", want one line of text`},
		{"discs", func(d *DiscInfo) { d.Discs = []int{0} }, "disc number 0, want 1 or more"},
		{"no discs", func(d *DiscInfo) { d.Discs = []int{} }, "no disc numbers, want some, or nil for all"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := good
			tt.spoil(&d)
			wantError(t, d, tt.want)
			wantError(t, mediaRepo(d), tt.want)
		})
	}
}
