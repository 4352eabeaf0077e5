package comps

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// outline renders the structure of a document, one element a line, with the
// attributes that still restrict it.
func outline(c *Comps) string {
	var b strings.Builder
	for _, g := range c.Groups {
		fmt.Fprintf(&b, "group %s%s:", g.ID, restrictions(g.Arches, g.Variants))
		for _, p := range g.Packages {
			fmt.Fprintf(&b, " %s%s", p.Name, restrictions(p.Arches, p.Variants))
		}
		b.WriteString("\n")
	}
	for _, cat := range c.Categories {
		fmt.Fprintf(&b, "category %s: %s\n", cat.ID, strings.Join(cat.GroupList, " "))
	}
	for _, e := range c.Environments {
		fmt.Fprintf(&b, "environment %s%s:", e.ID, restrictions(e.Arches, e.Variants))
		for _, id := range e.GroupList {
			b.WriteString(" " + id.ID)
		}
		for _, id := range e.OptionList {
			b.WriteString(" +" + id.ID)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func restrictions(arches, variants Only) string {
	var s string
	if arches != nil {
		s += "[arch " + strings.Join(arches, " ") + "]"
	}
	if variants != nil {
		s += "[variant " + strings.Join(variants, " ") + "]"
	}
	return s
}

func parse(t *testing.T, content string) *Comps {
	t.Helper()
	c, err := Parse(strings.NewReader("<comps>" + content + "</comps>"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Fragments of documents.
func group(attrs, id string, packages ...string) string {
	return fmt.Sprintf("<group %s><id>%s</id><packagelist>%s</packagelist></group>", attrs, id, strings.Join(packages, ""))
}

func pkg(attrs, name string) string {
	return fmt.Sprintf("<packagereq %s>%s</packagereq>", attrs, name)
}

func environment(attrs, id, content string) string {
	return fmt.Sprintf("<environment %s><id>%s</id>%s</environment>", attrs, id, content)
}

func TestFilter(t *testing.T) {
	core := group("", "core", pkg("", "bash"))
	ppc64le := FilterOptions{Arch: "ppc64le"}
	server := FilterOptions{Arch: "ppc64le", Variant: "Server"}
	tests := []struct {
		name    string
		content string
		options FilterOptions
		want    string
	}{
		{
			"package of the wanted arch", group("", "core", pkg(`arch="ppc64le"`, "bash")), ppc64le,
			"group core: bash\n",
		}, {
			"package, group and environment of another arch",
			group("", "core", pkg(`arch="x86_64"`, "grub"), pkg("", "bash")) +
				group(`arch="x86_64"`, "x86", pkg("", "mcelog")) +
				environment(`arch="x86_64"`, "desktop", "<grouplist><groupid>core</groupid></grouplist>"),
			ppc64le,
			"group core: bash\n",
		}, {
			"lists with commas and spaces",
			group(`arch="i386, ppc64le"`, "core", pkg(`arch="x86_64,ppc64le"`, "a"), pkg(`arch="ppc64le x86_64"`, "b"), pkg(`arch="ppc64 ppc"`, "c")),
			ppc64le,
			"group core: a b\n",
		}, {
			"an empty list admits nothing", group("", "core", pkg(`arch=""`, "a"), pkg(`variant=" , "`, "b"), pkg("", "c")), server,
			"group core: c\n",
		}, {
			"without a variant its attributes stay",
			group(`variant="Server"`, "core", pkg(`variant="Server"`, "bash")) +
				environment(`variant="Server"`, "minimal", "<grouplist><groupid>core</groupid></grouplist>"),
			ppc64le,
			"group core[variant Server]: bash[variant Server]\nenvironment minimal[variant Server]: core\n",
		}, {
			"the wanted variant",
			group(`variant="Server"`, "core", pkg(`variant="Client,Server"`, "bash"), pkg(`variant="Client"`, "gui")), server,
			"group core: bash\n",
		}, {
			"group of another variant", core + group(`variant="Client"`, "gui", pkg("", "gdm")), server,
			"group core: bash\n",
		}, {
			"arch and variant must both agree",
			group("", "core", pkg(`arch="ppc64le" variant="Client"`, "a"), pkg(`arch="i386" variant="Server"`, "b"), pkg(`arch="ppc64le" variant="Server"`, "c")),
			server,
			"group core: c\n",
		}, {
			"a group that loses all packages goes", core + group("", "x86", pkg(`arch="x86_64"`, "mcelog")) + group("", "empty"), ppc64le,
			"group core: bash\n",
		}, {
			"unless its id matches a pattern",
			group("", "conflicts-server") + group("", "conflicts-client"),
			FilterOptions{Arch: "ppc64le", KeepEmpty: []string{"conflicts", "*-serv?r"}},
			"group conflicts-server:\n",
		}, {
			"a pattern does not keep a group of another arch",
			group(`arch="x86_64"`, "conflicts"), FilterOptions{Arch: "ppc64le", KeepEmpty: []string{"*"}},
			"",
		}, {
			"categories",
			core + "<category><id>base</id><grouplist><groupid>core</groupid><groupid>gone</groupid></grouplist></category>" +
				"<category><id>apps</id><grouplist><groupid>gone</groupid></grouplist></category>",
			FilterOptions{Arch: "ppc64le", LookasideGroups: []string{"gone"}},
			"group core: bash\ncategory base: core\n",
		}, {
			"environments",
			core + group(`arch="x86_64"`, "x86", pkg("", "mcelog")) +
				environment("", "minimal", "<grouplist><groupid>core</groupid><groupid>x86</groupid></grouplist>") +
				environment("", "none", "<grouplist><groupid>x86</groupid></grouplist>"),
			ppc64le,
			"group core: bash\nenvironment minimal: core\n",
		}, {
			"an environment may refer to lookaside groups",
			environment("", "minimal", "<grouplist><groupid>core</groupid><groupid>gone</groupid></grouplist>"),
			FilterOptions{Arch: "ppc64le", LookasideGroups: []string{"core"}},
			"environment minimal: core\n",
		}, {
			"a reference for other arches goes",
			core + group("", "tools", pkg("", "vim")) +
				environment("", "minimal", `<grouplist><groupid>core</groupid><groupid arch="x86_64">tools</groupid></grouplist>`) +
				environment("", "full", `<grouplist><groupid arch="x86_64,ppc64le">tools</groupid></grouplist>`),
			ppc64le,
			"group core: bash\ngroup tools: vim\nenvironment minimal: core\nenvironment full: tools\n",
		}, {
			"optional groups are not checked, and do not keep an environment",
			core + environment("", "minimal", `<grouplist><groupid>core</groupid></grouplist><optionlist><groupid arch="x86_64">gone</groupid></optionlist>`) +
				environment("", "none", "<optionlist><groupid>core</groupid></optionlist>"),
			ppc64le,
			"group core: bash\nenvironment minimal: core +gone\n",
		}, {
			"without an arch its attributes stay",
			group("", "core", pkg(`arch="i386"`, "bash")) +
				environment("", "minimal", `<grouplist><groupid arch="i386">core</groupid></grouplist>`),
			FilterOptions{},
			"group core: bash[arch i386]\nenvironment minimal: core\n",
		}, {
			"packages for the arch alone",
			group("", "core", pkg(`arch="ppc64le"`, "a"), pkg("", "b")) + group("", "all", pkg("", "c")),
			FilterOptions{Arch: "ppc64le", ArchOnlyPackages: true},
			"group core: a\n",
		}, {
			"with a variant, packages that have both attributes",
			group("", "core", pkg(`arch="ppc64le" variant="Server"`, "a"), pkg(`arch="ppc64le"`, "b"), pkg(`variant="Server"`, "c")),
			FilterOptions{Arch: "ppc64le", Variant: "Server", ArchOnlyPackages: true},
			"group core: a\n",
		}, {
			"groups and environments for the arch alone",
			group(`arch="ppc64le"`, "core", pkg("", "a")) + group("", "all", pkg(`arch="ppc64le"`, "c")) +
				environment(`arch="ppc64le"`, "minimal", "<grouplist><groupid>core</groupid><groupid>all</groupid></grouplist>") +
				environment("", "full", "<grouplist><groupid>core</groupid></grouplist>"),
			FilterOptions{Arch: "ppc64le", ArchOnlyGroups: true, ArchOnlyEnvironments: true},
			"group core: a\nenvironment minimal: core\n",
		}, {
			"categories and environments go last, so groups do not depend on it",
			core + "<category><id>base</id><grouplist><groupid>core</groupid></grouplist></category>" +
				environment("", "minimal", "<grouplist><groupid>core</groupid></grouplist>"),
			FilterOptions{Arch: "ppc64le", RemoveCategories: true, RemoveEnvironments: true},
			"group core: bash\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := parse(t, tt.content)
			if got := outline(Filter(c, tt.options)); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			if unchanged := parse(t, tt.content); !reflect.DeepEqual(c, unchanged) {
				t.Errorf("the argument became\n%swant\n%s", outline(c), outline(unchanged))
			}
		})
	}
}

// TestRemove: langpacks and translations of names and descriptions of all kinds.
func TestRemove(t *testing.T) {
	const texts = `<name>N</name><name xml:lang="de">T</name><description>D</description><description xml:lang="de">T</description>`
	const content = "<group><id>g</id>" + texts + "<packagelist><packagereq>a</packagereq></packagelist></group>" +
		"<category><id>c</id>" + texts + "<grouplist><groupid>g</groupid></grouplist></category>" +
		"<environment><id>e</id>" + texts + "<grouplist><groupid>g</groupid></grouplist></environment>" +
		`<langpacks><match name="a" install="a-%s"/></langpacks>`
	c := parse(t, content)
	full := string(write(t, c))
	got := string(write(t, Filter(c, FilterOptions{RemoveTranslations: true, RemoveLangpacks: true})))
	for _, gone := range []string{"xml:lang", "<langpacks>", "<match"} {
		if strings.Contains(got, gone) || !strings.Contains(full, gone) {
			t.Errorf("%s: got\n%s\nof\n%s", gone, got, full)
		}
	}
	if got := strings.Count(got, "<description>D</description>"); got != 3 {
		t.Errorf("got %d descriptions, want 3", got)
	}
	if after := string(write(t, c)); after != full {
		t.Errorf("the argument became\n%s", after)
	}
}

func TestSelectGroups(t *testing.T) {
	yes, no := true, false
	c := parse(t, group("", "core", pkg("", "bash"))+group("", "standard", pkg("", "vim"))+group("", "games", pkg("", "hack"))+
		environment("", "minimal", "<grouplist><groupid>games</groupid></grouplist>"))
	tests := []struct {
		name      string
		limit     bool
		refs      []GroupRef
		want      []string // id, default, user visible
		unmatched []Unmatched
	}{
		{"no limit keeps all", false, nil, []string{"core false true", "standard false true", "games false true"}, nil},
		{"a limit without groups keeps none", true, nil, nil, nil},
		{
			"a glob, and an entry that overrides", true,
			[]GroupRef{{ID: "core", Default: &yes, UserVisible: &no}, {ID: "*a*"}},
			[]string{"core true false", "standard false true", "games false true"}, nil,
		},
		{
			"the first in sorted order wins", true,
			[]GroupRef{{ID: "core", Default: &yes}, {ID: "c*", UserVisible: &no}},
			[]string{"core false false"}, nil,
		},
		{
			"the first of equals wins", true,
			[]GroupRef{{ID: "core", Default: &yes}, {ID: "core", UserVisible: &no}},
			[]string{"core true true"}, nil,
		},
		{
			"references without a group", true,
			[]GroupRef{{ID: "standart"}, {ID: "core"}, {ID: "x*"}, {ID: "kde"}},
			[]string{"core false true"},
			[]Unmatched{{"group", "standart", "standard"}, {"group", "x*", ""}, {"group", "kde", ""}},
		},
		{"only patterns are patterns", true, []GroupRef{{ID: "co.e"}}, nil, []Unmatched{{"group", "co.e", "core"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := outline(c)
			selected, unmatched := Select(c, Selection{LimitGroups: tt.limit, Groups: tt.refs})
			var got []string
			for _, g := range selected.Groups {
				got = append(got, fmt.Sprint(g.ID, " ", g.Default, " ", g.UserVisible))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got groups %q, want %q", got, tt.want)
			}
			if !slices.Equal(unmatched, tt.unmatched) {
				t.Errorf("got unmatched %q, want %q", unmatched, tt.unmatched)
			}
			if len(selected.Environments) != 1 {
				t.Errorf("got %d environments, want 1", len(selected.Environments))
			}
			if after := outline(c); after != before || c.Groups[0].Default || !c.Groups[0].UserVisible {
				t.Errorf("the argument became\n%s", after)
			}
		})
	}
}

func TestSelectEnvironments(t *testing.T) {
	c := parse(t, environment("", "minimal", "<display_order>5</display_order><grouplist><groupid>core</groupid></grouplist>")+
		environment("", "desktop", "<grouplist><groupid>gnome</groupid></grouplist>"))
	order := 1000
	selected, unmatched := Select(c, Selection{
		LimitEnvironments: true,
		Environments:      []EnvironmentRef{{ID: "minimal", DisplayOrder: &order}, {ID: "desktops"}},
	})
	if got, want := outline(selected), "environment minimal: core\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := selected.Environments[0].DisplayOrder; got == nil || *got != 1000 {
		t.Errorf("got display order %v, want 1000", got)
	}
	if got := *c.Environments[0].DisplayOrder; got != 5 {
		t.Errorf("the argument got display order %d, want 5", got)
	}
	if want := []Unmatched{{"environment", "desktops", "desktop"}}; !slices.Equal(unmatched, want) {
		t.Errorf("got unmatched %q, want %q", unmatched, want)
	}
	if selected, _ := Select(c, Selection{}); len(selected.Environments) != 2 {
		t.Errorf("without a limit: got %d environments, want 2", len(selected.Environments))
	}
}
