// Package dnf asks the real dnf what it thinks of repositories. Tests and benchmarks
// do, which hold our answers against its; pungo itself does not run it.
//
// dnf sees the repositories that it is given, and nothing of the host: neither its
// settings, nor its caches, nor what is installed.
package dnf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Closure is a question to dnf: which requirements nothing satisfies.
type Closure struct {
	Arch string // of the machine
	// Repository and Lookasides are folders, with repodata in them. Packages of the
	// one are checked, those of the others may satisfy what they require.
	Repository string
	Lookasides []string
	// Arches, if there are any, are those whose packages are checked.
	Arches []string
}

// Command returns the command that answers the question, and keeps what it has to
// keep in a folder that is there.
func (c *Closure) Command(scratch string) ([]string, error) {
	config := filepath.Join(scratch, "dnf.conf")
	var settings strings.Builder
	settings.WriteString("[main]\n")
	for _, name := range []string{"reposdir", "cachedir", "persistdir", "logdir"} {
		fmt.Fprintf(&settings, "%s=%s\n", name, filepath.Join(scratch, name))
	}
	if err := os.WriteFile(config, []byte(settings.String()), 0o666); err != nil {
		return nil, err
	}
	const checked = "checked"
	args := []string{
		"dnf", "--config", config, "--installroot", filepath.Join(scratch, "root"), "--releasever=1", "--quiet",
		"--forcearch", c.Arch, "repoclosure", "--check", checked,
	}
	for i, dir := range append([]string{c.Repository}, c.Lookasides...) {
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		id := checked
		if i > 0 {
			id = fmt.Sprintf("lookaside%d", i)
		}
		args = append(args, "--repofrompath="+id+",file://"+dir, "--repo="+id)
	}
	for _, arch := range c.Arches {
		args = append(args, "--arch", arch)
	}
	return args, nil
}

// Ask runs dnf and returns what it finds, as Findings does.
func (c *Closure) Ask(ctx context.Context, scratch string) ([]string, error) {
	args, err := c.Command(scratch)
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// That there are findings is an error, too.
	if err := cmd.Run(); err != nil && !bytes.Contains(stderr.Bytes(), []byte("unresolved dependencies")) {
		return nil, fmt.Errorf("%s: %w\n%s%s", cmd, err, &stdout, &stderr)
	}
	return Findings(stdout.String())
}

// Findings reads a report of repoclosure, dnf's or ours: "PACKAGE: REQUIREMENT" of
// each, sorted. Where they are, and how many, is left out, and so is what is there
// twice: two rich requirements can differ in parentheses that are not shown.
func Findings(report string) ([]string, error) {
	findings := []string{}
	name := ""
	for line := range strings.Lines(report) {
		line = strings.TrimSuffix(line, "\n")
		if text, ok := strings.CutPrefix(line, "package: "); ok {
			name, _, _ = strings.Cut(text, " from ")
		} else if text, ok := strings.CutPrefix(line, "    "); ok {
			if name == "" {
				return nil, errors.New("report: a requirement, and no package before it")
			}
			findings = append(findings, name+": "+text)
		}
	}
	slices.Sort(findings)
	return slices.Compact(findings), nil
}
