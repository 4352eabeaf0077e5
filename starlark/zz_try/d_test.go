package main
import ("testing";"fmt"
"github.com/pungo-build/pungo/starlark"
"github.com/pungo-build/pungo/rules/catalogue")
func TestD(t *testing.T){
 var ps []starlark.Phase
 for _,p:=range catalogue.Phases(){ps=append(ps,starlark.Phase{Name:p.Name,Source:p.Star})}
 d,err:=starlark.Describe(ps); if err!=nil{t.Fatal(err)}
 for _,r:=range d{ fmt.Println(r.Kind,r.Phase,r.Name,r.Per,r.Provides,len(r.Attrs)); if r.Kind=="macro"{fmt.Printf("%q\n",r.Doc);for _,a:=range r.Attrs{fmt.Printf("   %+v\n",a)}}}
}
