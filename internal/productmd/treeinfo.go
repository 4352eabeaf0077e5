package productmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// TreeInfo is the content of .treeinfo, the file at the top of a tree or medium
// that tells an installer what is there.
type TreeInfo struct {
	Release     Product  // its Type is not recorded
	BaseProduct *Product // what a layered release is based on, else nil
	Arch        string   // "src" for a tree of sources
	Timestamp   int64    // Unix seconds
	Platforms   []string // beside Arch, for example "xen"
	Variants    []TreeVariant
	Images      map[string]map[string]string // platform to name of the image to path
	Stage2      Stage2
	Checksums   map[string]Checksum // by path
	Media       *Media              // on media only
}

// TreeVariant is a variant or addon of a tree.
type TreeVariant struct {
	ID         string
	UID        string
	Name       string
	Type       string // "addon" for an addon, which has a section of another kind
	Parent     string // uid of an addon's variant, else ""
	Packages   string // directory of packages, for example "Packages"
	Repository string // directory with repodata, for example "."
}

// Stage2 has the paths of what an installer loads; "" if there is none.
type Stage2 struct {
	MainImage string
	InstImage string
}

// Checksum is the checksum of a file.
type Checksum struct {
	Algorithm string
	Hex       string // lower-case
}

// Media says which disc of a set this is.
type Media struct {
	Disc  int // from 1
	Total int
}

// Validate reports what productmd would not accept.
func (t *TreeInfo) Validate() error {
	if err := t.Release.Validate(); err != nil {
		return err
	}
	if t.BaseProduct != nil {
		if err := t.BaseProduct.Validate(); err != nil {
			return fmt.Errorf("base product: %w", err)
		}
	}
	if t.Arch != "src" {
		if err := ValidateArch(t.Arch); err != nil {
			return err
		}
	}
	if t.Timestamp <= 0 {
		return fmt.Errorf("timestamp %d, want seconds since 1970", t.Timestamp)
	}
	if t.Media != nil && (t.Media.Disc < 1 || t.Media.Total < t.Media.Disc) {
		return fmt.Errorf("disc %d of %d, want numbers from 1", t.Media.Disc, t.Media.Total)
	}
	if err := t.validateVariants(); err != nil {
		return err
	}
	return t.validateFiles()
}

func (t *TreeInfo) validateVariants() error {
	top := make(map[string]bool)
	seen := make(map[string]bool)
	for _, v := range t.Variants {
		if seen[v.UID] {
			return fmt.Errorf("variant %q is listed twice", v.UID)
		}
		seen[v.UID] = true
		if v.Parent == "" {
			top[v.UID] = true
		}
	}
	if len(top) == 0 {
		return errors.New("no variant, want at least one")
	}
	for _, v := range t.Variants {
		if err := v.validate(); err != nil {
			return fmt.Errorf("variant %q: %w", v.UID, err)
		}
		if v.Parent != "" && !top[v.Parent] {
			return fmt.Errorf("variant %q: parent %q is not in the tree", v.UID, v.Parent)
		}
	}
	return nil
}

func (v *TreeVariant) validate() error {
	if err := ValidateVariantID(v.ID); err != nil {
		return err
	}
	if strings.TrimSpace(v.Name) == "" {
		return fmt.Errorf("variant name %q, want some text", v.Name)
	}
	if err := validateOneOf("type", v.Type, []string{"variant", "optional", "addon"}); err != nil {
		return err
	}
	if addon := v.Type == "addon"; addon != (v.Parent != "") {
		return fmt.Errorf("type %q with parent %q, want a parent for addons and no others", v.Type, v.Parent)
	}
	if v.Parent != "" && v.UID != v.Parent+"-"+v.ID {
		return fmt.Errorf("id %q, want the uid to be %q", v.ID, v.Parent+"-"+v.ID)
	}
	for _, dir := range []string{v.Packages, v.Repository} {
		if !fs.ValidPath(dir) {
			return fmt.Errorf("path %q, want a clean relative path", dir)
		}
	}
	return nil
}

func (t *TreeInfo) validateFiles() error {
	platforms := t.platforms()
	for _, platform := range slices.Sorted(maps.Keys(t.Images)) {
		if !slices.Contains(platforms, platform) {
			return fmt.Errorf("images of platform %q, which is not one of the tree: %s", platform, strings.Join(platforms, ", "))
		}
		for _, name := range slices.Sorted(maps.Keys(t.Images[platform])) {
			if err := validatePath(t.Images[platform][name]); err != nil {
				return fmt.Errorf("image %q: %w", name, err)
			}
		}
	}
	for _, path := range []string{t.Stage2.MainImage, t.Stage2.InstImage} {
		if path == "" {
			continue
		}
		if err := validatePath(path); err != nil {
			return fmt.Errorf("stage2: %w", err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(t.Checksums)) {
		if err := validatePath(path); err != nil {
			return fmt.Errorf("checksums: %w", err)
		}
		sum := t.Checksums[path]
		if sum.Algorithm == "" || sum.Hex == "" || strings.Trim(sum.Hex, "0123456789abcdef") != "" {
			return fmt.Errorf("%s: checksum %s %q, want lower-case hexadecimal digits", path, sum.Algorithm, sum.Hex)
		}
	}
	return nil
}

// platforms returns all platforms, sorted; the arch is always one.
func (t *TreeInfo) platforms() []string {
	all := append([]string{t.Arch}, t.Platforms...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Encode writes .treeinfo.
func (t *TreeInfo) Encode(w io.Writer) error {
	if err := t.Validate(); err != nil {
		return err
	}
	return t.ini().encode(w)
}

func (t *TreeInfo) ini() ini {
	f := make(ini)
	f.set("header", "type", "productmd.treeinfo")
	f.set("header", "version", formatVersion)
	setProduct(f, "release", t.Release)
	if t.BaseProduct != nil {
		f.set("release", "is_layered", "true")
		setProduct(f, "base_product", *t.BaseProduct)
	}
	f.set("tree", "arch", t.Arch)
	f.set("tree", "build_timestamp", strconv.FormatInt(t.Timestamp, 10))
	f.set("tree", "platforms", strings.Join(t.platforms(), ","))
	t.setVariants(f)
	t.setFiles(f)
	if t.Media != nil {
		f.set("media", "discnum", strconv.Itoa(t.Media.Disc))
		f.set("media", "totaldiscs", strconv.Itoa(t.Media.Total))
	}
	t.setGeneral(f)
	return f
}

func setProduct(f ini, section string, p Product) {
	f.set(section, "name", p.Name)
	f.set(section, "short", p.Short)
	f.set(section, "version", p.Version)
}

func (t *TreeInfo) setVariants(f ini) {
	var uids []string
	addons := make(map[string][]string)
	for _, v := range t.Variants {
		section := v.section()
		f.set(section, "id", v.ID)
		f.set(section, "uid", v.UID)
		f.set(section, "name", v.Name)
		f.set(section, "type", v.Type)
		f.set(section, "packages", v.Packages)
		f.set(section, "repository", v.Repository)
		if v.Parent == "" {
			uids = append(uids, v.UID)
			continue
		}
		f.set(section, "parent", v.Parent)
		addons[v.Parent] = append(addons[v.Parent], v.UID)
	}
	for _, v := range t.Variants {
		if children := addons[v.UID]; len(children) > 0 {
			f.set(v.section(), "addons", joinSorted(children))
		}
	}
	f.set("tree", "variants", joinSorted(uids))
}

// section returns the name of the variant's section.
func (v *TreeVariant) section() string {
	if v.Type == "addon" {
		return "addon-" + v.UID
	}
	return "variant-" + v.UID
}

func (t *TreeInfo) setFiles(f ini) {
	for platform, images := range t.Images {
		for name, path := range images {
			f.set("images-"+platform, name, path)
		}
	}
	if t.Stage2.MainImage != "" {
		f.set("stage2", "mainimage", t.Stage2.MainImage)
	}
	if t.Stage2.InstImage != "" {
		f.set("stage2", "instimage", t.Stage2.InstImage)
	}
	for path, sum := range t.Checksums {
		f.set("checksums", path, sum.Algorithm+":"+sum.Hex)
	}
}

// setGeneral adds the section that readers older than productmd know. Unlike
// the others it calls variants by id and speaks of one in particular: the first
// by id.
func (t *TreeInfo) setGeneral(f ini) {
	var top []TreeVariant
	for _, v := range t.Variants {
		if v.Parent == "" {
			top = append(top, v)
		}
	}
	slices.SortFunc(top, func(a, b TreeVariant) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.UID, b.UID)) })
	var ids []string
	for _, v := range top {
		ids = append(ids, v.ID)
	}
	f["general"] = map[string]string{
		// Not keys but comments, in the place where productmd has its own.
		noticePrefix + "0": "this section is for readers of the format before productmd",
		noticePrefix + "1": "the same facts are in the other sections, described by productmd",

		"name":       t.Release.Name + " " + t.Release.Version,
		"family":     t.Release.Name,
		"version":    t.Release.Version,
		"arch":       t.Arch,
		"platforms":  strings.Join(t.platforms(), ","),
		"timestamp":  strconv.FormatInt(t.Timestamp, 10),
		"variants":   strings.Join(ids, ","),
		"variant":    top[0].ID,
		"packagedir": top[0].Packages,
		"repository": top[0].Repository,
	}
}

func joinSorted(words []string) string {
	return strings.Join(slices.Sorted(slices.Values(words)), ",")
}

// ParseTreeInfo reads a .treeinfo of productmd or, from the section general
// alone, one of an older installer. What the file lacks stays empty; Validate
// tells whether the result is complete.
func ParseTreeInfo(r io.Reader) (*TreeInfo, error) {
	f, err := parseINI(r)
	if err != nil {
		return nil, err
	}
	if kind := f["header"]["type"]; kind != "" && kind != "productmd.treeinfo" {
		return nil, fmt.Errorf("header type %q, want %q", kind, "productmd.treeinfo")
	}
	general := f["general"]
	t := &TreeInfo{
		Release: Product{
			Name:    cmp.Or(f["release"]["name"], general["family"]),
			Short:   f["release"]["short"],
			Version: cmp.Or(f["release"]["version"], general["version"]),
		},
		Arch:      cmp.Or(f["tree"]["arch"], general["arch"]),
		Variants:  parseTreeVariants(f),
		Images:    parseImages(f),
		Stage2:    Stage2{MainImage: f["stage2"]["mainimage"], InstImage: f["stage2"]["instimage"]},
		Checksums: parseChecksums(f["checksums"]),
	}
	if base := f["base_product"]; base != nil {
		t.BaseProduct = &Product{Name: base["name"], Short: base["short"], Version: base["version"]}
	}
	for _, platform := range splitList(cmp.Or(f["tree"]["platforms"], general["platforms"])) {
		if platform != t.Arch {
			t.Platforms = append(t.Platforms, platform)
		}
	}
	if t.Timestamp, err = parseTimestamp(cmp.Or(f["tree"]["build_timestamp"], general["timestamp"])); err != nil {
		return nil, err
	}
	t.Media, err = parseMedia(f["media"])
	return t, err
}

// parseTimestamp reads seconds, whole or with a fraction, which is dropped.
func parseTimestamp(s string) (int64, error) {
	whole, _, _ := strings.Cut(s, ".")
	if whole == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("timestamp %q, want seconds since 1970", s)
	}
	return n, nil
}

func parseMedia(section map[string]string) (*Media, error) {
	if section == nil {
		return nil, nil
	}
	disc, err := strconv.Atoi(section["discnum"])
	if err != nil {
		return nil, fmt.Errorf("media: discnum %q, want a number", section["discnum"])
	}
	total, err := strconv.Atoi(section["totaldiscs"])
	if err != nil {
		return nil, fmt.Errorf("media: totaldiscs %q, want a number", section["totaldiscs"])
	}
	return &Media{Disc: disc, Total: total}, nil
}

func parseTreeVariants(f ini) []TreeVariant {
	var variants []TreeVariant
	for _, section := range slices.Sorted(maps.Keys(f)) {
		if !strings.HasPrefix(section, "variant-") && !strings.HasPrefix(section, "addon-") {
			continue
		}
		s := f[section]
		variants = append(variants, TreeVariant{
			ID: s["id"], UID: s["uid"], Name: s["name"], Type: s["type"], Parent: s["parent"],
			Packages: s["packages"], Repository: s["repository"],
		})
	}
	slices.SortFunc(variants, func(a, b TreeVariant) int { return cmp.Compare(a.UID, b.UID) })
	return variants
}

func parseImages(f ini) map[string]map[string]string {
	images := make(map[string]map[string]string)
	for section, entries := range f {
		if platform, found := strings.CutPrefix(section, "images-"); found {
			images[platform] = entries
		}
	}
	return images
}

func parseChecksums(section map[string]string) map[string]Checksum {
	sums := make(map[string]Checksum)
	for path, value := range section {
		algorithm, hex, found := strings.Cut(value, ":")
		if !found {
			// Old installers leave the algorithm to the length.
			algorithm, hex = map[int]string{32: "md5", 40: "sha1", 64: "sha256"}[len(value)], value
		}
		sums[path] = Checksum{Algorithm: algorithm, Hex: hex}
	}
	return sums
}

// splitList splits at commas and drops empty parts.
func splitList(s string) []string {
	return slices.DeleteFunc(strings.Split(s, ","), func(word string) bool { return word == "" })
}
