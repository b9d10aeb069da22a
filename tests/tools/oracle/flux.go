package main

import (
	"context"
	"encoding/json"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type fluxExprs struct {
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

// inFlux evaluates healthCheckExprs as Flux's kustomize-controller and helm-controller do.
func inFlux(exprs fluxExprs, text json.RawMessage) answer {
	made, err := object(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	evaluator, err := cel.NewStatusEvaluator(&kustomize.HealthCheckExpressions{
		InProgress: exprs.InProgress,
		Failed:     exprs.Failed,
		Current:    exprs.Current,
	})
	if err != nil {
		return answer{Refused: err.Error()}
	}
	found, err := evaluator.Evaluate(context.Background(), &unstructured.Unstructured{Object: made})
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Status: string(found.Status), Message: found.Message}
}
