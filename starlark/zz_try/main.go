package main
import ("bytes";"context";"fmt";"os";"time"
"github.com/pungo-build/pungo/starlark"
"github.com/pungo-build/pungo/rules"
"github.com/pungo-build/pungo/rules/catalogue")
func main(){
 var ps []starlark.Phase
 for _,p:=range catalogue.Phases(){ps=append(ps,starlark.Phase{Name:p.Name,Source:bytes.Replace(p.Star,[]byte("provides = [Packages],\n    attrs = {\n        \"packages\": attr.label(mandatory = True, providers = [PackageSet], doc = \"The package set.\"),\n        \"solution"),[]byte("provides = [Packages,Moved],\n    attrs = {\n        \"packages\": attr.label(mandatory = True, providers = [PackageSet], doc = \"The package set.\"),\n        \"solution"),1)})}
 root,_:=os.OpenRoot(os.Args[1])
 t:=time.Now()
 g,err:=starlark.Evaluate(context.Background(),root.FS(),starlark.Options{Phases:ps,Print:func(at rules.Position,s string){fmt.Println(at,s)}})
 fmt.Println(time.Since(t))
 if err!=nil{fmt.Println(err);return}
 n:=0
 for _,t:=range g.Targets{n+=len(t.Instances)}
 fmt.Println(len(g.Targets),n,len(g.Actions),len(g.Deliveries))
}
