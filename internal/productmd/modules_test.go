package productmd

import "testing"

func sampleModules() *Modules {
	return &Modules{Compose: dummyIdentity().Compose(), Modules: []Module{
		{
			Variant: "Server", Arch: "x86_64", Name: "editor", Stream: "2", Version: "20260101", Context: "ab12cd34",
			KojiTag:  "module-editor-2-20260101-ab12cd34",
			Modulemd: map[string]string{"binary": "Server/x86_64/os/repodata/9f0c-modules.yaml.gz"},
			RPMs:     []string{"editor-0:2.1-1.x86_64", "editor-0:2.1-1.src"},
		},
		{Variant: "Server", Arch: "aarch64", Name: "editor", Stream: "1", Version: "1", Context: "c", KojiTag: "DUMMY"},
	}}
}

func TestModulesGolden(t *testing.T) {
	golden(t, "testdata/modules.json", encode(t, sampleModules()))
}

func TestModulesErrors(t *testing.T) {
	const editor = `module "editor:2:20260101:ab12cd34": `
	tests := []struct {
		name  string
		spoil func(m *Module)
		want  string
	}{
		{"variant", func(m *Module) { m.Variant = "" }, editor + "no variant"},
		{"arch", func(m *Module) { m.Arch = "noarch" }, editor + `arch "noarch" is that of no tree`},
		{"part", func(m *Module) { m.Stream = "" }, `module "editor::20260101:ab12cd34": want four parts without colons: name, stream, version, context`},
		{"tag", func(m *Module) { m.KojiTag = "" }, editor + `no Koji tag, want one, or "DUMMY"`},
		{"category", func(m *Module) { m.Modulemd["all"] = "x" }, editor + `category "all", want one of binary, debug, source`},
		{"path", func(m *Module) { m.Modulemd["binary"] = "/x" }, editor + `path "/x", want a clean relative path`},
		{"rpm", func(m *Module) { m.RPMs[0] = "editor" }, editor + `NEVRA "editor", want name-epoch:version-release.arch`},
		{
			"twice", func(m *Module) { *m = sampleModules().Modules[1] },
			`module "editor:1:1:c" is listed twice in Server.aarch64`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := sampleModules()
			tt.spoil(&m.Modules[0])
			wantError(t, m, tt.want)
		})
	}
	wantError(t, &Modules{}, `compose date "", want YYYYMMDD`)
}
