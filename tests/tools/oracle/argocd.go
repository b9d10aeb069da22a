package main

import (
	"encoding/json"

	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// object reads an object as Kubernetes clients do: whole numbers are int64, others float64.
func object(text json.RawMessage) (map[string]any, error) {
	made := map[string]any{}
	err := kjson.Unmarshal(text, &made)
	return made, err
}

// inArgoCD runs a health script as Argo CD does.
func inArgoCD(script string, openLibs bool, text json.RawMessage) answer {
	made, err := object(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	vm := lua.VM{UseOpenLibs: openLibs}
	found, err := vm.ExecuteHealthLua(&unstructured.Unstructured{Object: made}, script)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Status: string(found.Status), Message: found.Message}
}
