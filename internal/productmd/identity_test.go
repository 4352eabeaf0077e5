package productmd

import (
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	tests := []struct {
		id   string
		want Identity
	}{
		{"Acme-42-20260131.0", Identity{Release: ReleaseID{"Acme", "42", "ga"}, Date: "20260131", Type: Production}},
		{"Acme-42-20260131.n.12", Identity{Release: ReleaseID{"Acme", "42", "ga"}, Date: "20260131", Type: Nightly, Respin: 12}},
		{"Acme-42-updates-20260131.n.3", Identity{Release: ReleaseID{"Acme", "42", "updates"}, Date: "20260131", Type: Nightly, Respin: 3}},
		{"Acme-42-updates-testing-20260131.ci.0", Identity{Release: ReleaseID{"Acme", "42", "updates-testing"}, Date: "20260131", Type: CI}},
		{"Acme-4.2.0-20260131.d.1", Identity{Release: ReleaseID{"Acme", "4.2.0", "ga"}, Date: "20260131", Type: Development, Respin: 1}},
		{
			"Widget-1.0-Acme-42-20260131.t.0",
			Identity{Release: ReleaseID{"Widget", "1.0", "ga"}, Base: ReleaseID{"Acme", "42", "ga"}, Date: "20260131", Type: Test},
		}, {
			"Widget-1.0-updates-Acme-42-eus-20260131.t.0",
			Identity{Release: ReleaseID{"Widget", "1.0", "updates"}, Base: ReleaseID{"Acme", "42", "eus"}, Date: "20260131", Type: Test},
		}, {
			"Widget-1.0-Fedora-Rawhide-20260131.0",
			Identity{Release: ReleaseID{"Widget", "1.0", "ga"}, Base: ReleaseID{"Fedora", "Rawhide", "ga"}, Date: "20260131", Type: Production},
		},
		{"Fedora-Rawhide-20260131.n.0", Identity{Release: ReleaseID{"Fedora", "Rawhide", "ga"}, Date: "20260131", Type: Nightly}},
		{"Fedora-Rawhide-updates-testing-20260131.n.0", Identity{Release: ReleaseID{"Fedora", "Rawhide", "updates-testing"}, Date: "20260131", Type: Nightly}},
		{"CentOS-Stream-10-20260131.0", Identity{Release: ReleaseID{"CentOS-Stream", "10", "ga"}, Date: "20260131", Type: Production}},
		{"Red-3scale-2.0-20260131.0", Identity{Release: ReleaseID{"Red-3scale", "2.0", "ga"}, Date: "20260131", Type: Production}},
		{"Acme-updates-20260131.0", Identity{Release: ReleaseID{"Acme", "updates", "ga"}, Date: "20260131", Type: Production}},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			if got := tt.want.ID(); got != tt.id {
				t.Errorf("ID() = %q, want %q", got, tt.id)
			}
			got, err := ParseID(tt.id)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("ParseID = %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestParseIDErrors(t *testing.T) {
	const form = `, wanted <short>-<version>-<YYYYMMDD>[.<type>].<respin>`
	tests := []struct{ id, want string }{
		{"", `compose id ""` + form},
		{"Acme-42", `compose id "Acme-42"` + form},
		{"Acme-42-20260131", `compose id "Acme-42-20260131"` + form},
		{"Acme-42-2026013.0", `compose id "Acme-42-2026013.0"` + form},
		{"Acme-42-20260131.n.x", `compose id "Acme-42-20260131.n.x"` + form},
		{"Acme-42-20260131.n.9999999999", `compose id "Acme-42-20260131.n.9999999999"` + form},
		{"Acme-42-20260131.q.0", `compose id "Acme-42-20260131.q.0": mark ".q" is of no compose type`},
		{"Acme-20260131.0", `compose id "Acme-20260131.0": release without a version`},
		{"Acme-42-Base-20260131.0", `compose id "Acme-42-Base-20260131.0": base product: release without a version`},
		{"4cme-42-20260131.0", `compose id "4cme-42-20260131.0": release short name "4cme", wanted letters and digits, in words separated by dashes`},
		{"Acme-r/w-20260131.0", `compose id "Acme-r/w-20260131.0": release version "r/w", wanted dotted numbers or a word that begins with a letter`},
		{"A-1-B-2-C-3-20260131.0", `compose id "A-1-B-2-C-3-20260131.0": "C-3" follows the base product, wanted the date`},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			id, err := ParseID(tt.id)
			if err == nil {
				t.Fatalf("got %+v, want error %q", id, tt.want)
			}
			if err.Error() != tt.want {
				t.Errorf("got error\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestIdentityErrors(t *testing.T) {
	good := Identity{Release: ReleaseID{Short: "Acme", Version: "42"}, Date: "20260131", Type: Nightly}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(*Identity)
		want  string
	}{
		{"short", func(i *Identity) { i.Release.Short = "A_B" }, `release short name "A_B", wanted letters and digits, in words separated by dashes`},
		{"version", func(i *Identity) { i.Release.Version = "8-stream" }, `release version "8-stream", wanted dotted numbers or a word that begins with a letter`},
		{"dots", func(i *Identity) { i.Release.Version = "8." }, `release version "8.", wanted dotted numbers or a word that begins with a letter`},
		{
			"type", func(i *Identity) { i.Release.Type = "beta" },
			`release type "beta", wanted one of ga, updates, updates-testing, fast, eus, aus, els, tus, e4s`,
		},
		{"base", func(i *Identity) { i.Base.Short = "Base" }, `base product: release version "", wanted dotted numbers or a word that begins with a letter`},
		{"date", func(i *Identity) { i.Date = "2026-01-31" }, `compose date "2026-01-31", wanted YYYYMMDD`},
		{
			"compose type", func(i *Identity) { i.Type = "weekly" },
			`compose type "weekly", wanted one of production, nightly, test, ci, development`,
		},
		{"respin", func(i *Identity) { i.Respin = -1 }, `compose respin -1, wanted 0 or more`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := good
			tt.spoil(&id)
			if err := id.Validate(); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestLayeredProduct(t *testing.T) {
	main := Identity{
		Release: ReleaseID{"DP", "1.0", "updates"}, Base: ReleaseID{"Base", "7", ""},
		Date: "20261122", Type: Test,
	}
	if got, want := main.LayeredProduct("Gluster", "2.3").ID(), "Gluster-2.3-DP-1-20261122.t.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("Acme-42-20260131.0")
	f.Add("Widget-1.0-updates-testing-Acme-42-eus-20260131.t.7")
	f.Add("Fedora-Rawhide-20260131.n.0")
	f.Add("a-b-c-1-20260131-20260131.0")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			return
		}
		if err := id.Validate(); err != nil {
			t.Fatalf("ParseID(%q): %v", s, err)
		}
		again, err := ParseID(id.ID())
		if err != nil || again.ID() != id.ID() {
			t.Fatalf("ParseID(%q) = %+v, again %+v, %v", s, id, again, err)
		}
	})
}

func TestLabel(t *testing.T) {
	tests := []struct {
		label     string
		major     string
		supported bool
	}{
		{"EA-1.0", "EA-1", false},
		{"Beta-1.2", "Beta-1", false},
		{"InternalSnapshot-3.10", "InternalSnapshot-3", false},
		{"RC-1.0", "RC-1", true},
		{"Update-12.0", "Update-12", true},
		{"SecurityFix-1.1", "SecurityFix-1", true},
	}
	previous := Label{}
	for _, tt := range tests {
		l, err := ParseLabel(tt.label)
		if err != nil {
			t.Errorf("%s: %v", tt.label, err)
			continue
		}
		if got := l.String(); got != tt.label {
			t.Errorf("%s: got %q", tt.label, got)
		}
		if got := l.MajorVersion(); got != tt.major {
			t.Errorf("%s: major version %q, want %q", tt.label, got, tt.major)
		}
		if got := l.Supported(); got != tt.supported {
			t.Errorf("%s: supported %v, want %v", tt.label, got, tt.supported)
		}
		if l.Milestone == "InternalSnapshot" {
			continue // comes before Beta
		}
		if got := previous.Compare(l); got != -1 {
			t.Errorf("%s compared with %s: got %d, want -1", previous, tt.label, got)
		}
		previous = l
	}
	if got := (Label{"RC", 1, 9}).Compare(Label{"RC", 1, 10}); got != -1 {
		t.Errorf("RC-1.9 compared with RC-1.10: got %d, want -1", got)
	}
}

func TestParseLabelErrors(t *testing.T) {
	const form = `wanted <milestone>-<major>.<minor>, for example "RC-1.0"`
	tests := []struct{ label, want string }{
		{"", `label "", ` + form},
		{"RC", `label "RC", ` + form},
		{"RC-1", `label "RC-1", ` + form},
		{"RC-1.", `label "RC-1.", ` + form},
		{"RC-01.0", `label "RC-01.0", ` + form},
		{"RC-1.0.1", `label "RC-1.0.1", ` + form},
		{"RC-9999999999.0", `label "RC-9999999999.0", ` + form},
		{"rc-1.0", `label "rc-1.0": milestone "rc", wanted one of ` + strings.Join(milestones, ", ")},
	}
	for _, tt := range tests {
		if l, err := ParseLabel(tt.label); err == nil || err.Error() != tt.want {
			t.Errorf("ParseLabel(%q) = %v, %v, want error %s", tt.label, l, err, tt.want)
		}
	}
}
