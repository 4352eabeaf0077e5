package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pungo-build/pungo/internal/repodata"
)

// serve serves a folder over HTTP until the script ends, and puts its URL into a variable:
//
//	serve NAME DIR [FAULT=GLOB ...]
//
// Faults of the files whose base names match: reset (the connection breaks in the middle),
// slow (a byte now and then), loop (redirected in a circle), and fail (status 500).
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve name dir [fault=glob...]")
	}
	files := http.FileServer(http.Dir(ts.MkAbs(args[1])))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, arg := range args[2:] {
			fault, glob, _ := strings.Cut(arg, "=")
			if ok, _ := path.Match(glob, path.Base(r.URL.Path)); ok {
				faults[fault](w, r, filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(r.URL.Path)))
				return
			}
		}
		files.ServeHTTP(w, r)
	}))
	ts.Defer(s.Close)
	ts.Setenv(args[0], s.URL)
}

var faults = map[string]func(w http.ResponseWriter, r *http.Request, file string){
	"fail": func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusInternalServerError) },
	"loop": func(w http.ResponseWriter, r *http.Request, _ string) {
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	},
	"reset": func(w http.ResponseWriter, _ *http.Request, file string) {
		data, _ := os.ReadFile(file)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		w.Write(data[:len(data)/2])
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	},
	"slow": func(w http.ResponseWriter, r *http.Request, file string) {
		data, _ := os.ReadFile(file)
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		for i := range data {
			w.Write(data[i : i+1])
			http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	},
}

// editmd changes a document of a repository that was made with simple names and gzip, and
// makes repomd.xml fit:
//
//	editmd DIR DOCUMENT replace OLD NEW
//	editmd DIR DOCUMENT repeat TEXT N    TEXT is there N times then; %d in it is a number
//	editmd DIR DOCUMENT cut N            only the first N bytes stay
func editmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: editmd dir document how arguments...")
	}
	dir := filepath.Join(ts.MkAbs(args[0]), "repodata")
	file := filepath.Join(dir, args[1]+".xml.gz")
	packed, err := os.ReadFile(file)
	ts.Check(err)
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	ts.Check(err)
	text, err := io.ReadAll(zipped)
	ts.Check(err)
	edited, err := edit(string(text), args[2], args[3:])
	ts.Check(err)
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = io.WriteString(w, edited)
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(file, b.Bytes(), 0o666))
	ts.Check(fitRepomd(filepath.Join(dir, "repomd.xml"), args[1], b.Bytes(), edited))
}

func edit(text, how string, args []string) (string, error) {
	switch n, err := strconv.Atoi(args[len(args)-1]); how {
	case "replace":
		if !strings.Contains(text, args[0]) {
			return "", fmt.Errorf("there is no %q in\n%s", args[0], text)
		}
		return strings.ReplaceAll(text, args[0], args[1]), nil
	case "repeat":
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(args[0], "%d", strconv.Itoa(i)))
		}
		return strings.Replace(text, args[0], b.String(), 1), err
	case "cut":
		return text[:n], err
	}
	return "", fmt.Errorf("editmd: %q is not known", how)
}

// fitRepomd makes repomd.xml tell the sums and sizes of a document.
func fitRepomd(file, kind string, packed []byte, text string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	repomd, err := repodata.ParseRepomd(bytes.NewReader(data))
	if err != nil {
		return err
	}
	rec, _ := repomd.Record(kind)
	sum := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	fitted := strings.NewReplacer(
		rec.Checksum.Hex, sum(packed), rec.OpenChecksum.Hex, sum([]byte(text)),
		fmt.Sprintf("<size>%d</size>", rec.Size), fmt.Sprintf("<size>%d</size>", len(packed)),
		fmt.Sprintf("<open-size>%d</open-size>", rec.OpenSize), fmt.Sprintf("<open-size>%d</open-size>", len(text)),
	).Replace(string(data))
	return os.WriteFile(file, []byte(fitted), 0o666)
}
