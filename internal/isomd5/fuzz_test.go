package isomd5

import (
	"bytes"
	"testing"
)

// FuzzRead: whatever an image says of itself, reading it ends, and its sum again is that
// which was implanted.
func FuzzRead(f *testing.F) {
	f.Add(image(40, 1)[descriptor:])
	f.Add([]byte("\x01CD001"))
	f.Fuzz(func(t *testing.T, tail []byte) {
		data := append(make([]byte, descriptor), tail...)
		v, err := Read(bytes.NewReader(data))
		again := Again()
		if _, e := again.Write(data); e != nil {
			t.Fatal(e)
		}
		sum, sumErr := again.Finish()
		if sumErr == nil && err != nil {
			t.Errorf("an image with the sum %s cannot be read: %v", sum.MD5, err)
		}
		if sumErr != nil || err != nil {
			return
		}
		copy(data[Offset:], sum.Field())
		implanted, err := Read(bytes.NewReader(data))
		if err != nil || implanted.Implanted == nil || *implanted.Implanted != sum || implanted.ID != v.ID {
			t.Errorf("got %+v and error %v, want %+v", implanted, err, sum)
		}
	})
}
