package rpm

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Compare orders two EVRs as rpm does: by epoch, then version, then release.
// It returns -1, 0 or +1. A missing release sorts before every release; use
// Dependency.Overlaps where it is to match every release instead.
func Compare(a, b EVR) int {
	if a.Epoch != b.Epoch {
		if a.Epoch < b.Epoch {
			return -1
		}
		return 1
	}
	if c := CompareVersion(a.Version, b.Version); c != 0 {
		return c
	}
	switch {
	case a.Release == b.Release:
		return 0
	case a.Release == "":
		return -1
	case b.Release == "":
		return 1
	}
	return CompareVersion(a.Release, b.Release)
}

// CompareVersion orders two version strings, or two release strings, as
// rpmvercmp does, and returns -1, 0 or +1. It allocates nothing.
//
// Both are cut into runs of digits and runs of ASCII letters, which are compared
// one by one; everything else only separates, except that '~' sorts before
// the end of the string (1.0~rc1 < 1.0) and '^' right after it
// (1.0 < 1.0^git1 < 1.0.1). Digits compare as numbers of any size and are
// newer than letters. Thus different strings can be equal: "1.0" and "1_0".
func CompareVersion(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" || b != "" {
		a, b = skipSeparators(a), skipSeparators(b)
		if c, marked := compareMark(a, b); marked {
			if c != 0 {
				return c
			}
			a, b = a[1:], b[1:]
			continue
		}
		if a == "" || b == "" {
			break
		}
		number := isDigit(a[0])
		i, j := run(a, number), run(b, number)
		if j == 0 { // the kinds differ, and numbers are newer
			if number {
				return 1
			}
			return -1
		}
		if c := compareRun(a[:i], b[:j], number); c != 0 {
			return c
		}
		a, b = a[i:], b[j:]
	}
	switch {
	case a != "":
		return 1
	case b != "":
		return -1
	}
	return 0
}

// compareMark orders strings of which at least one begins with '~' or '^';
// marked is false when neither does. 0 means that both begin with the same one.
func compareMark(a, b string) (order int, marked bool) {
	x, y := first(a), first(b)
	switch {
	case x == '~' && y == '~', x == '^' && y == '^':
		return 0, true
	case x == '~':
		return -1, true
	case y == '~':
		return 1, true
	case x == '^' && y == 0:
		return 1, true
	case x == '^':
		return -1, true
	case y == '^' && x == 0:
		return -1, true
	case y == '^':
		return 1, true
	}
	return 0, false
}

// first is the first byte of s, or 0.
func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}

// compareRun orders two runs of digits as numbers, or two runs of letters.
func compareRun(a, b string, number bool) int {
	if number {
		a, b = trimZeros(a), trimZeros(b)
		if len(a) != len(b) {
			if len(a) < len(b) {
				return -1
			}
			return 1
		}
	}
	return strings.Compare(a, b)
}

// skipSeparators drops what neither is compared nor marks anything.
func skipSeparators(s string) string {
	i := 0
	for i < len(s) && !isDigit(s[i]) && !isLetter(s[i]) && s[i] != '~' && s[i] != '^' {
		i++
	}
	return s[i:]
}

// run is the length of the run of digits, or of letters, that s begins with.
func run(s string, number bool) int {
	i := 0
	if number {
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i
	}
	for i < len(s) && isLetter(s[i]) {
		i++
	}
	return i
}

func trimZeros(s string) string {
	i := 0
	for i < len(s) && s[i] == '0' {
		i++
	}
	return s[i:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isLetter knows ASCII only, as rpm does in every locale.
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// parseEVR reads "1:2.3-4", "2.3-4" or "2.3".
func parseEVR(s string) (EVR, error) {
	v, err := splitEVR(s)
	if err != nil {
		return EVR{}, err
	}
	if err := checkVersion(v.Version); err != nil {
		return EVR{}, fmt.Errorf("%q: version %w", s, err)
	}
	if strings.HasSuffix(s, "-") || v.Release != "" {
		if err := checkVersion(v.Release); err != nil {
			return EVR{}, fmt.Errorf("%q: release %w", s, err)
		}
	}
	return v, nil
}

// splitEVR takes s apart exactly as rpm does and lets odd characters pass, since
// a header may say anything: only leading digits can be an epoch, and the
// release begins after the last '-'. The only error is an epoch beyond 32 bits.
func splitEVR(s string) (EVR, error) {
	var v EVR
	digits := run(s, true)
	if digits < len(s) && s[digits] == ':' {
		if digits > 0 {
			epoch, err := strconv.ParseUint(s[:digits], 10, 32)
			if err != nil {
				return EVR{}, fmt.Errorf("%q: epoch %s, want at most %d", s, s[:digits], uint32(math.MaxUint32))
			}
			v.Epoch = uint32(epoch)
		}
		s = s[digits+1:]
	}
	v.Version = s
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		v.Version, v.Release = s[:i], s[i+1:]
	}
	return v, nil
}

// checkVersion says what keeps s from being a version or a release.
func checkVersion(s string) error {
	if s == "" {
		return fmt.Errorf("%q is empty", s)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == 0x7f || strings.IndexByte("-:/()<>=,", c) >= 0 {
			return fmt.Errorf("%q has a %q", s, c)
		}
	}
	return nil
}

// String is "1:2.3-4"; the epoch is left out if it is 0, an empty release too.
func (v EVR) String() string {
	return string(v.append(make([]byte, 0, 48)))
}

func (v EVR) append(b []byte) []byte {
	if v.Epoch != 0 {
		b = strconv.AppendUint(b, uint64(v.Epoch), 10)
		b = append(b, ':')
	}
	b = append(b, v.Version...)
	if v.Release != "" {
		b = append(b, '-')
		b = append(b, v.Release...)
	}
	return b
}

// String is "bash-0:5.2-1.x86_64", the form of compose metadata: the epoch is
// always there.
func (n NEVRA) String() string {
	b := make([]byte, 0, 96)
	b = append(b, n.Name...)
	b = append(b, '-')
	if n.Epoch == 0 {
		b = append(b, "0:"...)
	}
	b = n.EVR.append(b)
	b = append(b, '.')
	return string(append(b, n.Arch...))
}

// FileName is "bash-5.2-1.x86_64.rpm", what rpmbuild calls the file. The epoch
// is not part of it.
func (n NEVRA) FileName() string {
	return n.Name + "-" + n.Version + "-" + n.Release + "." + n.Arch + ".rpm"
}

// IsSource tells whether the package is a source package.
func (n NEVRA) IsSource() bool { return n.Arch == "src" || n.Arch == "nosrc" }

// ParseNEVRA reads "bash-0:5.2-1.x86_64"; the epoch may be missing.
func ParseNEVRA(s string) (NEVRA, error) {
	const form = "name-[epoch:]version-release.arch"
	rest, arch, ok := cutLast(s, '.')
	if !ok || arch == "" || strings.ContainsAny(arch, "-:/ ") {
		return NEVRA{}, fmt.Errorf("%q has no architecture, want %s", s, form)
	}
	nameVersion, release, ok := cutLast(rest, '-')
	if !ok {
		return NEVRA{}, fmt.Errorf("%q has no release, want %s", s, form)
	}
	name, version, ok := cutLast(nameVersion, '-')
	if !ok {
		return NEVRA{}, fmt.Errorf("%q has no version, want %s", s, form)
	}
	if name == "" || strings.ContainsAny(name, "/: ") {
		return NEVRA{}, fmt.Errorf("%q: name %q, want %s", s, name, form)
	}
	evr, err := parseEVR(version + "-" + release)
	if err != nil {
		return NEVRA{}, fmt.Errorf("%q: %w", s, err)
	}
	return NEVRA{Name: name, EVR: evr, Arch: arch}, nil
}

// ParseFileName reads "bash-5.2-1.x86_64.rpm". File names do not tell the epoch:
// it is 0 in the result.
func ParseFileName(s string) (NEVRA, error) {
	rest, ok := strings.CutSuffix(s, ".rpm")
	if !ok {
		return NEVRA{}, fmt.Errorf("%q does not end in .rpm", s)
	}
	n, err := ParseNEVRA(rest)
	if err == nil && n.Epoch != 0 {
		return NEVRA{}, fmt.Errorf("%q: file names have no epoch", s)
	}
	return n, err
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
