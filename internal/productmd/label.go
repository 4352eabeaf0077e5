package productmd

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// milestones are the names of labels, the least mature first.
var milestones = []string{
	"EA", "DevelPhaseExit", "InternalAlpha", "Alpha", "InternalSnapshot", "Beta", "Snapshot", "RC", "Update", "SecurityFix",
}

// Label is the milestone of a compose, such as "Beta-1.2".
type Label struct {
	Milestone string
	Major     int
	Minor     int
}

var labelPattern = regexp.MustCompile(`^([A-Za-z]+)-(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})$`)

// ParseLabel reads <milestone>-<major>.<minor>.
func ParseLabel(s string) (Label, error) {
	m := labelPattern.FindStringSubmatch(s)
	if m == nil {
		return Label{}, fmt.Errorf("label %q, want <milestone>-<major>.<minor>, for example \"RC-1.0\"", s)
	}
	if !slices.Contains(milestones, m[1]) {
		return Label{}, fmt.Errorf("label %q: milestone %q, want one of %s", s, m[1], strings.Join(milestones, ", "))
	}
	major, _ := strconv.Atoi(m[2]) // at most nine digits
	minor, _ := strconv.Atoi(m[3])
	return Label{Milestone: m[1], Major: major, Minor: minor}, nil
}

// Supported reports whether composes of this milestone are meant for users:
// media are marked as supported and the compose as final.
func (l Label) Supported() bool {
	return l.Milestone == "RC" || l.Milestone == "Update" || l.Milestone == "SecurityFix"
}
