package repodata

import (
	"encoding/xml"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// element is an XML element as a reader of repodata sees it: attributes are a
// set, and between children there is only space.
type element struct {
	Name     string
	Attrs    []string // "name=value", sorted
	Text     string
	Children []element
}

// parseElement reads the one element of an XML document.
func parseElement(t testing.TB, text string) element {
	t.Helper()
	root := element{}
	open := []*element{&root}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		here := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			here.Text = ""
			here.Children = append(here.Children, newElement(token))
			open = append(open, &here.Children[len(here.Children)-1])
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(here.Children) == 0 {
				here.Text += string(token)
			}
		}
	}
	if len(open) != 1 || len(root.Children) != 1 {
		t.Fatalf("%d elements of which %d are open, want one\n%s", len(root.Children), len(open)-1, text)
	}
	return root.Children[0]
}

func newElement(start xml.StartElement) element {
	e := element{Name: qualified(start.Name)}
	for _, a := range start.Attr {
		e.Attrs = append(e.Attrs, qualified(a.Name)+"="+a.Value)
	}
	slices.Sort(e.Attrs)
	return e
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// String is the element on lines of their own, for comparing and for diffs.
func (e element) String() string {
	var b strings.Builder
	e.print(&b, "")
	return b.String()
}

func (e element) print(b *strings.Builder, indent string) {
	b.WriteString(indent + e.Name)
	for _, a := range e.Attrs {
		b.WriteString(" " + strconv.Quote(a))
	}
	if e.Text != "" {
		b.WriteString(": " + strconv.Quote(e.Text))
	}
	b.WriteString("\n")
	for _, c := range e.Children {
		c.print(b, indent+"  ")
	}
}

// find returns the children of one name.
func (e element) find(name string) []element {
	var found []element
	for _, c := range e.Children {
		if c.Name == name {
			found = append(found, c)
		}
	}
	return found
}

// compareDocuments reports where documents differ. The order of packages does
// not count.
func compareDocuments(t *testing.T, got, want element) {
	t.Helper()
	for _, e := range []*element{&got, &want} {
		slices.SortFunc(e.Children, func(a, b element) int { return strings.Compare(a.String(), b.String()) })
	}
	g, w := strings.Split(got.String(), "\n"), strings.Split(want.String(), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s: line %d is\n%s\nwant\n%s\nafter\n%s", got.Name, i+1,
				strings.Join(g[i:min(i+3, len(g))], "\n"), strings.Join(w[i:min(i+3, len(w))], "\n"),
				strings.Join(g[max(0, i-3):i], "\n"))
			return
		}
	}
	if len(g) != len(w) {
		t.Errorf("%s: %d lines, want %d", got.Name, len(g), len(w))
	}
}
