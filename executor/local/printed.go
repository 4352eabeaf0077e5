package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pungo-build/pungo/cache"
	"github.com/pungo-build/pungo/cache/materialize"
)

// beginBytes and endBytes are how much is kept of what a program prints on either
// stream, together 64 MiB: the begin has the first error, the end the last.
const (
	beginBytes = 63 << 20
	endBytes   = 1 << 20
)

// stream takes what a program prints: the begin in a file, the end in memory.
type stream struct {
	file *os.File
	room int64 // left in the file
	end  tail
	err  error // of the file
}

// newStream returns a stream with a new file. Whoever gets it closes it.
func newStream(name string) (*stream, error) {
	f, err := os.Create(name)
	return &stream{file: f, room: beginBytes}, err
}

func (s *stream) Close() error { return s.file.Close() }

// Write implements io.Writer. It takes everything, whatever becomes of it: a
// program that can no longer print would come to another end.
func (s *stream) Write(p []byte) (int, error) {
	n := int(min(int64(len(p)), s.room))
	if n > 0 && s.err == nil {
		_, s.err = s.file.Write(p[:n])
	}
	s.room -= int64(n)
	s.end.write(p[n:])
	return len(p), nil
}

// store stores what was printed, and says how much of the middle is left out. The
// digest is zero if nothing was printed.
func (s *stream) store(ctx context.Context, store cache.Files) (cache.Digest, error) {
	if s.room == beginBytes {
		return cache.Digest{}, nil
	}
	kept, lost := s.end.kept()
	if lost > 0 && s.err == nil {
		_, s.err = fmt.Fprintf(s.file, "\n[%d bytes left out]\n", lost)
	}
	if s.err == nil {
		_, s.err = s.file.Write(kept)
	}
	if s.err == nil {
		_, s.err = s.file.Seek(0, io.SeekStart)
	}
	if s.err != nil {
		return cache.Digest{}, s.err
	}
	return materialize.Import(ctx, store, s.file)
}

// first returns the first of what was printed, for an error.
func (s *stream) first() string {
	data := make([]byte, 4<<10)
	n, _ := s.file.ReadAt(data, 0)
	return strings.ToValidUTF8(strings.TrimSpace(string(data[:n])), "\uFFFD")
}

// tail keeps the last endBytes of what is written to it.
type tail struct {
	data []byte
	lost int64
}

func (t *tail) write(p []byte) {
	t.data = append(t.data, p...)
	// Shortened at twice the size, each byte is moved once.
	if len(t.data) > 2*endBytes {
		over := len(t.data) - endBytes
		t.lost += int64(over)
		t.data = append(t.data[:0], t.data[over:]...)
	}
}

// kept returns the end of what was written, and how much was before.
func (t *tail) kept() (data []byte, lost int64) {
	over := max(len(t.data)-endBytes, 0)
	return t.data[over:], t.lost + int64(over)
}
