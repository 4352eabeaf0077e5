package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pungo-build/pungo/internal/rpm"
)

// mkrpm writes packages for scripts:
//
//	mkrpm FILE NAME VERSION ARCH [KEY=VALUE ...]
//
// Keys are requires, provides and file, each any number of times, epoch, exclusivearch and
// excludearch, source, the file name of the source package, and damage: one of truncate, tail, payload, magic, sizes, traversal.
func mkrpm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: mkrpm file name version arch [key=value...]")
	}
	s := &rpm.Spec{Package: rpm.Package{
		NEVRA:     rpm.NEVRA{Name: args[1], EVR: rpm.EVR{Version: args[2], Release: "1"}, Arch: args[3]},
		BuildTime: 1767614400,
		Text:      rpm.Text{Summary: args[1], License: "Apache-2.0"},
	}}
	damage := ""
	for _, arg := range args[4:] {
		key, value, _ := strings.Cut(arg, "=")
		dep, err := rpm.ParseDependency(value)
		switch key {
		case "requires":
			ts.Check(err)
			s.Requires = append(s.Requires, dep)
		case "provides":
			ts.Check(err)
			s.Provides = append(s.Provides, dep)
		case "epoch":
			n, err := strconv.ParseUint(value, 10, 32)
			ts.Check(err)
			s.Epoch = uint32(n)
		case "exclusivearch":
			s.ExclusiveArch = strings.Fields(value)
		case "excludearch":
			s.ExcludeArch = strings.Fields(value)
		case "source":
			s.SourceRPM = value
		case "file":
			s.Contents = append(s.Contents, rpm.Content{Path: value, Mode: 0o100644, Data: []byte(value)})
		case "damage":
			damage = value
		default:
			ts.Fatalf("mkrpm: key %q is not known", key)
		}
	}
	var b bytes.Buffer
	ts.Check(rpm.Write(&b, s))
	data, err := damaged(b.Bytes(), damage)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
	ts.Check(os.WriteFile(path, data, 0o666))
}

// damaged breaks a package in one way.
func damaged(data []byte, how string) ([]byte, error) {
	const signature = 96 // where the signature header begins
	switch how {
	case "":
	case "truncate":
		return data[:700], nil
	case "tail":
		return data[:len(data)-60], nil
	case "payload":
		data[len(data)-10] ^= 1
	case "magic":
		copy(data, "PK\x03\x04")
	case "sizes":
		// The signature header's size of data, behind magic, reserved and the number
		// of entries.
		binary.BigEndian.PutUint32(data[signature+12:], 1<<31-1)
	case "traversal":
		if !bytes.Contains(data, []byte("/usr/lib/\x00")) {
			return nil, fmt.Errorf("no folder /usr/lib/ in the header")
		}
		return bytes.Replace(data, []byte("/usr/lib/\x00"), []byte("/usr/../x\x00"), 1), nil
	default:
		return nil, fmt.Errorf("damage %q is not known", how)
	}
	return data, nil
}

// progress matches what a build says on standard error besides errors: it has
// times in it, and the order of what runs at once.
var progress = regexp.MustCompile(`(?m)^(?:(?:run|failed|absent|test failed) .*|[0-9]+ hits, .*in) [0-9.]+s\n`)

// cmpcards compares what the last program said on standard error, without
// progress, with a file.
func cmpcards(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cmpcards file")
	}
	got := progress.ReplaceAllString(ts.ReadFile("stderr"), "")
	if want := ts.ReadFile(args[0]); got != want {
		ts.Fatalf("standard error without progress:\n%swant:\n%s", got, want)
	}
}

// asnobody runs a program as a user whom permissions bind, and wants an exit
// code: asnobody CODE PROGRAM [ARGUMENT...]. Folders below $WORK/open are writable.
func asnobody(ts *testscript.TestScript, neg bool, args []string) {
	if os.Getuid() == 0 {
		ts.Check(os.Chmod(filepath.Dir(ts.MkAbs(".")), 0o755))
		ts.Check(os.Chmod(ts.MkAbs("."), 0o755))
		ts.Check(os.Chmod(ts.MkAbs("open"), 0o777))
		args = append([]string{args[0], "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, args[1:]...)
	}
	exits(ts, neg, args)
}

// incache runs a program with a cache on a file system of a size in bytes, and
// wants an exit code: incache SIZE CODE PROGRAM [ARGUMENT...].
func incache(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs("small-cache")
	ts.Check(os.MkdirAll(dir, 0o777))
	sandbox := []string{args[1], "bwrap", "--dev-bind", "/", "/", "--size", args[0], "--tmpfs", dir}
	exits(ts, neg, append(append(sandbox, args[2:]...), "--cache", dir))
}
