package debrpm

import (
	"bytes"

	"github.com/pungo-build/pungo/internal/rpm"
)

// interpreters are the programs that run the scripts among the files.
func interpreters(files []rpm.Content, wanted func(string) bool) []rpm.Dependency {
	if wanted == nil {
		return nil
	}
	var deps []rpm.Dependency
	for i := range files {
		if files[i].Mode&0o111 == 0 {
			continue
		}
		if p := interpreter(files[i].Data); p != "" && wanted(p) {
			deps = append(deps, rpm.Dependency{Name: p})
		}
	}
	return deps
}

// interpreter is the absolute path in the line "#!PATH ARGUMENT" that a script
// begins with, or "".
func interpreter(script []byte) string {
	line, ok := bytes.CutPrefix(script[:min(len(script), maxInterpreterLine)], []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words := bytes.Fields(line)
	if len(words) == 0 || words[0][0] != '/' || bytes.ContainsFunc(words[0], func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return ""
	}
	return string(words[0])
}

// maxInterpreterLine is what Linux reads of the line, in bytes.
const maxInterpreterLine = 256
