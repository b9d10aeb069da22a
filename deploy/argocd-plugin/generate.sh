#!/bin/sh
# Prints a source's manifests with their waves, and nothing else, to standard output. Runs in a copy of the source, with nothing on standard
# input; Argo CD keeps the output by revision, so it depends on nothing but the source and the Application's plugin settings.
#
# Settings (spec.source.plugin.env of the Application; Argo CD puts ARGOCD_ENV_ before each name):
#   TIDEGATE_RULES   file or folder of rules below the source [default: all rule files below it]
#   HELM_VALUES      values files of a chart, with blanks between, below the source
set -eu

fail() {
  echo "tidegate plugin: $1" >&2
  exit 1
}

# What a setting names must lie in the source: the sidecar holds other sources too.
inside() {
  case "/$1/" in
    //*/ | */../*) fail "\`$1\` is not below the source; name it by a path without \`..\`" ;;
  esac
  [ -e "$1" ] || fail "the source has no \`$1\`"
  real=$(realpath "$1")
  case "$real/" in
    "$(realpath .)"/*) ;;
    *) fail "\`$1\` leads out of the source" ;;
  esac
}

rules=${ARGOCD_ENV_TIDEGATE_RULES:-.}
inside "$rules"

# A pipe would hide that rendering failed.
rendered=$(mktemp)
trap 'rm -f "$rendered"' EXIT

if [ -f kustomization.yaml ] || [ -f kustomization.yml ] || [ -f Kustomization ]; then
  kustomize build . > "$rendered"
elif [ -f Chart.yaml ]; then
  set -- --include-crds --namespace "${ARGOCD_APP_NAMESPACE:-default}"
  if [ -n "${KUBE_VERSION:-}" ]; then
    set -- "$@" --kube-version "$KUBE_VERSION"
  fi
  if [ -n "${KUBE_API_VERSIONS:-}" ]; then
    set -- "$@" --api-versions "$KUBE_API_VERSIONS"
  fi
  for values in ${ARGOCD_ENV_HELM_VALUES:-}; do
    inside "$values"
    set -- "$@" --values "$values"
  done
  helm template "${ARGOCD_APP_NAME:-release}" . "$@" > "$rendered"
else
  # As Argo CD reads a folder: the files in it, not those below.
  set --
  for file in *.yaml *.yml *.json; do
    if [ -f "$file" ]; then
      set -- "$@" --manifests "$file"
    fi
  done
  [ $# -gt 0 ] || fail "no kustomization, no chart, and no manifest in the source"
  tidegate annotate "$rules" "$@" --print
  exit
fi
tidegate annotate "$rules" --manifests - --print < "$rendered"
