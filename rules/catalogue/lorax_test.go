package catalogue_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/executor/local"
	"github.com/pungo-build/pungo/internal/debrpm"
	"github.com/pungo-build/pungo/rules"
)

// loraxStandIn runs testdata/lorax/lorax.sh where lorax is asked for, which Debian does
// not have, and other programs as they are.
type loraxStandIn struct {
	executor.Strategy
	trees  *cache.Trees
	dir    string // for the folders that it runs in
	script string
}

func (s *loraxStandIn) Fingerprint(ctx context.Context, t *rules.Toolchain, arch string) (string, error) {
	if t.Program == "lorax" {
		return "a stand-in", nil
	}
	return s.Strategy.Fingerprint(ctx, t, arch)
}

func (s *loraxStandIn) Run(ctx context.Context, c *executor.Command) (r cache.Result, err error) {
	if c.Program.Program != "lorax" {
		return s.Strategy.Run(ctx, c)
	}
	root := filepath.Join(s.dir, "lorax")
	if err := materialize.Tree(ctx, s.trees, c.Root, root, materialize.Options{Private: true}); err != nil {
		return r, err
	}
	cmd := exec.CommandContext(ctx, s.script, c.Args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), c.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return r, fmt.Errorf("%w: %s", err, out)
	}
	for _, o := range c.Outputs {
		at := filepath.Join(root, o.Name)
		if o.Kind == cache.DirKind {
			o.Digest, err = materialize.Capture(ctx, s.trees, at)
		} else {
			var data []byte
			if data, err = os.ReadFile(at); err == nil {
				o.Digest, err = s.trees.Store().Put(ctx, data)
			}
		}
		if err != nil {
			return r, err
		}
		r.Outputs = append(r.Outputs, o)
	}
	return r, nil
}

// TestLorax composes a DVD with the installer that a stand-in for lorax makes, and boots
// both: their configurations name the volume and the kickstart file.
func TestLorax(t *testing.T) {
	debs := "../../.testdata/bootable"
	if _, err := os.Stat(debs); err != nil {
		t.Fatalf("%v\n  hint: `make debs` downloads Debian's packages", err)
	}
	dir := filepath.Join(t.TempDir(), "lorax")
	if err := os.CopyFS(dir, os.DirFS("testdata/lorax")); err != nil {
		t.Fatal(err)
	}
	if _, err := debrpm.ConvertDir(debs, filepath.Join(dir, "rpms"), runtime.GOMAXPROCS(0)); err != nil {
		t.Fatal(err)
	}
	c, err := tryCompose(t, os.DirFS(dir), dir, executor.Options{}, phases(), func(trees *cache.Trees) executor.Strategy {
		return &loraxStandIn{local.New(trees, local.Options{Dir: t.TempDir()}), trees, t.TempDir(), filepath.Join(dir, "lorax.sh")}
	})
	if err != nil {
		t.Fatal(err)
	}
	const (
		volume = "Lorax-12-Server-x86_64"
		os     = "compose/Server/x86_64/os/"
		seen   = `: the console says "the installer has started from`
	)
	for file, wanted := range map[string][]string{
		"logs/x86_64/boot_test-dvd_boots-Server.x86_64.log":        {"bios" + seen, "uefi" + seen, "usb" + seen},
		"logs/x86_64/boot_test-netinstall_boots-Server.x86_64.log": {"bios" + seen},
		"logs/x86_64/buildinstall-Server.x86_64.log":               {"lorax of Lorax Linux"},
		os + "isolinux/isolinux.cfg":                               {"inst.stage2=hd:LABEL=" + volume + " inst.ks=hd:LABEL=" + volume + ":/ks.cfg\n"},
		os + "ks.cfg":                                              {"poweroff"},
		os + "images/product.img":                                  {"\x1f\x8b"},
		os + ".treeinfo": {
			"[images-x86_64]\nboot.iso = images/boot.iso\ninitrd = images/pxeboot/initrd.img\nkernel = images/pxeboot/vmlinuz\nproduct.img = images/product.img\n\n",
			"[stage2]\nmainimage = images/pxeboot/initrd.img\n", "\nimages/boot.iso = sha256:", "\nimages/product.img = sha256:",
		},
		"compose/Server/x86_64/iso/Lorax-12-20261122.t.0-Server-x86_64-boot.iso.manifest": {"/images/product.img\n", "/isolinux/isolinux.bin\n", "/ks.cfg\n"},
		"compose/metadata/images.json": {`"type": "boot"`, `"volume_id": "` + volume + `"`, `"implant_md5": "`},
	} {
		data, err := c.file(t, file)
		if err != nil {
			t.Error(err)
		}
		for _, text := range wanted {
			if !strings.Contains(string(data), text) {
				t.Errorf("%s lacks %q, it has\n%s", file, text, bytes.TrimSpace(data[:min(len(data), 2000)]))
			}
		}
	}
}

// file returns the content of a file of the compose.
func (c *composed) file(t *testing.T, at string) ([]byte, error) {
	n, err := c.trees.Lookup(t.Context(), c.tree, at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return c.trees.Store().Get(t.Context(), n.Digest)
}
