package packages

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pungo-build/pungo/internal/modulemd"
)

func TestModuleList(t *testing.T) {
	x, err := modulemd.Parse("m.yaml", strings.NewReader(`document: modulemd
version: 2
data:
  name: editor
  stream: 1.10
  version: 7
  context: 0123
  arch: x86_64
  summary: s
  description: d
  license: {module: [MIT]}
  dependencies:
  - requires: {platform: [el9], lib: ["<2>"]}
  - requires: {platform: [el8]}
  artifacts: {rpms: ["b-0:1-1.src", "a-0:1-1.noarch", "b-0:1-1.src"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	list := []Module{ListModule(x.Streams[0]), {NSVC: "a:b:1:c", Name: "a", Stream: "b", Version: "1", Context: "c"}}
	data, err := EncodeModules(list)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"nsvc":"editor:1.10:7:0123","name":"editor","stream":"1.10","version":"7","context":"0123","arch":"x86_64","platform":["el8","el9"],` +
		`"requires":[{"lib":["<2>"],"platform":["el9"]},{"platform":["el8"]}],"artifacts":["a-0:1-1.noarch","b-0:1-1.src"]}
{"nsvc":"a:b:1:c","name":"a","stream":"b","version":"1","context":"c"}
`
	if string(data) != want {
		t.Errorf("got\n%swant\n%s", data, want)
	}
	got, err := DecodeModules(data)
	if err != nil || !reflect.DeepEqual(got, list) {
		t.Errorf("got %+v, %v, want %+v", got, err, list)
	}
	if _, err := DecodeModules([]byte(want + "{")); err == nil || err.Error() != "module list, entry 3: unexpected EOF" {
		t.Errorf("cut off: got %v", err)
	}
}
