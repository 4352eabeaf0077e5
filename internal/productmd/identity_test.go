package productmd

import (
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	tests := []struct {
		id       string
		identity Identity
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
			if got := tt.identity.ID(); got != tt.id {
				t.Errorf("got %q, want %q", got, tt.id)
			}
			if err := tt.identity.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestIdentities: each type of compose, of release and of base product has its mark,
// and no two have the same id; a layered product has none for its types.
func TestIdentities(t *testing.T) {
	marks := map[ComposeType]string{Production: "", Nightly: ".n", Test: ".t", CI: ".ci", Development: ".d"}
	seen := map[string]bool{}
	for kind, mark := range marks {
		for _, release := range ReleaseTypes() {
			for _, base := range append(ReleaseTypes(), "") {
				id := Identity{Release: ReleaseID{"Acme", "4.2", release}, Date: "20260131", Type: kind, Respin: 7}
				want := "Acme-4.2"
				if release != "ga" {
					want += "-" + release
				}
				if base != "" {
					id.Base = ReleaseID{"Base", "9", base}
					want += "-Base-9"
				}
				if base != "" && base != "ga" {
					want += "-" + base
				}
				want += "-20260131" + mark + ".7"
				if err := id.Validate(); err != nil || id.ID() != want || seen[want] {
					t.Errorf("got %s and error %v, want %s, once", id.ID(), err, want)
				}
				seen[want] = true
				if got, want := id.LayeredProduct("Gluster", "2.3").ID(), "Gluster-2.3-Acme-4-20260131"+mark+".7"; got != want {
					t.Errorf("layered product in %s: got %s, want %s", id.ID(), got, want)
				}
			}
		}
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
		{"short", func(i *Identity) { i.Release.Short = "A_B" }, `release short name "A_B", want letters and digits, in words separated by dashes`},
		{"version", func(i *Identity) { i.Release.Version = "8-stream" }, `release version "8-stream", want dotted numbers or a word that begins with a letter`},
		{"dots", func(i *Identity) { i.Release.Version = "8." }, `release version "8.", want dotted numbers or a word that begins with a letter`},
		{
			"type", func(i *Identity) { i.Release.Type = "beta" },
			`release type "beta", want one of ga, updates, updates-testing, fast, eus, aus, els, tus, e4s`,
		},
		{"base", func(i *Identity) { i.Base.Short = "Base" }, `base product: release version "", want dotted numbers or a word that begins with a letter`},
		{"date", func(i *Identity) { i.Date = "2026-01-31" }, `compose date "2026-01-31", want YYYYMMDD`},
		{
			"compose type", func(i *Identity) { i.Type = "weekly" },
			`compose type "weekly", want one of production, nightly, test, ci, development`,
		},
		{"respin", func(i *Identity) { i.Respin = -1 }, `compose respin -1, want 0 or more`},
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

func TestLabel(t *testing.T) {
	tests := []struct {
		label     string
		want      Label
		supported bool
	}{
		{"EA-1.0", Label{"EA", 1, 0}, false},
		{"Beta-1.2", Label{"Beta", 1, 2}, false},
		{"InternalSnapshot-3.10", Label{"InternalSnapshot", 3, 10}, false},
		{"RC-1.0", Label{"RC", 1, 0}, true},
		{"Update-12.0", Label{"Update", 12, 0}, true},
		{"SecurityFix-1.1", Label{"SecurityFix", 1, 1}, true},
	}
	for _, tt := range tests {
		got, err := ParseLabel(tt.label)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.label, got, err, tt.want)
		}
		if got := got.Supported(); got != tt.supported {
			t.Errorf("%s: supported %v, want %v", tt.label, got, tt.supported)
		}
	}
}

func TestParseLabelErrors(t *testing.T) {
	const form = `want <milestone>-<major>.<minor>, for example "RC-1.0"`
	tests := []struct{ label, want string }{
		{"", `label "", ` + form},
		{"RC", `label "RC", ` + form},
		{"RC-1", `label "RC-1", ` + form},
		{"RC-1.", `label "RC-1.", ` + form},
		{"RC-01.0", `label "RC-01.0", ` + form},
		{"RC-1.0.1", `label "RC-1.0.1", ` + form},
		{"RC-9999999999.0", `label "RC-9999999999.0", ` + form},
		{"rc-1.0", `label "rc-1.0": milestone "rc", want one of ` + strings.Join(milestones, ", ")},
	}
	for _, tt := range tests {
		if l, err := ParseLabel(tt.label); err == nil || err.Error() != tt.want {
			t.Errorf("ParseLabel(%q) = %v, %v, want error %s", tt.label, l, err, tt.want)
		}
	}
}
