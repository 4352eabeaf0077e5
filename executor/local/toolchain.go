package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/executor"
	"github.com/pungo-build/pungo/rules"
)

// searched are the folders in which programs are looked up, whatever PATH says.
var searched = []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin"}

// lookUp returns the path of a toolchain's program, if that and its files are there. If
// it is absolute, it has to be in a folder that a sandbox shows.
func lookUp(t *rules.Toolchain) (string, error) {
	missing := &executor.UnavailableError{Program: t.Program, Hint: t.Hint}
	var candidates []string
	switch {
	case filepath.IsAbs(t.Program):
		clean := filepath.Clean(t.Program)
		if slices.ContainsFunc(system, func(dir string) bool { return strings.HasPrefix(clean, dir+"/") }) {
			candidates = []string{clean}
		}
	case t.Program != "" && !strings.Contains(t.Program, "/"):
		for _, dir := range searched {
			candidates = append(candidates, filepath.Join(dir, t.Program))
		}
	}
	at := slices.IndexFunc(candidates, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
	})
	if at < 0 {
		return "", missing
	}
	for _, name := range t.Files {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
			missing.File = name
			return "", missing
		}
	}
	return candidates[at], nil
}

// toolchains remembers fingerprints: what is installed does not change under a
// build that is to mean something.
type toolchains struct {
	fn cache.Function

	mu    sync.Mutex
	known map[string]string // by program and packages
}

func (t *toolchains) fingerprint(ctx context.Context, chain *rules.Toolchain) (string, error) {
	name, err := lookUp(chain)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	key := strings.Join(slices.Concat([]string{name}, chain.Pkgs, chain.Files), "\x00")
	if text, ok := t.known[key]; ok {
		return text, nil
	}
	var digests []string
	for _, name := range append([]string{name}, chain.Files...) {
		d, err := t.digest(name)
		if err != nil {
			return "", fmt.Errorf("program %q: %w", chain.Program, err)
		}
		digests = append(digests, d.String())
	}
	versions, err := packageVersions(ctx, chain.Pkgs)
	if err != nil {
		return "", fmt.Errorf("program %q: %w", chain.Program, err)
	}
	text := strings.Join(append(digests, versions...), " ")
	if t.known == nil {
		t.known = map[string]string{}
	}
	t.known[key] = text
	return text, nil
}

// digest returns the digest of a program.
func (t *toolchains) digest(name string) (cache.Digest, error) {
	f, err := os.Open(name)
	if err != nil {
		return cache.Digest{}, err
	}
	defer f.Close()
	h := t.fn.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, f, make([]byte, 1<<20)); err != nil {
		return cache.Digest{}, err
	}
	return h.Digest(), nil
}

// managers list versions of installed packages, one "name=version" a line. They
// exit with an error if one package is not installed, and list the others.
var managers = []struct {
	program string
	args    []string
}{
	{"/usr/bin/dpkg-query", []string{"-W", "-f", "${db:Status-Status} ${Package}=${Version}\n"}},
	{"/usr/bin/rpm", []string{"-q", "--qf", "installed %{NAME}=%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\n"}},
}

// packageVersions returns "name=version" of packages, sorted; "name=" if it is not
// installed. Where both managers exist, the one that knows any of them counts:
// the other came with a tool.
func packageVersions(ctx context.Context, names []string) ([]string, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return nil, nil
	}
	installed := map[string]string{}
	for _, m := range managers {
		lines, err := query(ctx, m.program, append(slices.Clone(m.args), names...))
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if rest, ok := strings.CutPrefix(line, "installed "); ok {
				name, _, _ := strings.Cut(rest, "=")
				installed[name] += rest + " " // several of one name: kernels, architectures
			}
		}
		if len(installed) > 0 {
			break
		}
	}
	var versions []string
	for _, name := range names {
		if text := strings.TrimSpace(installed[name]); text != "" {
			versions = append(versions, text)
		} else {
			versions = append(versions, name+"=")
		}
	}
	return versions, nil
}

// query returns the lines that a program prints, whatever its exit status;
// nothing if it is not installed.
func query(ctx context.Context, program string, args []string) ([]string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=/usr/bin:/usr/sbin:/bin:/sbin"}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}
