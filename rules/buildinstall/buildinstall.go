// Package buildinstall makes installers: it runs lorax, or the buildinstall of Anaconda
// that came before it, on repositories of the compose, and changes in what they make
// what depends on the compose: volume ids, the kickstart file.
package buildinstall

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/internal/rpm"
	"github.com/pungo-build/pungo/rules"
)

// Star is the rule's source.
//
//go:embed buildinstall.star
var Star []byte

// Tools returns the tools of this phase.
func Tools() []*rules.Tool {
	return []*rules.Tool{
		{Name: "buildinstall", Version: 1, Params: params{}, Run: run},
		{Name: "tweak_installer", Version: 3, Params: tweakParams{}, Run: tweak},
		{Name: "describe_boot_iso", Version: 1, Params: isoParams{}, Run: describe},
	}
}

type params struct {
	Method        string   `arg:"method,required"` // lorax, buildinstall
	Product       string   `arg:"product,required"`
	Version       string   `arg:"version,required"`
	Final         bool     `arg:"final"`
	Arch          string   `arg:"arch,required"`
	VolID         string   `arg:"volid,required"` // file
	Sources       []string `arg:"source,required"`
	Variant       string   `arg:"variant,required"`
	BugURL        string   `arg:"bugurl"`
	NoMacBoot     bool     `arg:"nomacboot"`
	NoUpgrade     bool     `arg:"noupgrade"`
	InstallPkgs   []string `arg:"installpkgs"`
	Templates     []string `arg:"add-template"`      // files
	ArchTemplates []string `arg:"add-arch-template"` // files
	TemplateVars  []string `arg:"add-template-var"`
	ArchVars      []string `arg:"add-arch-template-var"`
	RootfsSize    int      `arg:"rootfs-size"` // GiB
	DracutArgs    []string `arg:"dracut-arg"`
	SkipBranding  bool     `arg:"skip-branding"`
	SquashfsOnly  bool     `arg:"squashfs-only"`
	ConfigFile    string   `arg:"config"`
	Output        string   `arg:"output,required"`
	Log           string   `arg:"log,required"`
}

// Where the program runs, it finds its inputs below these, and leaves its output.
const (
	outputDir = "installer"
	logFile   = "lorax.log"
	// here is the folder that it runs in, absolute wherever that is: URLs have no
	// relative paths.
	here = "/proc/self/cwd/"
)

func run(ctx context.Context, j *rules.Job) error {
	var p params
	if err := rules.Parse(j.Args, &p); err != nil {
		return err
	}
	id, err := j.Read(ctx, p.VolID)
	if err != nil {
		return err
	}
	made := []cache.Node{{Name: outputDir, Kind: cache.DirKind}}
	args := p.buildinstall()
	if p.Method == "lorax" {
		args = p.lorax(string(id))
		made = append(made, cache.Node{Name: logFile, Kind: cache.FileKind})
	}
	epoch, err := newest(ctx, j)
	if err != nil {
		return err
	}
	if err := j.RunCommand(ctx, rules.Command{Args: args, Inputs: j.Inputs, Epoch: epoch, Outputs: made}); err != nil {
		return err
	}
	j.Output(p.Output, made[0])
	if len(made) > 1 {
		j.Output(p.Log, made[1])
		return nil
	}
	return j.Write(ctx, p.Log, nil)
}

// newest is the time of the newest input.
func newest(ctx context.Context, j *rules.Job) (int64, error) {
	at := int64(rules.Oldest)
	for _, in := range j.Inputs {
		at = max(at, in.ModTime)
		if in.Kind != cache.DirKind {
			continue
		}
		err := j.Trees.Walk(ctx, in.Digest, func(_ string, n cache.Node) error {
			at = max(at, n.ModTime)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return at, nil
}

// lorax is its command line, in the order in which Pungi has it.
func (p *params) lorax(volid string) []string {
	args := []string{"--product=" + p.Product, "--version=" + p.Version, "--release=" + p.Version}
	each := func(option string, values []string) {
		for _, v := range values {
			args = append(args, option+"="+v)
		}
	}
	flag := func(option string, set bool) {
		if set {
			args = append(args, option)
		}
	}
	for _, s := range p.Sources {
		args = append(args, "--source=file://"+here+s)
	}
	args = append(args, "--variant="+p.Variant)
	if p.BugURL != "" {
		args = append(args, "--bugurl="+p.BugURL)
	}
	flag("--nomacboot", p.NoMacBoot)
	flag("--noupgrade", p.NoUpgrade)
	flag("--isfinal", p.Final)
	args = append(args, "--buildarch="+rpm.ValidArches(p.Arch, true)[0], "--volid="+volid)
	each("--installpkgs", p.InstallPkgs)
	each("--add-template", inFolder(p.Templates))
	each("--add-arch-template", inFolder(p.ArchTemplates))
	each("--add-template-var", p.TemplateVars)
	each("--add-arch-template-var", p.ArchVars)
	args = append(args, "--logfile="+here+logFile)
	if p.RootfsSize > 0 {
		args = append(args, "--rootfs-size="+strconv.Itoa(p.RootfsSize))
	}
	each("--dracut-arg", p.DracutArgs)
	flag("--skip-branding", p.SkipBranding)
	flag("--squashfs-only", p.SquashfsOnly)
	if p.ConfigFile != "" {
		args = append(args, "--config", p.ConfigFile)
	}
	return append(args, outputDir)
}

// inFolder makes paths absolute: lorax looks for others among its own templates.
func inFolder(paths []string) []string {
	var out []string
	for _, p := range paths {
		out = append(out, here+p)
	}
	return out
}

// buildinstall is the command line of Anaconda's.
func (p *params) buildinstall() []string {
	args := []string{"--debug", "--version", p.Version, "--brand", "redhat", "--product", p.Product, "--release", "redhat " + p.Version}
	if p.Final {
		args = append(args, "--final")
	}
	args = append(args, "--buildarch", rpm.ValidArches(p.Arch, true)[0])
	if p.BugURL != "" {
		args = append(args, "--bugurl", p.BugURL)
	}
	args = append(args, "--output", outputDir)
	for _, s := range p.Sources {
		args = append(args, "file://"+here+s)
	}
	return args
}

// named puts the name of a file before an error.
func named(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}
