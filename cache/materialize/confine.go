package materialize

import (
	"fmt"
	"strings"
)

// confined reports an error if a symbolic link in the directory rel (relative to
// the root of the tree, "" for the root itself) may lead out of the tree.
//
// A target goes up first, then down: "../../a/b". With a step up after a step
// down it depends on other links where it ends; with l -> ".", "l/../x" is
// outside although it reads as "x". The directories above a link are no links,
// so the leading steps up are what they seem, and by induction all links of a
// tree are confined if each is.
func confined(rel, target string) error {
	if target == "" || target[0] == '/' {
		return fmt.Errorf("symbolic link to %q, want a relative path inside the tree", target)
	}
	depth := 0
	if rel != "" {
		depth = strings.Count(rel, "/") + 1
	}
	down := false
	for step := range strings.SplitSeq(target, "/") {
		switch {
		case step == "" || step == ".":
		case step != "..":
			down = true
		case down:
			return fmt.Errorf("symbolic link to %q goes up after it went down", target)
		default:
			depth--
		}
	}
	if depth < 0 {
		return fmt.Errorf("symbolic link to %q leaves the tree", target)
	}
	return nil
}
