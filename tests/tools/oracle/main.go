// Program oracle answers questions about health with the code of Argo CD, Flux and cel-go.
//
// It reads one JSON object a line from standard input and answers each with one line, in order:
//
//	{"lua": SCRIPT, "openLibs": BOOL, "object": OBJECT}   {"status": S, "message": M}          Argo CD's own Lua package
//	{"flux": {"inProgress","failed","current"}, "object"} {"status": S, "message": M}          Flux's own evaluator
//	{"cel": EXPRESSION, "object": OBJECT}                 {"value": V} or {"refused": WHY}     cel-go as Kubernetes sets it up
//	{"bench": SCRIPT, "openLibs", "object"}               {"value": {"ours", "theirs", "bare"}}  what an evaluation costs in Argo CD
//
// Where an evaluation fails the answer is {"error": WHY}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
)

type request struct {
	Lua      *string         `json:"lua"`
	OpenLibs bool            `json:"openLibs"`
	Flux     *fluxExprs      `json:"flux"`
	Cel      *string         `json:"cel"`
	Bench    *string         `json:"bench"`
	Object   json.RawMessage `json:"object"`
}

type answer struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Value   any    `json:"value,omitempty"`
	Refused string `json:"refused,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	// Answers keep the order of the questions; as many as there are processors are worked on at a time.
	pending := make(chan chan []byte, 4*runtime.NumCPU())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ready := range pending {
			out.Write(<-ready)
			out.WriteByte('\n')
			if len(pending) == 0 {
				out.Flush()
			}
		}
	}()
	slots := make(chan struct{}, runtime.NumCPU())
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			ready := make(chan []byte, 1)
			pending <- ready
			slots <- struct{}{}
			go func() {
				ready <- reply(line)
				<-slots
			}()
		}
		if err != nil {
			break
		}
	}
	close(pending)
	<-done
}

func reply(line []byte) []byte {
	text, err := json.Marshal(decide(line))
	if err != nil {
		text, _ = json.Marshal(answer{Error: err.Error()})
	}
	return text
}

func decide(line []byte) (result answer) {
	defer func() {
		if caught := recover(); caught != nil {
			result = answer{Error: fmt.Sprint("panic: ", caught)}
		}
	}()
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	switch {
	case asked.Lua != nil:
		return inArgoCD(*asked.Lua, asked.OpenLibs, asked.Object)
	case asked.Flux != nil:
		return inFlux(*asked.Flux, asked.Object)
	case asked.Cel != nil:
		return inCel(*asked.Cel, asked.Object)
	case asked.Bench != nil:
		return inBench(*asked.Bench, asked.OpenLibs, asked.Object)
	}
	return answer{Error: "a question has one of lua, flux, cel, bench"}
}
