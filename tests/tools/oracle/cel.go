package main

import (
	"encoding/json"
	"sort"
	"strconv"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"
)

// Options as in Kubernetes (k8s.io/apiserver, pkg/cel/environment/base.go), as far as they touch tidegate's subset.
var env = func() *cel.Env {
	made, err := cel.NewEnv(
		cel.Variable("self", cel.DynType),
		cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(ext.StringsVersion(2)),
		ext.Sets(),
	)
	if err != nil {
		panic(err)
	}
	return made
}()

// inCel type-checks and evaluates an expression over an object, its variable `self`.
func inCel(expression string, text json.RawMessage) answer {
	made, err := object(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	checked, issues := env.Compile(expression)
	if issues.Err() != nil {
		return answer{Refused: issues.Err().Error()}
	}
	program, err := env.Program(checked)
	if err != nil {
		return answer{Refused: err.Error()}
	}
	value, _, err := program.Eval(map[string]any{"self": made})
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Value: typed(value)}
}

// typed is a value with its type: bools, strings and lists as JSON has them, all else an object with one key, the type.
func typed(value ref.Val) any {
	one := func(kind string, of any) any { return map[string]any{kind: of} }
	switch v := value.(type) {
	case types.Bool:
		return bool(v)
	case types.String:
		return string(v)
	case types.Int:
		return one("int", strconv.FormatInt(int64(v), 10))
	case types.Uint:
		return one("uint", strconv.FormatUint(uint64(v), 10))
	case types.Double:
		return one("double", strconv.FormatFloat(float64(v), 'g', -1, 64))
	case types.Null:
		return one("null", true)
	case types.Duration:
		return one("duration", strconv.FormatInt(int64(v.Duration), 10))
	case types.Timestamp:
		return one("timestamp", v.Time.UTC().Format(time.RFC3339Nano))
	case *types.Optional:
		if !v.HasValue() {
			return one("optional", []any{})
		}
		return one("optional", []any{typed(v.GetValue())})
	case traits.Mapper:
		entries := [][2]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			entries = append(entries, [2]any{typed(key), typed(v.Get(key))})
		}
		sort.Slice(entries, func(i, j int) bool {
			a, _ := json.Marshal(entries[i][0])
			b, _ := json.Marshal(entries[j][0])
			return string(a) < string(b)
		})
		return one("map", entries)
	case traits.Lister:
		items := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			items = append(items, typed(it.Next()))
		}
		return items
	default:
		return one("other", value.Type().TypeName())
	}
}
