#!/usr/bin/env bash
# Builds the real programs that the tests run, from the Go modules beside this script, into a cache folder.
#
#   build.sh [PROGRAM...]     default: all of them
#
# Prints the folder. It is named after the modules' contents, so a change of version gets a new one, and a call that finds all
# programs there does nothing. With empty Go caches all of them take about 13 minutes on two cores.
# Exit status 3: something is not built yet and there is no Go to build it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || set -- kube-apiserver etcd kube-controller-manager kube-scheduler kubectl kwok argocd
key=$(cat "$here"/kubernetes/go.{mod,sum} "$here"/argocd/go.{mod,sum} | sha256sum | cut -c 1-16)
folder=${XDG_CACHE_HOME:-${HOME:?}/.cache}/tidegate/tools-$key

all_there() {
  local program
  for program in "$@"; do [ -x "$folder/$program" ] || return 1; done
}

# compile MODULE PACKAGE PROGRAM LINKER_FLAGS: the program appears whole or not at all.
compile() {
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
      install -m 755 "$module_folder/hack/git-verify-wrapper.sh" "$folder/"
      mkdir -p "$folder/crds"
      install -m 644 "$module_folder"/manifests/crds/{application,appproject}-crd.yaml "$folder/crds/"
      compile argocd "$argo/cmd" argocd "-X $argo/common.version=$(version argocd "$argo" | tr -d v)"
      ;;
    *) echo "build.sh: unknown program $1" >&2; exit 2 ;;
  esac
}

if ! all_there "$@"; then
  command -v go >/dev/null || { echo "build.sh: $folder lacks one of: $*; go, which would build it, is not on PATH" >&2; exit 3; }
  mkdir -p "$folder"
  export CGO_ENABLED=0 GOWORK=off
  (
    flock 9
    for program in "$@"; do
      [ ! -x "$folder/$program" ] || continue
      began=$SECONDS
      build "$program" 9>&-
      echo "build.sh: $program built in $((SECONDS - began)) s" >&2
    done
  ) 9>"$folder/.lock"
fi
echo "$folder"
