package debrpm

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/internal/rpm"
)

// filesystem is the package that has the links of a merged /usr.
const filesystem = "base-files"

// addRelations adds what the control file says of other packages.
func addRelations(s *rpm.Spec, c *Control, loader bool) error {
	for _, field := range []string{"Pre-Depends", "Depends"} {
		deps, err := parseRelations(c.fields[strings.ToLower(field)])
		if err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		for i := range deps {
			deps[i].Pre = field == "Pre-Depends"
		}
		s.Requires = append(s.Requires, deps...)
	}
	if loader {
		s.Requires = append(s.Requires, rpm.Dependency{Name: filesystem})
	}
	deps, err := parseRelations(c.fields["provides"])
	if err != nil {
		return fmt.Errorf("Provides: %w", err)
	}
	for _, d := range deps {
		if d.IsRich() {
			return fmt.Errorf("Provides: %q, want no alternatives", d.Name)
		}
	}
	s.Provides = append(s.Provides, deps...)
	return nil
}

// parseRelations reads "a (>= 1:2.0-1), b:any | c"; alternatives become a rich
// dependency, "(b or c)".
func parseRelations(field string) ([]rpm.Dependency, error) {
	var deps []rpm.Dependency
	for part := range strings.SplitSeq(field, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		var alternatives []string
		var d rpm.Dependency
		for one := range strings.SplitSeq(part, "|") {
			var err error
			if d, err = parseRelation(one); err != nil {
				return nil, err
			}
			alternatives = append(alternatives, d.String())
		}
		if len(alternatives) > 1 {
			d = rpm.Dependency{Name: "(" + strings.Join(alternatives, " or ") + ")"}
		}
		deps = append(deps, d)
	}
	return deps, nil
}

// senses are rpm's meanings of Debian's operators. The last two are old, and
// never meant what they look like.
var senses = map[string]rpm.Sense{
	"<<": rpm.Less, "<=": rpm.Less | rpm.Equal, "=": rpm.Equal, ">=": rpm.Greater | rpm.Equal, ">>": rpm.Greater,
	"<": rpm.Less | rpm.Equal, ">": rpm.Greater | rpm.Equal,
}

// parseRelation reads "a (>= 1:2.0-1)" or "a:any". The architecture behind the
// colon is dropped: rpm's packages of several arches satisfy one another.
func parseRelation(s string) (rpm.Dependency, error) {
	name, version, versioned := strings.Cut(s, "(")
	name, _, _ = strings.Cut(strings.TrimSpace(name), ":")
	if err := checkName(name); err != nil {
		return rpm.Dependency{}, fmt.Errorf("relation %q: %w", s, err)
	}
	d := rpm.Dependency{Name: name}
	if !versioned {
		return d, nil
	}
	version, ok := strings.CutSuffix(strings.TrimSpace(version), ")")
	if !ok {
		return rpm.Dependency{}, fmt.Errorf("relation %q, want NAME (OPERATOR VERSION)", s)
	}
	operator := version[:len(version)-len(strings.TrimLeft(version, "<=>"))]
	if d.Sense, ok = senses[operator]; !ok {
		return rpm.Dependency{}, fmt.Errorf("relation %q: operator %q, want one of << <= = >= >>", s, operator)
	}
	var err error
	if d.EVR, err = parseVersion(strings.TrimSpace(version[len(operator):])); err != nil {
		return rpm.Dependency{}, fmt.Errorf("relation %q: %w", s, err)
	}
	return d, nil
}

// parseVersion reads "[epoch:]upstream[-revision]". To Debian no revision is
// revision 0, and so it gets release 0: "<< 2.0" must not match 2.0-1. What rpm
// cannot have in a version becomes a '.', which separates as well.
func parseVersion(s string) (rpm.EVR, error) {
	const form = "[EPOCH:]UPSTREAM[-REVISION]"
	v := rpm.EVR{Version: s, Release: "0"}
	if epoch, rest, ok := strings.Cut(s, ":"); ok {
		n, err := strconv.ParseUint(epoch, 10, 31)
		if err != nil {
			return rpm.EVR{}, fmt.Errorf("version %q: epoch %q, want %s", s, epoch, form)
		}
		v.Epoch, v.Version = uint32(n), rest
	}
	if i := strings.LastIndexByte(v.Version, '-'); i >= 0 {
		v.Version, v.Release = v.Version[:i], v.Version[i+1:]
	}
	v.Version = strings.NewReplacer("-", ".", ":", ".").Replace(v.Version)
	if !isVersion(v.Version) || !isVersion(v.Release) {
		return rpm.EVR{}, fmt.Errorf("version %q, want %s of letters, digits and .+~", s, form)
	}
	return v, nil
}

// isVersion tells whether s can be a version of both worlds.
func isVersion(s string) bool { return s != "" && strings.Trim(s, alphanumeric+".+~") == "" }

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// checkName says what keeps s from being the name of a package.
func checkName(s string) error {
	if s == "" || strings.Trim(s, alphanumeric+"+.-") != "" || strings.Trim(s[:1], alphanumeric) != "" {
		return fmt.Errorf("name %q, want letters, digits and +.-", s)
	}
	return nil
}

// sortDependencies sorts a list and drops what it has twice. Of a dependency
// with and without Pre the one with it remains.
func sortDependencies(list *[]rpm.Dependency) {
	slices.SortFunc(*list, func(a, b rpm.Dependency) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.String(), b.String()), compareBool(b.Pre, a.Pre))
	})
	*list = slices.CompactFunc(*list, func(a, b rpm.Dependency) bool {
		a.Pre, b.Pre = false, false
		return a == b
	})
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
