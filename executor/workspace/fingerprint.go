package workspace

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/rules"
	"golang.org/x/sys/unix"
)

// tick is no less than a tick of the clock that the kernel stamps files with,
// which is 10 ms where it is longest.
const tick = 20 * time.Millisecond

// Fingerprint returns a digest of the paths and statuses of all files in sources,
// and of further files, whose paths are relative to the root or absolute. It
// reads neither content nor index. A source or file that does not exist is part
// of it like any other fact; what keeps a source from being resolved is an error.
//
// Two fingerprints are equal only if between them no content changed, since a
// change has another inode or, at least, change time; if content is read after
// its fingerprint was taken. For that Fingerprint waits, if a file changed in this
// very tick of the clock, for the next one.
func (w *Workspace) Fingerprint(ctx context.Context, sources []*rules.Source, files []string) (cache.Digest, error) {
	p := fingerprint{Hasher: w.trees.Store().Function().New()}
	seen := map[rules.Source]bool{}
	for _, src := range sources {
		key := scanned(src)
		if seen[key] {
			continue
		}
		seen[key] = true
		l, err := w.scan(ctx, src)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return cache.Digest{}, fmt.Errorf("source %w", err)
		}
		w.saw(src, l)
		p.source(&key, l)
	}
	for _, name := range files {
		if err := p.path(w.root, name); err != nil {
			return cache.Digest{}, err
		}
	}
	p.flush(0)
	if age := time.Duration(w.now().UnixNano() - p.newest); 0 <= age && age < tick {
		time.Sleep(tick - age)
	}
	return p.Digest(), nil
}

// fingerprint is a fingerprint in the making. It gathers pieces of a MiB, for BLAKE3.
type fingerprint struct {
	*cache.Hasher
	buf    []byte
	newest int64 // latest change of all files, in nanoseconds
}

// flush hashes what has gathered, if it is more than most bytes.
func (p *fingerprint) flush(most int) {
	if len(p.buf) > most {
		p.Write(p.buf)
		p.buf = p.buf[:0]
	}
}

// text adds a string so that no two sequences of strings are the same bytes.
func (p *fingerprint) text(s string) {
	p.buf = binary.AppendUvarint(p.buf, uint64(len(s)))
	p.buf = append(p.buf, s...)
}

func (p *fingerprint) status(s status) {
	// A device may have another number after a reboot.
	s.dev = 0
	p.buf = s.append(p.buf)
	p.newest = max(p.newest, s.ctime)
	p.flush(1 << 20)
}

// source adds what a source is on disk; nil if it is not there.
func (p *fingerprint) source(src *rules.Source, l *listing) {
	p.text(src.Path)
	p.text(src.Suffix)
	if l == nil {
		p.text("absent")
		return
	}
	if l.folder {
		p.text("folder")
	} else {
		p.text("file")
	}
	p.buf = binary.AppendUvarint(p.buf, uint64(len(l.files)))
	for i := range l.files {
		p.text(l.files[i].path)
		p.status(l.files[i].status)
	}
	// A folder that comes or goes empty matters only where nothing is filtered.
	if src.Suffix == "" {
		p.buf = binary.AppendUvarint(p.buf, uint64(len(l.dirs)))
		for _, dir := range l.dirs {
			p.text(dir)
		}
	}
}

// path adds a file that is not a source.
func (p *fingerprint) path(root, name string) error {
	p.text(name)
	if !filepath.IsAbs(name) {
		name = filepath.Join(root, name)
	}
	var st unix.Stat_t
	switch err := unix.Stat(name, &st); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		p.text("absent")
	case err != nil:
		return fmt.Errorf("%q: %w", name, err)
	default:
		p.text("file")
		p.status(statusOf(&st))
	}
	return nil
}
