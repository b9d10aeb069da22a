#!/usr/bin/env bash
# Builds the real programs that the tests run, from the Go modules beside this script, into a cache folder.
#
#   build.sh [PROGRAM...]     default: all of them
#
# Prints the folder of the first. It is named after the modules' contents, so a change of version gets a new one, and a call that finds
# all programs there does nothing. With empty Go caches all of them take about 14 minutes on two cores. The oracle has a folder of its
# own, so that a change of it builds nothing else again.
# Exit status 3: something is not built yet and there is no Go to build it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || set -- kube-apiserver etcd kube-controller-manager kube-scheduler kubectl kwok argocd oracle
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/tidegate
key() { cat "$@" | sha256sum | cut -c 1-16; }
tools=$cache/tools-$(key "$here"/kubernetes/go.{mod,sum} "$here"/argocd/go.{mod,sum})
oracle=$cache/oracle-$(key "$here"/oracle/*)
where() { if [ "$1" = oracle ]; then echo "$oracle"; else echo "$tools"; fi; }

all_there() {
  local program
  for program in "$@"; do [ -x "$(where "$program")/$program" ] || return 1; done
}

# compile MODULE PACKAGE PROGRAM LINKER_FLAGS: the program appears whole or not at all.
compile() {
  local folder
  folder=$(where "$3")
  (cd "$here/$1" && go build -trimpath -buildvcs=false -ldflags "-s -w $4" -o "$folder/.new-$3" "$2")
  mv "$folder/.new-$3" "$folder/$3"
}
version() { (cd "$here/$1" && go list -m -f '{{.Version}}' "$2"); }

build() {
  local stamp argo module_folder
  case $1 in
    etcd) compile kubernetes go.etcd.io/etcd/server/v3 etcd '' ;;
    kwok) compile kubernetes sigs.k8s.io/kwok/cmd/kwok kwok '' ;;
    kube*)
      # Without a stamp the API server calls itself v0.0.0-master.
      stamp=k8s.io/component-base/version.gitVersion=$(version kubernetes k8s.io/kubernetes)
      compile kubernetes "k8s.io/kubernetes/cmd/$1" "$1" "-X $stamp"
      ;;
    argocd)
      argo=github.com/argoproj/argo-cd/v3
      module_folder=$(cd "$here/argocd" && go mod download "$argo" && go list -m -f '{{.Dir}}' "$argo")
      # Its repository server runs this script for every revision.
      install -m 755 "$module_folder/hack/git-verify-wrapper.sh" "$tools/"
      mkdir -p "$tools/crds"
      install -m 644 "$module_folder"/manifests/crds/{application,appproject}-crd.yaml "$tools/crds/"
      compile argocd "$argo/cmd" argocd "-X $argo/common.version=$(version argocd "$argo" | tr -d v)"
      ;;
    oracle) compile oracle . oracle '' ;;
    *) echo "build.sh: unknown program $1" >&2; exit 2 ;;
  esac
}

if ! all_there "$@"; then
  command -v go >/dev/null || { echo "build.sh: $cache lacks one of: $*; go, which would build it, is not on PATH" >&2; exit 3; }
  mkdir -p "$tools" "$oracle"
  export CGO_ENABLED=0 GOWORK=off
  (
    flock 9
    for program in "$@"; do
      [ ! -x "$(where "$program")/$program" ] || continue
      began=$SECONDS
      build "$program" 9>&-
      echo "build.sh: $program built in $((SECONDS - began)) s" >&2
    done
  ) 9>"$cache/tools.lock"
fi
where "$1"
