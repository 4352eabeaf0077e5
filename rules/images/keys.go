package images

import (
	"strings"

	"github.com/pungo-build/pungo/internal/productmd"
)

// Keys returns the values of the keys that templates of names have: given ones, and
// what follows from type and label of the compose. Of the stamp a rule gives only what
// its templates name; the rest is there without a value, for who misspells it.
func Keys(given [][2]string, kind, label string) map[string]string {
	values := map[string]string{
		"compose_id": "", "date": "", "respin": "",
		"type": kind, "type_suffix": productmd.ComposeType(kind).Mark(),
		"label": label, "label_major_version": majorLabel(label),
	}
	for _, v := range given {
		values[v[0]] = v[1]
	}
	return values
}

// majorLabel is a label up to its last dot: "Beta-1" of "Beta-1.2".
func majorLabel(label string) string {
	if i := strings.LastIndexByte(label, '.'); i >= 0 {
		return label[:i]
	}
	return label
}
