package cache

import "time"

// Result is what an action yielded. Its stored form is the ActionResult message
// of the Remote Execution API; directories are named by root_directory_digest,
// so no message holds all children of a large tree.
type Result struct {
	// Outputs by path, sorted. Name is the path below the output root; an
	// optional output that was not made is not listed.
	Outputs []Node
	// Stdout and Stderr of a host program; zero if it printed nothing.
	Stdout, Stderr Digest
	// ExitCode of a host program. Only tests are recorded with one that is not 0.
	ExitCode int
	// Warnings for the person who builds, in order.
	Warnings []string
	// Duration of the run that made the result.
	Duration time.Duration
}

// Output returns the output with the given path.
func (r Result) Output(path string) (Node, bool) {
	for _, n := range r.Outputs {
		if n.Name == path {
			return n, true
		}
	}
	return Node{}, false
}
