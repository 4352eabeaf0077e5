package packages_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/pungo-build/pungo/rules/packages"
)

// FuzzReadDecisions: what is no log is an error, now or when a line is asked for.
func FuzzReadDecisions(f *testing.F) {
	data := packages.EncodeDecisions([]packages.Decision{
		{Package: "a-0:1-1.noarch", Tree: "os", Step: "requirement", By: "b-0:1-1.noarch", Rejected: []string{"c-0:1-1.noarch"}},
		{Step: "no match", Wanted: "x", For: `group "core" (mandatory)`},
		{Package: "old-1:1-1.noarch", Step: "older", Dropped: "older than old-1:2-1.noarch"},
	})
	f.Add(data)
	f.Add([]byte(`{ "step":"x", "package":"a" }`))
	f.Add([]byte("{\"package\":\"a\\u0022\"}\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		log, err := packages.ReadDecisions(b)
		if err != nil {
			return
		}
		for _, name := range append(log.Packages(), "") {
			if decisions, err := log.Of(name); err == nil && name != "" && len(decisions) == 0 {
				t.Errorf("no decision on %q", name)
			}
		}
		if _, err := log.Rejecting("c"); err != nil {
			return
		}
	})
}

// TestJSON: what is written is what encoding/json would write.
func TestJSON(t *testing.T) {
	all := []packages.Decision{
		{},
		{Package: "a-0:1-1.noarch", Tree: "os", Flags: []string{"input", "x"}, Step: "input", By: "b", Wanted: "(a <= 1 & b > 2)", For: "é\x7f\u2028", Rule: "r", Rejected: []string{"", `"`}},
		{Step: "tab\t\\", Dropped: "no UTF-8: \xff"},
	}
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	for _, d := range all {
		if err := enc.Encode(d); err != nil {
			t.Fatal(err)
		}
	}
	if got := packages.EncodeDecisions(all); string(got) != want.String() {
		t.Errorf("got\n%swant\n%s", got, want.Bytes())
	}
}

func TestRejecting(t *testing.T) {
	all := []packages.Decision{
		{Package: "a-0:1-1.noarch", Step: "requirement", Rejected: []string{"b-0:1-1.noarch", "bc-0:1-1.noarch"}},
		{Package: "bc-0:1-1.noarch", Step: "input"},
		{Package: "d-0:1-1.noarch", Step: "requirement", By: "bc-0:1-1.noarch", Rejected: []string{"e-0:1-1.noarch"}},
	}
	data := packages.EncodeDecisions(all)
	log, err := packages.ReadDecisions(data[:len(data)-1]) // a log need not end a line
	if err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string][]packages.Decision{"bc": all[:1], "": {all[0], all[2]}, "e": all[2:], "a": {}} {
		got, err := log.Rejecting(prefix)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v and error %v, want %v", prefix, got, err, want)
		}
	}
	names := log.Packages()
	slices.Sort(names)
	if want := []string{"a-0:1-1.noarch", "bc-0:1-1.noarch", "d-0:1-1.noarch"}; !slices.Equal(names, want) {
		t.Errorf("packages: got %v, want %v", names, want)
	}
}
