package buildinstall

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/rules"
)

var update = flag.Bool("update", false, "rewrite testdata/arguments.golden")

// TestArguments holds the command lines against a golden, an argument a line.
func TestArguments(t *testing.T) {
	all := params{
		Product: "Acme OS", Version: "42", Variant: "Server", Sources: []string{"in/repo", "in/extra"}, Final: true,
		BugURL: "https://bugs.example.org", NoMacBoot: true, NoUpgrade: true, InstallPkgs: []string{"acme-logos"},
		Templates: []string{"in/a.tmpl", "in/b.tmpl"}, ArchTemplates: []string{"in/x.tmpl"}, TemplateVars: []string{"a=1"},
		ArchVars: []string{"b=2"}, RootfsSize: 3, DracutArgs: []string{"--xz", "--install .buildstamp"},
		SkipBranding: true, SquashfsOnly: true, ConfigFile: "in/lorax.conf",
	}
	few := params{Product: "Acme OS", Version: "42", Variant: "Server", Sources: []string{"in/repo"}}
	var got strings.Builder
	for _, arch := range []string{"x86_64", "aarch64", "ppc64le", "s390x"} {
		for _, p := range []params{all, few} {
			p.Arch = arch
			got.WriteString("== lorax " + arch + "\n" + strings.Join(p.lorax("Acme 42 "+arch), "\n") + "\n")
		}
		all.Arch = arch
		got.WriteString("== buildinstall " + arch + "\n" + strings.Join(all.buildinstall(), "\n") + "\n")
	}
	const golden = "testdata/arguments.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s", got.String())
	}
}

// TestArgumentsOfTools: whatever the rule says, the tools take.
func TestArgumentsOfTools(t *testing.T) {
	for _, tool := range Tools() {
		if err := tool.Check([]string{"--no-such", "x"}); err == nil {
			t.Errorf("%s takes anything", tool.Name)
		}
	}
	if err := rules.Parse([]string{"--rootfs-size", "x"}, &params{}); err == nil {
		t.Error("a size that is no number is no error")
	}
}

// TestConfig changes configurations as Pungi changes them.
func TestConfig(t *testing.T) {
	const (
		isolinux = "  append initrd=initrd.img inst.stage2=hd:LABEL=Old\\x20Label quiet\n  append root=live:CDLABEL=Old quiet\n"
		grub     = "search --no-floppy --set=root -l 'Old Label'\n\tlinuxefi /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=Old quiet\n"
	)
	for _, tt := range []struct {
		name, file, volid, kickstart, data, want string
	}{
		{"isolinux", "isolinux/isolinux.cfg", "Acme-42 x86_64", "", isolinux, "  append initrd=initrd.img inst.stage2=hd:LABEL=Acme-42\\x20x86_64 quiet\n  append root=live:CDLABEL=Acme-42\\x20x86_64 quiet\n"},
		{"grub", "EFI/BOOT/grub.cfg", "Acme-42 x86_64", "", grub, "search --no-floppy --set=root -l 'Acme-42 x86_64'\n\tlinuxefi /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=Acme-42\\x20x86_64 quiet\n"},
		{"kickstart", "EFI/BOOT/grub.cfg", "Acme", "ks", grub, "search --no-floppy --set=root -l 'Acme'\n\tlinuxefi /images/pxeboot/vmlinuz inst.stage2=hd:LABEL=Acme inst.ks=hd:LABEL=Acme:/ks.cfg quiet\n"},
		{"yaboot", "etc/yaboot.conf", "Acme 42", "ks", "append=\"inst.stage2=hd:LABEL=Old \"\n", "append=\"inst.stage2=hd:LABEL=Acme\\\\x2042 inst.ks=hd:LABEL=Acme\\\\x2042:/ks.cfg \"\n"},
		{"quoted", "etc/yaboot.conf", "Acme", "ks", "append=\"root=live:CDLABEL=Old\"\n", "append=\"root=live:CDLABEL=Acme inst.ks=hd:LABEL=Acme:/ks.cfg\"\n"},
		{"dollar", "isolinux/isolinux.cfg", "A$1B", "", "x:LABEL=y\n", "x:LABEL=A$1B\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tw := tweaker{volid: tt.volid, tweakParams: tweakParams{Kickstart: tt.kickstart}}
			if got := string(tw.config(tt.file, []byte(tt.data))); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
