package productmd

import (
	"encoding/json"
	"io"
	"maps"
	"reflect"
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
		text := encode(t, d)
		sameText(t, path+": .discinfo", text, strings.Join(want.DiscInfo, "\n")+"\n")
		parsed, err := ParseDiscInfo(strings.NewReader(text))
		if err != nil || !reflect.DeepEqual(parsed, d) {
			t.Errorf("%s: got %+v, %v, want %+v", path, parsed, err, d)
		}
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
		{"timestamp", func(d *DiscInfo) { d.Timestamp = 0 }, "timestamp 0, wanted seconds since 1970"},
		{"description", func(d *DiscInfo) { d.Description = "a\nb" }, `"a\nb", wanted one line of text`},
		{"arch", func(d *DiscInfo) { d.Arch = "" }, `"", wanted one line of text`},
		{"discs", func(d *DiscInfo) { d.Discs = []int{0} }, "disc number 0, wanted 1 or more"},
		{"no discs", func(d *DiscInfo) { d.Discs = []int{} }, "no disc numbers, wanted some, or nil for all"},
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

func TestParseDiscInfo(t *testing.T) {
	tests := []struct {
		name, input string
		want        DiscInfo
		err         string
	}{
		{"fraction", "1769860000.123456\nAcme OS 42\nx86_64\n1,3\n", DiscInfo{1769860000, "Acme OS 42", "x86_64", []int{1, 3}}, ""},
		{"three lines", "1\nAcme OS 42\nx86_64", DiscInfo{1, "Acme OS 42", "x86_64", nil}, ""},
		{"empty fourth line", "1\nAcme OS 42\nx86_64\n\nmore", DiscInfo{1, "Acme OS 42", "x86_64", nil}, ""},
		{"two lines", "1\nAcme OS 42\n", DiscInfo{}, "2 lines, wanted timestamp, description, arch and disc numbers"},
		{"timestamp", "x\na\nb\n", DiscInfo{}, `timestamp "x", wanted seconds since 1970`},
		{"disc number", "1\na\nb\n1,x\n", DiscInfo{}, `disc number "x", wanted ALL or numbers`},
		{"no description", "1\n\nb\nALL\n", DiscInfo{}, `"", wanted one line of text`},
		{"long line", strings.Repeat("1", 1<<20), DiscInfo{}, "bufio.Scanner: token too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseDiscInfo(strings.NewReader(tt.input))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("got %+v, error %v, want %s", got, err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func FuzzParseDiscInfo(f *testing.F) {
	f.Add("1769860000.123456\nAcme OS 42\nx86_64\nALL\n")
	f.Add("1\na\nb\n1,2\n")
	f.Fuzz(func(t *testing.T, input string) {
		d, err := ParseDiscInfo(strings.NewReader(input))
		if err != nil {
			return
		}
		text := encode(t, d)
		again, err := ParseDiscInfo(strings.NewReader(text))
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Fatalf("got %+v, %v, want %+v", again, err, d)
		}
	})
}
