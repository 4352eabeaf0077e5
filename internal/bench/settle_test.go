package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/debrpm"
)

// parseDebian makes a distribution of a Packages file in which versions are left out.
func parseDebian(t *testing.T, text string) *debian {
	t.Helper()
	list, err := debrpm.ParseIndex(strings.ReplaceAll(text, "Package:", "Version: 1.0-1\nArchitecture: all\nPackage:"))
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]*debianPackage{}
	for _, c := range list {
		p, err := newPackage(c)
		if err != nil {
			t.Fatal(err)
		}
		packages[p.Name] = p
	}
	return newDebian(packages)
}

const mailers = `Package: exim
Priority: standard
Provides: mta

Package: postfix
Provides: mta, exim
Conflicts: exim, sendmail

Package: mutt
Depends: postfix | exim, gone | mta | gone-too, gone-three

Package: old
Depends: mta, exim (>= 2)
`

func TestSettle(t *testing.T) {
	d := parseDebian(t, mailers)
	settle(d)
	for name, want := range map[string]string{
		"exim":    "provides [mta] requires [] conflicts []",
		"postfix": "provides [] requires [] conflicts [sendmail]",
		"mutt":    "provides [] requires [(gone or mta or gone-too) (postfix)] conflicts []",
		"old":     "provides [] requires [mta] conflicts []",
	} {
		p := d.byName[name]
		got := fmt.Sprint("provides ", p.Provides, " requires ", p.Requires, " conflicts ", p.Conflicts)
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestSettleNights sees that what is the same on two nights is closed on both.
func TestSettleNights(t *testing.T) {
	const addon = "Package: addon\nDepends: exim (<< 2) | postfix, exim (<< 2), exim\n\n"
	first, next := parseDebian(t, addon+mailers), parseDebian(t, addon+mailers)
	next.byName["exim"].EVR.Version = "2.0"
	settle(first, next)
	for _, d := range []*debian{first, next} {
		if got, want := fmt.Sprint(d.byName["addon"].Requires), "[(postfix) exim]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSubset(t *testing.T) {
	d := parseDebian(t, mailers)
	settle(d)
	for _, test := range []struct {
		n     int
		names []string
		want  string
	}{
		{0, []string{"mutt", "nobody"}, "exim mutt postfix"},
		{0, []string{"old"}, "exim old"},
		{1, nil, "exim"},
		{4, nil, "exim mutt old postfix"},
	} {
		var got []string
		for _, p := range d.subset(test.n, test.names).packages {
			got = append(got, p.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%d and %v: got %v, want %s", test.n, test.names, got, test.want)
		}
	}
}
