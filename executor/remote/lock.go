package remote

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Lock is the pins of a workspace: which state of each repository counts. The zero
// value has none. As text it is made to be read in a diff:
//
//	# Which states of its repositories this compose is made of; pungo lock writes it.
//	pungo-lock 1
//
//	[x86_64]
//	//:base@x86_64 repomd sha256:4be1…90/3829 revision "1769860000"
//
// with a section for each arch, and in it a line for each repository, both sorted. The
// section of repositories without arch is [noarch]. Of a repository that has to be signed
// the file with the signature is pinned, too: `repomd sha256:… signature sha256:…/833`.
// Of a git repository it is a commit: `//:notes commit 4be1…90 ref "main"`.
type Lock struct {
	pins map[string]Pin // by name of the repository
}

// Pin is a state of a repository.
type Pin struct {
	Arch string
	// SHA256 and Size of repomd.xml, which has the checksums of all else.
	SHA256 [32]byte
	Size   int64
	// Revision is what repomd.xml says of itself, for people.
	Revision string
	// Signature is repomd.xml.asc; zero if nobody asked for it.
	Signature FilePin
	// Commit of a git repository, 40 hexadecimal digits; Revision is the ref then, and
	// the rest is empty.
	Commit string
}

// FilePin is a file by its content.
type FilePin struct {
	SHA256 [32]byte
	Size   int64
}

func (f FilePin) String() string {
	return fmt.Sprintf("sha256:%s/%d", hex.EncodeToString(f.SHA256[:]), f.Size)
}

func (p Pin) String() string {
	if p.Commit != "" {
		return "commit " + p.Commit + " ref " + strconv.Quote(p.Revision)
	}
	text := "repomd " + FilePin{p.SHA256, p.Size}.String()
	if p.Signature != (FilePin{}) {
		text += " signature " + p.Signature.String()
	}
	return text + " revision " + strconv.Quote(p.Revision)
}

const (
	lockComment = "# Which states of its repositories this compose is made of; pungo lock writes it.\n"
	lockHead    = "pungo-lock 1\n"
	noArch      = "noarch"
	// maxLock is far above what a compose needs: 100,000 repositories.
	maxLock = 16 << 20
)

// ReadLock reads a lock from a file; without one there are no pins.
func ReadLock(name string) (*Lock, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &Lock{pins: map[string]Pin{}}, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := ParseLock(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", filepath.Base(name), err)
	}
	return l, nil
}

// ParseLock reads the text of a lock. Errors begin with the number of the line.
func ParseLock(data []byte) (*Lock, error) {
	if len(data) > maxLock {
		return nil, fmt.Errorf("1: %d bytes, want at most %d", len(data), maxLock)
	}
	l := &Lock{pins: map[string]Pin{}}
	arch, head := "", false
	n := 0
	for text := range strings.Lines(string(data)) {
		n++
		line := strings.TrimRight(text, "\r\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !head:
			if line+"\n" != lockHead {
				return nil, fmt.Errorf("%d: found %q, want %q: not a lock, or one of a newer pungo", n, line, strings.TrimSuffix(lockHead, "\n"))
			}
			head = true
		case strings.HasPrefix(line, "["):
			name, ok := strings.CutSuffix(line[1:], "]")
			if !ok || name == "" {
				return nil, fmt.Errorf("%d: found %q, want [ARCH]", n, line)
			}
			arch = name
		default:
			name, pin, err := parsePin(line)
			if err != nil {
				return nil, fmt.Errorf("%d: %w", n, err)
			}
			if arch == "" {
				return nil, fmt.Errorf("%d: a pin outside of a section, want [ARCH] before it", n)
			}
			if _, ok := l.pins[name]; ok {
				return nil, fmt.Errorf("%d: %s is pinned twice", n, name)
			}
			if pin.Arch = arch; arch == noArch {
				pin.Arch = ""
			}
			l.pins[name] = pin
		}
	}
	return l, nil
}

func parsePin(line string) (name string, p Pin, err error) {
	name, rest, _ := strings.Cut(line, " ")
	if commit, ok := strings.CutPrefix(rest, "commit "); ok {
		p, err := parseCommit(commit)
		if err != nil {
			err = fmt.Errorf("found %q, want NAME commit HEX ref \"TEXT\"", line)
		}
		return name, p, err
	}
	files, quoted, ok := strings.Cut(rest, " revision ")
	repomd, signature, signed := strings.Cut(files, " signature ")
	repomd, ok2 := strings.CutPrefix(repomd, "repomd ")
	index, err := parseFilePin(repomd)
	if signed && err == nil {
		p.Signature, err = parseFilePin(signature)
	}
	if !ok || !ok2 || errors.Is(err, errFilePin) {
		return "", p, fmt.Errorf("found %q, want NAME repomd sha256:HEX/SIZE revision \"TEXT\"", line)
	}
	if err != nil {
		return "", p, err
	}
	p.SHA256, p.Size = index.SHA256, index.Size
	if p.Revision, err = strconv.Unquote(quoted); err != nil {
		return "", p, fmt.Errorf("revision %s is not a quoted text", quoted)
	}
	return name, p, nil
}

// parseCommit reads HEX ref "TEXT".
func parseCommit(text string) (p Pin, err error) {
	commit, quoted, _ := strings.Cut(text, " ref ")
	if b, err := hex.DecodeString(commit); err != nil || len(b) != 20 {
		return p, errors.New("not a commit")
	}
	p.Commit = strings.ToLower(commit)
	p.Revision, err = strconv.Unquote(quoted)
	return p, err
}

var errFilePin = errors.New("not a file pin")

// parseFilePin reads sha256:HEX/SIZE.
func parseFilePin(text string) (f FilePin, err error) {
	checksum, ok := strings.CutPrefix(text, "sha256:")
	digits, size, ok2 := strings.Cut(checksum, "/")
	sum, err := hex.DecodeString(digits)
	if !ok || !ok2 || err != nil || len(sum) != len(f.SHA256) {
		return f, errFilePin
	}
	f.SHA256 = [32]byte(sum)
	if f.Size, err = strconv.ParseInt(size, 10, 64); err != nil || f.Size < 0 || strconv.FormatInt(f.Size, 10) != size {
		return f, fmt.Errorf("size %q is not a number of bytes", size)
	}
	return f, nil
}

// Marshal returns the text of the lock.
func (l *Lock) Marshal() []byte {
	byArch := map[string][]string{}
	for name, pin := range l.pins {
		arch := pin.Arch
		if arch == "" {
			arch = noArch
		}
		byArch[arch] = append(byArch[arch], name)
	}
	var b bytes.Buffer
	b.WriteString(lockComment + lockHead)
	for _, arch := range slices.Sorted(maps.Keys(byArch)) {
		fmt.Fprintf(&b, "\n[%s]\n", arch)
		slices.Sort(byArch[arch])
		for _, name := range byArch[arch] {
			fmt.Fprintf(&b, "%s %s\n", name, l.pins[name])
		}
	}
	return b.Bytes()
}

// Write replaces the file of a lock as a whole, if it says something else.
func (l *Lock) Write(name string) error {
	data := l.Marshal()
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Pin returns the pin of a repository.
func (l *Lock) Pin(repository string) (Pin, bool) {
	p, ok := l.pins[repository]
	return p, ok
}

// All returns the pins by repository.
func (l *Lock) All() iter.Seq2[string, Pin] { return maps.All(l.pins) }

// Set pins a repository.
func (l *Lock) Set(repository string, p Pin) {
	if l.pins == nil {
		l.pins = map[string]Pin{}
	}
	l.pins[repository] = p
}

// Keep drops the pins of all repositories but some.
func (l *Lock) Keep(repositories []string) {
	maps.DeleteFunc(l.pins, func(name string, _ Pin) bool { return !slices.Contains(repositories, name) })
}

// Clone returns a copy.
func (l *Lock) Clone() *Lock {
	return &Lock{pins: maps.Clone(l.pins)}
}
