//go:build tools

// Package tools pins the Argo CD that the tests run; build.sh beside this folder builds it.
package tools

import _ "github.com/argoproj/argo-cd/v3/cmd"
