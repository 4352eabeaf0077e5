// Package catalogue lists the phases that ship with pungo: their rules in
// Starlark and their tools in Go.
package catalogue

import (
	"github.com/pungo-build/pungo/rules"
	"github.com/pungo-build/pungo/rules/bootimage"
	"github.com/pungo-build/pungo/rules/boottest"
	"github.com/pungo-build/pungo/rules/buildinstall"
	"github.com/pungo-build/pungo/rules/comps"
	"github.com/pungo-build/pungo/rules/createiso"
	"github.com/pungo-build/pungo/rules/createrepo"
	"github.com/pungo-build/pungo/rules/extrafiles"
	"github.com/pungo-build/pungo/rules/extraisos"
	"github.com/pungo-build/pungo/rules/gather"
	"github.com/pungo-build/pungo/rules/gitfiles"
	"github.com/pungo-build/pungo/rules/imagechecksum"
	"github.com/pungo-build/pungo/rules/images"
	"github.com/pungo-build/pungo/rules/imagetest"
	"github.com/pungo-build/pungo/rules/layout"
	"github.com/pungo-build/pungo/rules/metadata"
	"github.com/pungo-build/pungo/rules/modules"
	"github.com/pungo-build/pungo/rules/payload"
	"github.com/pungo-build/pungo/rules/pkgset"
	"github.com/pungo-build/pungo/rules/productimg"
	"github.com/pungo-build/pungo/rules/repo"
	"github.com/pungo-build/pungo/rules/repoclosure"
	"github.com/pungo-build/pungo/rules/rpm"
	"github.com/pungo-build/pungo/rules/treemetadata"
	"github.com/pungo-build/pungo/rules/universe"
)

// Phase is one phase: a file of rules, and the tools that they name.
type Phase struct {
	Name  string // of the file, without ".star"
	Star  []byte
	Tools []*rules.Tool
}

// Phases returns the phases in the order in which a compose meets them.
func Phases() []Phase {
	return []Phase{
		{"rpm", rpm.Star, rpm.Tools()},
		{"repo", repo.Star, repo.Tools()},
		{"comps", comps.Star, comps.Tools()},
		{"modulemd", modules.SourceStar, nil},
		{"pkgset", pkgset.Star, pkgset.Tools()},
		{"modules", modules.Star, modules.Tools()},
		{"gather", gather.Star, gather.Tools()},
		{"createrepo", createrepo.Star, createrepo.Tools()},
		{"git_files", gitfiles.Star, gitfiles.Tools()},
		{"payload", payload.Star, payload.Tools()},
		{"extra_files", extrafiles.Star, extrafiles.Tools()},
		{"tree_metadata", treemetadata.Star, treemetadata.Tools()},
		{"images", images.Star, images.Tools()},
		{"boot", createiso.BootStar, nil},
		{"createiso", createiso.Star, createiso.Tools()},
		{"extra_isos", extraisos.Star, extraisos.Tools()},
		{"productimg", productimg.Star, productimg.Tools()},
		{"boot_image", bootimage.Star, bootimage.Tools()},
		{"buildinstall", buildinstall.Star, buildinstall.Tools()},
		{"boot_test", boottest.Star, boottest.Tools()},
		{"image_checksum", imagechecksum.Star, imagechecksum.Tools()},
		{"metadata", metadata.Star, metadata.Tools()},
		{"repoclosure", repoclosure.Star, repoclosure.Tools()},
		{"image_test", imagetest.Star, imagetest.Tools()},
	}
}

// Tools returns every tool by name: those of the phases, those that several of them
// call, and those that the language itself calls.
func Tools() map[string]*rules.Tool {
	tools := map[string]*rules.Tool{}
	add := func(list []*rules.Tool) {
		for _, t := range list {
			tools[t.Name] = t
		}
	}
	add(layout.Tools())
	add(universe.Tools())
	for _, p := range Phases() {
		add(p.Tools)
	}
	return tools
}
