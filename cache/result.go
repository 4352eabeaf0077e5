package cache

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Result is what an action yielded. Its stored form is the ActionResult message
// of the Remote Execution API; directories are named by root_directory_digest,
// so no message holds all children of a large tree. Duration and Warnings are in
// its execution_metadata: virtual_execution_duration, and a StringValue in
// auxiliary_metadata for every warning.
type Result struct {
	// Outputs by path, sorted. Name is the path below the output root; an
	// optional output that was not made is not listed.
	Outputs []Node
	// Stdout and Stderr of a host program; zero if it printed nothing.
	Stdout, Stderr Digest
	// ExitCode of a host program. Only tests are recorded with one that is not 0.
	ExitCode int
	// Warnings for the person who builds, in order.
	Warnings []string
	// Duration of the run that made the result.
	Duration time.Duration
}

// Output returns the output with the given path.
func (r Result) Output(path string) (Node, bool) {
	for _, n := range r.Outputs {
		if n.Name == path {
			return n, true
		}
	}
	return Node{}, false
}

// Check reports what keeps the result from being recorded: outputs whose paths
// are not relative and clean, are not in order or come twice, or that name
// nothing.
func (r Result) Check() error {
	for i, n := range r.Outputs {
		if err := checkPath(n.Name); err != nil {
			return fmt.Errorf("output: %w", err)
		}
		if err := n.check(); err != nil {
			return fmt.Errorf("output %q: %w", n.Name, err)
		}
		if i > 0 && r.Outputs[i-1].Name >= n.Name {
			return fmt.Errorf("output %q comes after %q", n.Name, r.Outputs[i-1].Name)
		}
	}
	return nil
}

// Digests returns the digests that the result itself names, in order: files,
// root directories, and what was printed.
func (r Result) Digests() []Digest {
	digests := make([]Digest, 0, len(r.Outputs)+2)
	for _, n := range r.Outputs {
		digests = append(digests, n.Digest)
	}
	digests = append(digests, r.Stdout, r.Stderr)
	return slices.DeleteFunc(digests, Digest.IsZero)
}

// Encode returns the stored form of a result that is to be recorded, or what
// Check finds fault with.
func (r Result) Encode() ([]byte, error) {
	r.Outputs = Directory(r.Outputs).sorted()
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("action result: %w", err)
	}
	return r.Marshal(), nil
}

// Marshal returns the stored form of the result. The order of the outputs does
// not matter; what Check finds fault with is not to be stored.
func (r Result) Marshal() []byte {
	outputs := Directory(r.Outputs).sorted()
	b := appendOutputs(nil, 2, FileKind, outputs)
	b = appendOutputs(b, 3, DirKind, outputs)
	b = appendVarint(b, 4, uint64(int64(int32(r.ExitCode))))
	if !r.Stdout.IsZero() {
		b = appendDigest(b, 6, r.Stdout)
	}
	if !r.Stderr.IsZero() {
		b = appendDigest(b, 8, r.Stderr)
	}
	if metadata := r.appendMetadata(nil); len(metadata) > 0 {
		b = appendBytes(b, 9, metadata)
	}
	return appendOutputs(b, 12, SymlinkKind, outputs)
}

// appendOutputs appends the outputs of one kind: OutputFile, OutputDirectory or
// OutputSymlink messages.
func appendOutputs(b []byte, num protowire.Number, kind Kind, outputs []Node) []byte {
	var msg []byte
	for _, n := range outputs {
		if n.Kind != kind {
			continue
		}
		msg = appendString(msg[:0], 1, n.Name)
		switch kind {
		case FileKind:
			msg = appendDigest(msg, 2, n.Digest)
			if n.Executable {
				msg = appendVarint(msg, 4, 1)
			}
			msg = appendModTime(msg, 7, n.ModTime)
		case DirKind:
			msg = appendDigest(msg, 5, n.Digest)
		case SymlinkKind:
			msg = appendString(msg, 2, n.Target)
		}
		b = appendBytes(b, num, msg)
	}
	return b
}

// warningType is the type of the messages that carry warnings.
const warningType = "type.googleapis.com/google.protobuf.StringValue"

// appendMetadata appends the fields of an ExecutedActionMetadata message.
func (r Result) appendMetadata(b []byte) []byte {
	for _, w := range r.Warnings {
		value := appendString(nil, 1, strings.ToValidUTF8(w, "\uFFFD"))
		warning := appendString(nil, 1, warningType)
		if len(value) > 0 {
			warning = appendBytes(warning, 2, value)
		}
		b = appendBytes(b, 11, warning)
	}
	if r.Duration != 0 {
		d := appendVarint(nil, 1, uint64(r.Duration/time.Second))
		d = appendVarint(d, 2, uint64(r.Duration%time.Second))
		b = appendBytes(b, 12, d)
	}
	return b
}

// Fields of the message ActionResult, and of the messages in it.
const (
	resultFiles    = 2<<3 | bytesType
	resultDirs     = 3<<3 | bytesType
	resultExitCode = 4<<3 | varintType
	resultStdout   = 6<<3 | bytesType
	resultStderr   = 8<<3 | bytesType
	resultMetadata = 9<<3 | bytesType
	resultSymlinks = 12<<3 | bytesType

	outputPath       = 1<<3 | bytesType
	outputDigest     = 2<<3 | bytesType // of OutputFile
	outputTarget     = 2<<3 | bytesType // of OutputSymlink
	outputExecutable = 4<<3 | varintType
	outputRoot       = 5<<3 | bytesType
	outputProperties = 7<<3 | bytesType

	metadataAuxiliary = 11<<3 | bytesType
	metadataDuration  = 12<<3 | bytesType

	anyType         = 1<<3 | bytesType
	anyValue        = 2<<3 | bytesType
	stringValue     = 1<<3 | bytesType
	durationSeconds = 1<<3 | varintType
	durationNanos   = 2<<3 | varintType
)

// ParseResult reads a stored result whose digests are of fn. What an
// ActionResult may hold and a Result has no place for is passed over, so that
// it also reads what a remote server answers; but a directory without
// root_directory_digest is an error. Errors wrap ErrCorrupt.
func ParseResult(fn Function, b []byte) (Result, error) {
	var r Result
	err := eachField(b, func(f field) error { return r.parseField(fn, f) })
	if err == nil {
		r.Outputs = Directory(r.Outputs).sorted()
		err = r.Check()
	}
	if err != nil {
		return Result{}, fmt.Errorf("action result: %w: %w", err, ErrCorrupt)
	}
	return r, nil
}

func (r *Result) parseField(fn Function, f field) (err error) {
	switch f.tag {
	case resultFiles:
		err = r.parseOutput(fn, FileKind, f.bytes)
	case resultDirs:
		err = r.parseOutput(fn, DirKind, f.bytes)
	case resultSymlinks:
		err = r.parseOutput(fn, SymlinkKind, f.bytes)
	case resultExitCode:
		r.ExitCode = int(int32(f.varint))
	case resultStdout:
		r.Stdout, err = parseDigestMessage(fn, f.bytes)
	case resultStderr:
		r.Stderr, err = parseDigestMessage(fn, f.bytes)
	case resultMetadata:
		err = eachField(f.bytes, r.parseMetadata)
	}
	return err
}

func (r *Result) parseOutput(fn Function, kind Kind, b []byte) error {
	n := Node{Kind: kind}
	err := eachField(b, func(f field) (err error) {
		switch {
		case f.tag == outputPath:
			n.Name = string(f.bytes)
		case f.tag == outputDigest && kind == FileKind, f.tag == outputRoot && kind == DirKind:
			n.Digest, err = parseDigestMessage(fn, f.bytes)
		case f.tag == outputTarget && kind == SymlinkKind:
			n.Target = string(f.bytes)
		case f.tag == outputExecutable && kind == FileKind:
			n.Executable = f.varint != 0
		case f.tag == outputProperties && kind == FileKind:
			n.ModTime, err = parseModTime(f.bytes)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("output %q: %w", n.Name, err)
	}
	r.Outputs = append(r.Outputs, n)
	return nil
}

// parseMetadata reads one field of an ExecutedActionMetadata message.
func (r *Result) parseMetadata(f field) error {
	switch f.tag {
	case metadataAuxiliary:
		return r.parseWarning(f.bytes)
	case metadataDuration:
		var seconds, nanos int64
		err := eachField(f.bytes, func(f field) error {
			switch f.tag {
			case durationSeconds:
				seconds = int64(f.varint)
			case durationNanos:
				nanos = int64(int32(f.varint))
			}
			return nil
		})
		const most = int64(1<<63-1) / int64(time.Second)
		if err == nil && (seconds >= most || seconds <= -most) {
			err = errors.New("duration is out of range")
		}
		r.Duration = time.Duration(seconds)*time.Second + time.Duration(nanos)
		return err
	}
	return nil
}

// parseWarning reads an Any message; one of another type is no warning.
func (r *Result) parseWarning(b []byte) error {
	var value []byte
	isWarning := false
	err := eachField(b, func(f field) error {
		switch f.tag {
		case anyType:
			isWarning = string(f.bytes) == warningType
		case anyValue:
			value = f.bytes
		}
		return nil
	})
	if err != nil || !isWarning {
		return err
	}
	text := ""
	err = eachField(value, func(f field) error {
		if f.tag == stringValue {
			text = string(f.bytes)
		}
		return nil
	})
	r.Warnings = append(r.Warnings, text)
	return err
}
