package solve

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDeps solves the cases of testdata/deps.txt.
func TestDeps(t *testing.T) {
	data, err := os.ReadFile("testdata/deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	packages := readDummies(t)
	for _, block := range strings.Split(string(data), "\n= ")[1:] {
		title, body, _ := strings.Cut(block, "\n")
		t.Run(title, func(t *testing.T) {
			c := parseDepsCase(t, body)
			packages := withLookaside(packages, c.lookaside)
			pool := NewPool(packages, PoolOptions{})
			solve := pool.Solve
			if c.selects {
				solve = pool.Select
			}
			got := describe(packages, solve(c.request))
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// depsCase is one situation over the dummy packages.
type depsCase struct {
	request   Request
	selects   bool     // it is for Select
	lookaside []string // patterns of source names
	want      string   // as describe writes it
}

func parseDepsCase(t *testing.T, body string) depsCase {
	t.Helper()
	c := depsCase{request: Request{TreeArch: "x86_64"}}
	for line := range strings.Lines(body) {
		key, words, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "arch":
			c.request.TreeArch = words
		case "want":
			addPatterns(&c.request, words)
		case "select":
			addPatterns(&c.request, words)
			c.selects = true
		case "native":
			addPatterns(&c.request, words)
			for i := range c.request.Inputs {
				c.request.Inputs[i].Native = true
			}
			c.selects = true
		case "with":
			for word := range strings.FieldsSeq(words) {
				applyOption(t, &c.request, word)
			}
		case "lookaside":
			c.lookaside = append(c.lookaside, dummyName(words))
		default:
			c.want += line
		}
	}
	c.want = strings.TrimSpace(c.want)
	return c
}

func addPatterns(r *Request, words string) {
	for word := range strings.FieldsSeq(words) {
		if name, ok := strings.CutPrefix(word, "-"); ok {
			r.Excludes = append(r.Excludes, dummyName(name))
		} else {
			r.Inputs = append(r.Inputs, Input{Pattern: dummyName(word), Reason: "the test"})
		}
	}
}

func applyOption(t *testing.T, r *Request, word string) {
	t.Helper()
	option, value, _ := strings.Cut(word, "=")
	switch option {
	case "fulltree":
		r.Fulltree = true
	case "except":
		r.FulltreeExcludes = append(r.FulltreeExcludes, dummyName(value))
	case "selfhosting":
		r.Selfhosting = true
	case "nodeps":
		r.Nodeps = true
	case "no-source":
		r.ExcludeSource = true
	case "no-debug":
		r.ExcludeDebug = true
	case "greedy":
		r.Greedy = map[string]Greedy{"build": GreedyBuild, "all": GreedyAll}[value]
	case "multilib":
		r.Multilib = develOrRuntime
	case "whitelist":
		r.MultilibWhitelist = append(r.MultilibWhitelist, dummyName(value))
	case "blacklist":
		r.MultilibBlacklist = append(r.MultilibBlacklist, dummyName(value))
	case "prepopulate":
		r.Prepopulate = append(r.Prepopulate, Input{Pattern: dummyName(value), Reason: "the test"})
	case "langpack":
		r.Langpacks = append(r.Langpacks, Langpack{dummyName(value), dummyName(value) + "-%s"})
	case "if":
		trigger, install, _ := strings.Cut(value, ":")
		r.Conditionals = append(r.Conditionals, Conditional{dummyName(trigger), dummyName(install), "the test"})
	default:
		t.Fatalf("option %q", word)
	}
}

// dummyName puts the prefix back. The case of two names is part of what the
// dummy product tests.
func dummyName(name string) string {
	switch base, _, _ := strings.Cut(name, "-"); {
	case name == "*", name == systemRelease:
		return name
	case base == "firefox", base == "xulrunner":
		return "Dummy-" + name
	}
	return "dummy-" + name
}

// withLookaside moves the packages of some sources to a lookaside; "*" copies all.
func withLookaside(packages []Package, sources []string) []Package {
	moved := slices.Clone(packages)
	for i := range moved {
		source := nameOfNVR(sourceNVR(moved[i].Package))
		switch {
		case slices.Contains(sources, "*"):
			moved = append(moved, Package{Package: moved[i].Package, Repo: 1, Lookaside: true})
		case slices.Contains(sources, source):
			moved[i].Repo, moved[i].Lookaside = 1, true
		}
	}
	return moved
}

// describe writes a result as testdata/deps.txt has it.
func describe(packages []Package, r Result) string {
	var b strings.Builder
	write := func(key, text string) {
		if text != "" {
			b.WriteString(key + " " + text + "\n")
		}
	}
	write("binary", shortNames(packages, r.Binaries))
	write("debug", shortNames(packages, r.Debug))
	write("source", shortNames(packages, r.Sources))
	for _, u := range r.Unresolved {
		write("unresolved", shortName(packages[u.Requirer])+": "+u.Requirement)
	}
	for _, u := range r.Unmatched {
		write("unmatched", u.Pattern+": "+u.Why)
	}
	return strings.TrimSpace(b.String())
}

func shortNames(packages []Package, selected []Selected) string {
	var list []string
	for _, s := range selected {
		if !s.Flags.Has(FlagLookaside) {
			list = append(list, shortName(packages[s.Index]))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func shortName(p Package) string {
	return strings.TrimPrefix(p.Name+"."+p.Arch, "dummy-")
}
