package productmd

import "testing"

func sampleExtraFiles() *ExtraFiles {
	return &ExtraFiles{Compose: dummyIdentity().Compose(), Files: []ExtraFile{
		{Variant: "Server", Arch: "x86_64", Path: "Server/x86_64/os/GPL", Size: 18092, Checksums: map[string]string{"sha256": sampleSHA256, "md5": sampleMD5}},
		{Variant: "Server", Arch: "src", Path: "Server/source/tree/GPL", Size: 18092, Checksums: map[string]string{"sha256": sampleSHA256}},
		{Variant: "Server", Arch: "x86_64", Path: "Server/x86_64/os/EULA", Size: 0, Checksums: map[string]string{"sha256": sampleSHA256}},
	}}
}

func TestExtraFilesGolden(t *testing.T) {
	golden(t, "testdata/extra_files.json", encode(t, sampleExtraFiles()))
	golden(t, "testdata/tree-extra_files.json", encode(t, treeExtraFiles{
		{Path: "GPL", Size: 18092, Checksums: map[string]string{"sha256": sampleSHA256}},
		{Path: "EULA", Size: 5, Checksums: map[string]string{"sha256": sampleSHA256}},
	}))
	golden(t, "testdata/tree-extra_files-none.json", encode(t, treeExtraFiles(nil)))
}

func TestExtraFilesErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(f *ExtraFile)
		want  string
		tree  bool // the file of a tree finds it too
	}{
		{"path", func(f *ExtraFile) { f.Path = "" }, `extra file: path "", wanted a clean relative path`, true},
		{"size", func(f *ExtraFile) { f.Size = -1 }, `extra file "Server/x86_64/os/GPL": size -1, wanted 0 or more`, true},
		{"checksums", func(f *ExtraFile) { f.Checksums = nil }, `extra file "Server/x86_64/os/GPL": no checksums, wanted at least one`, true},
		{"variant", func(f *ExtraFile) { f.Variant = "" }, `extra file "Server/x86_64/os/GPL" without a variant`, false},
		{"arch", func(f *ExtraFile) { f.Arch = "source" }, `extra file "Server/x86_64/os/GPL": arch "source" is not known to productmd`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := sampleExtraFiles()
			tt.spoil(&x.Files[0])
			wantError(t, x, tt.want)
			if tt.tree {
				wantError(t, treeExtraFiles(x.Files), tt.want)
			}
		})
	}
	wantError(t, &ExtraFiles{}, `compose date "", wanted YYYYMMDD`)
}
