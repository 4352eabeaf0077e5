package productmd

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// releaseJSON is the section release, or base_product, of a file that is read.
type releaseJSON struct {
	Name     string `json:"name"`
	Short    string `json:"short"`
	Version  string `json:"version"`
	Type     string `json:"type"`
	Internal bool   `json:"internal"`
}

func (r *releaseJSON) product() *Product {
	if r == nil {
		return nil
	}
	return &Product{Name: r.Name, Short: r.Short, Version: r.Version, Type: cmp.Or(r.Type, "ga")}
}

// variantJSON is a variant in composeinfo.json.
type variantJSON struct {
	ID       string                       `json:"id"`
	UID      string                       `json:"uid"`
	Name     string                       `json:"name"`
	Type     string                       `json:"type"`
	Arches   []string                     `json:"arches"`
	Paths    map[string]map[string]string `json:"paths"`
	Release  *releaseJSON                 `json:"release"`
	Children []string                     `json:"variants"` // their ids
}

// ParseComposeInfo reads composeinfo.json. The variants come sorted by uid. What
// the file lacks stays empty; Validate tells whether productmd would accept it.
func ParseComposeInfo(r io.Reader) (*ComposeInfo, error) {
	var payload struct {
		Compose     composeJSON            `json:"compose"`
		Release     releaseJSON            `json:"release"`
		BaseProduct *releaseJSON           `json:"base_product"`
		Variants    map[string]variantJSON `json:"variants"`
	}
	if err := readDocument(r, "composeinfo", &payload); err != nil {
		return nil, err
	}
	c := &ComposeInfo{
		Compose: Compose(payload.Compose), Release: *payload.Release.product(), Internal: payload.Release.Internal,
		BaseProduct: payload.BaseProduct.product(),
	}
	parents := map[string]string{}
	for uid, v := range payload.Variants {
		for _, id := range v.Children {
			parents[uid+"-"+id] = uid
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(payload.Variants)) {
		v := payload.Variants[uid]
		slices.Sort(v.Arches)
		c.Variants = append(c.Variants, Variant{
			ID: v.ID, UID: uid, Parent: parents[uid], Name: v.Name, Type: v.Type, Arches: v.Arches, Paths: v.Paths,
			Release: v.Release.product(), Internal: v.Release != nil && v.Release.Internal,
		})
	}
	return c, nil
}

// ParseModules reads modules.json. The modules come sorted by variant, arch and
// uid. That a uid has four parts is checked; Validate says what else productmd
// would not accept.
func ParseModules(r io.Reader) (*Modules, error) {
	type entry struct {
		Metadata struct {
			KojiTag string `json:"koji_tag"`
		} `json:"metadata"`
		Modulemd map[string]string `json:"modulemd_path"`
		RPMs     []string          `json:"rpms"`
	}
	var payload struct {
		Compose composeJSON                            `json:"compose"`
		Modules map[string]map[string]map[string]entry `json:"modules"`
	}
	if err := readDocument(r, "modules", &payload); err != nil {
		return nil, err
	}
	m := &Modules{Compose: Compose(payload.Compose)}
	for _, variant := range slices.Sorted(maps.Keys(payload.Modules)) {
		for _, arch := range slices.Sorted(maps.Keys(payload.Modules[variant])) {
			byUID := payload.Modules[variant][arch]
			for _, uid := range slices.Sorted(maps.Keys(byUID)) {
				part := strings.Split(uid, ":")
				if len(part) != 4 {
					return nil, fmt.Errorf("module %q in %s.%s, want name:stream:version:context", uid, variant, arch)
				}
				e := byUID[uid]
				m.Modules = append(m.Modules, Module{
					Variant: variant, Arch: arch, Name: part[0], Stream: part[1], Version: part[2], Context: part[3],
					KojiTag: e.Metadata.KojiTag, Modulemd: e.Modulemd, RPMs: e.RPMs,
				})
			}
		}
	}
	return m, nil
}
