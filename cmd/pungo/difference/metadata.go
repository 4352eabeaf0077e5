package difference

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pungo-build/pungo/internal/productmd"
)

// composeFields are what composeinfo.json says of the compose as a whole.
func composeFields(info *productmd.ComposeInfo) map[string]string {
	i := &info.Compose
	fields := map[string]string{
		"compose.id": i.ID, "compose.date": i.Date, "compose.respin": strconv.Itoa(i.Respin),
		"compose.type": string(i.Type), "compose.label": i.Label, "release.internal": strconv.FormatBool(info.Internal),
	}
	if i.Label != "" {
		fields["compose.final"] = strconv.FormatBool(i.Final)
	}
	productFields(fields, "release", &info.Release)
	productFields(fields, "base_product", info.BaseProduct)
	return fields
}

func productFields(fields map[string]string, prefix string, p *productmd.Product) {
	if p != nil {
		fields[prefix+".name"], fields[prefix+".short"] = p.Name, p.Short
		fields[prefix+".version"], fields[prefix+".type"] = p.Version, p.Type
	}
}

// compareVariants compares what composeinfo.json says of variants.
func compareVariants(before, after *productmd.ComposeInfo) []VariantChange {
	old, new := variantFields(before), variantFields(after)
	changes := []VariantChange{}
	for _, uid := range slices.Sorted(maps.Keys(union(old, new))) {
		was, wasThere := old[uid]
		is, isThere := new[uid]
		c := VariantChange{Variant: uid, Change: Changed, Fields: differing(was, is)}
		switch {
		case !wasThere:
			c.Change = Added
		case !isThere:
			c.Change = Removed
		case len(c.Fields) == 0:
			continue
		}
		changes = append(changes, c)
	}
	return changes
}

func variantFields(info *productmd.ComposeInfo) map[string]map[string]string {
	variants := map[string]map[string]string{}
	if info == nil {
		return variants
	}
	for _, v := range info.Variants {
		fields := map[string]string{"id": v.ID, "name": v.Name, "type": v.Type, "parent": v.Parent, "arches": strings.Join(v.Arches, " ")}
		productFields(fields, "release", v.Release)
		for field, byArch := range v.Paths {
			for arch, path := range byArch {
				fields["paths."+field+"."+arch] = path
			}
		}
		variants[v.UID] = fields
	}
	return variants
}

// treeFields are what .treeinfo says, without what differs between any two composes:
// the time and the checksum of repodata.
func treeFields(t *productmd.TreeInfo) map[string]string {
	fields := map[string]string{}
	if t == nil {
		return fields
	}
	fields[".treeinfo"] = "there"
	fields["arch"], fields["platforms"] = t.Arch, strings.Join(slices.Sorted(slices.Values(t.Platforms)), " ")
	fields["stage2.mainimage"], fields["stage2.instimage"] = t.Stage2.MainImage, t.Stage2.InstImage
	productFields(fields, "release", &t.Release)
	productFields(fields, "base_product", t.BaseProduct)
	for _, v := range t.Variants {
		prefix := "variant." + v.UID + "."
		fields[prefix+"name"], fields[prefix+"type"] = v.Name, v.Type
		fields[prefix+"packages"], fields[prefix+"repository"] = v.Packages, v.Repository
	}
	for platform, images := range t.Images {
		for name, at := range images {
			fields["images."+platform+"."+name] = at
		}
	}
	for file, sum := range t.Checksums {
		if path.Base(file) != "repomd.xml" {
			fields["checksum."+file] = sum.Algorithm + ":" + sum.Hex
		}
	}
	return fields
}

// ModuleChange is a stream of a module that changed.
type ModuleChange struct {
	Module string `json:"module"`
	Stream string `json:"stream"`
	Change Kind   `json:"change"` // added, removed or changed
	// Before and After are its builds, version:context.
	Before []string `json:"before"`
	After  []string `json:"after"`
	// Packages of all builds, by NEVRA.
	PackagesAdded   []string `json:"packages_added"`
	PackagesRemoved []string `json:"packages_removed"`
}

// stream is a stream of a module, with its builds and their packages.
type stream struct{ builds, packages map[string]bool }

func streams(modules []productmd.Module) map[[2]string]stream {
	all := map[[2]string]stream{}
	for i := range modules {
		m := &modules[i]
		key := [2]string{m.Name, m.Stream}
		s, ok := all[key]
		if !ok {
			s = stream{map[string]bool{}, map[string]bool{}}
			all[key] = s
		}
		s.builds[m.Version+":"+m.Context] = true
		for _, nevra := range m.RPMs {
			s.packages[nevra] = true
		}
	}
	return all
}

func compareModules(before, after []productmd.Module) []ModuleChange {
	old, new := streams(before), streams(after)
	changes := []ModuleChange{}
	for key := range union(old, new) {
		was, wasThere := old[key]
		is, isThere := new[key]
		c := ModuleChange{
			Module: key[0], Stream: key[1], Change: Changed, Before: sorted(was.builds), After: sorted(is.builds),
			PackagesAdded: without(is.packages, was.packages), PackagesRemoved: without(was.packages, is.packages),
		}
		switch {
		case !wasThere:
			c.Change = Added
		case !isThere:
			c.Change = Removed
		case slices.Equal(c.Before, c.After) && len(c.PackagesAdded)+len(c.PackagesRemoved) == 0:
			continue
		}
		changes = append(changes, c)
	}
	slices.SortFunc(changes, func(a, b ModuleChange) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Stream, b.Stream))
	})
	return changes
}

// sorted lists a set.
func sorted(set map[string]bool) []string { return without(set, nil) }

// without lists what one set has and another has not.
func without(set, other map[string]bool) []string {
	list := []string{}
	for _, s := range slices.Sorted(maps.Keys(set)) {
		if !other[s] {
			list = append(list, s)
		}
	}
	return list
}

// ImageChange is an image that changed.
type ImageChange struct {
	// Image says which: subvariant, type, format and arch, and the disc of several.
	Image  string  `json:"image"`
	Change Kind    `json:"change"` // added, removed or changed
	Before string  `json:"before"` // path, or ""
	After  string  `json:"after"`
	Size   Size    `json:"size"`
	Fields []Field `json:"fields"` // volume_id, bootable …; not the checksums
}

func imageName(i *productmd.ListedImage) string {
	name := strings.Join([]string{i.Subvariant, i.Type, i.Format, i.Arch}, " ")
	if i.DiscCount > 1 || i.DiscNumber > 1 {
		name += " disc " + strconv.Itoa(i.DiscNumber)
	}
	return name
}

func imageFields(i *productmd.ListedImage) map[string]string {
	return map[string]string{
		"volume_id": i.VolumeID, "bootable": strconv.FormatBool(i.Bootable), "disc_count": strconv.Itoa(i.DiscCount),
		"implant_md5": map[bool]string{true: "there"}[i.ImplantMD5 != ""],
	}
}

// sameImage reports whether nothing says that two images have other content.
func sameImage(a, b *productmd.ListedImage) bool {
	for algorithm, sum := range a.Checksums {
		if other, ok := b.Checksums[algorithm]; ok && other != sum {
			return false
		}
	}
	return a.Size == b.Size
}

// compareImages compares the images of a cell. Their names have the compose's id, so
// they are known by what they are; of several of a kind, by their order.
func compareImages(before, after []productmd.ListedImage) []ImageChange {
	byName := map[string]*[2][]*productmd.ListedImage{}
	for side, list := range [][]productmd.ListedImage{before, after} {
		for i := range list {
			name := imageName(&list[i])
			if byName[name] == nil {
				byName[name] = new([2][]*productmd.ListedImage)
			}
			byName[name][side] = append(byName[name][side], &list[i])
		}
	}
	changes := []ImageChange{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		old, new := byName[name][0], byName[name][1]
		for i := range max(len(old), len(new)) {
			c := ImageChange{Image: name, Change: Changed, Fields: []Field{}}
			if i < len(old) {
				c.Before, c.Size.Before = old[i].Path, old[i].Size
			}
			if i < len(new) {
				c.After, c.Size.After = new[i].Path, new[i].Size
			}
			switch {
			case i >= len(old):
				c.Change = Added
			case i >= len(new):
				c.Change = Removed
			default:
				c.Fields = differing(imageFields(old[i]), imageFields(new[i]))
				if len(c.Fields) == 0 && sameImage(old[i], new[i]) {
					continue
				}
			}
			changes = append(changes, c)
		}
	}
	return changes
}
