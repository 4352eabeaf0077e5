package rules_test

import (
	"testing"

	"github.com/pungo-build/pungo/rules"
)

func TestExpand(t *testing.T) {
	plain := rules.Stamp{
		Release: rules.Release{Name: "Acme Linux", Short: "Acme", Version: "42.1", Type: "updates"},
		Date:    "20260131", Type: "nightly", Respin: 3, Label: "Beta-1.2",
	}
	plain.ID = plain.DefaultID()
	layered := plain
	layered.Release.Type = "ga"
	layered.BaseProduct = &rules.Release{Short: "Base", Version: "7.2", Type: "eus"}
	layered.ID = layered.DefaultID()
	named := plain
	named.ID = "my-{date}"
	product := &rules.Release{Name: "Gluster Storage", Short: "Gluster", Version: "2.3", Type: "ga"}
	tests := []struct {
		name    string
		stamp   rules.Stamp
		product *rules.Release
		text    string
		want    string
	}{
		{"each part", plain, nil, "{compose_id} {date} {compose_type} {respin} {label}", "Acme-42.1-updates-20260131.n.3 20260131 nightly 3 Beta-1.2"},
		{"amid text", plain, nil, "a{respin}b{respin}{", "a3b3{"},
		{"others stay", plain, nil, "{variant} {id} {{date} {Date} {}", "{variant} {id} {20260131 {Date} {}"},
		{"nothing", plain, nil, "", ""},
		{"layered release", layered, nil, "{compose_id}", "Acme-42.1-Base-7.2-eus-20260131.n.3"},
		{"layered product", plain, product, "{compose_id}", "Gluster-2.3-Acme-42-20260131.n.3"},
		{"layered product, other parts", plain, product, "{date}.{label}", "20260131.Beta-1.2"},
		{"values are not read again", named, nil, "{compose_id}", "my-{date}"},
		{"zero", rules.Stamp{}, nil, "{label}{date}", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.stamp.Expand(test.text, test.product); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if got := rules.HasStamp(test.text); got != (test.text != test.want) {
				t.Errorf("HasStamp: got %t, want %t", got, test.text != test.want)
			}
		})
	}
}
