package main

import (
	"encoding/json"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// bare is the least that a script can be.
const bare = `return {status = "Healthy", message = ""}`

// cost of one evaluation, everything that Argo CD does for it included.
type cost struct {
	Nanoseconds int64 `json:"nanoseconds"`
	Allocations int64 `json:"allocations"`
}

// oneAtATime: measurements do not disturb each other.
var oneAtATime sync.Mutex

// inBench measures a script, Argo CD's own script for the same kind (absent where it has none) and a bare table, in turn: medians of rounds.
func inBench(script string, openLibs bool, text json.RawMessage) answer {
	made, err := object(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	of := &unstructured.Unstructured{Object: made}
	scripts := map[string]func() error{
		"ours": run(script, openLibs, of),
		"bare": run(bare, false, of),
	}
	theirs, open, err := lua.VM{}.GetHealthScript(of)
	if err == nil && theirs != "" {
		scripts["theirs"] = run(theirs, open, of)
	}
	const rounds, perRound = 15, 20
	times, allocations := map[string][]int64{}, map[string][]int64{}
	for range rounds {
		for name, once := range scripts {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			for range perRound {
				if err := once(); err != nil {
					return answer{Error: name + ": " + err.Error()}
				}
			}
			elapsed := time.Since(start)
			runtime.ReadMemStats(&after)
			times[name] = append(times[name], elapsed.Nanoseconds()/perRound)
			allocations[name] = append(allocations[name], int64(after.Mallocs-before.Mallocs)/perRound)
		}
	}
	costs := map[string]cost{}
	for name := range scripts {
		costs[name] = cost{Nanoseconds: median(times[name]), Allocations: median(allocations[name])}
	}
	return answer{Value: costs}
}

func run(script string, openLibs bool, of *unstructured.Unstructured) func() error {
	vm := lua.VM{UseOpenLibs: openLibs}
	return func() error {
		_, err := vm.ExecuteHealthLua(of, script)
		return err
	}
}

func median(of []int64) int64 {
	slices.Sort(of)
	return of[len(of)/2]
}
