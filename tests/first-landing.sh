#!/usr/bin/env bash
# The sentence, end to end, on a platform's own manifests and a real API server: check, plan, health for Argo CD, and a controller
# that restarts the model once, killed and started again in between.
#
# Run by tests/first_landing.rs, which sets: TIDEGATE and KUBECTL (programs), PLATFORM (the platform's manifests, a YAML stream),
# DEPLOY (the kustomize base), KUBECONFIG (an administrator's), LISTEN (host:port for the controller). Writes into the current
# folder.
set -euo pipefail

namespace=self-healing-platform
notebook=predictive-analytics-kserve-validation
model=predictive-analytics

say() { printf '\n== %s\n' "$*"; }
die() { echo "first-landing: $*" >&2; exit 1; }
admin() { "$KUBECTL" --request-timeout=60s "$@"; }
tidegate() { "$TIDEGATE" "$@"; }

say "the rules"
cat >rules.tide <<END
application openshift-gitops/$namespace
namespace   $namespace

when notebook $notebook succeeds then restart isvc $model; block wave 4
when job barrier succeeds then restart isvc anomaly-detector
END
cat rules.tide
tidegate check rules.tide

say "the plan of the platform"
tidegate plan rules.tide --manifests "$PLATFORM" >plan.txt 2>plan.err || { cat plan.err; die "plan: exit status $?"; }
cat plan.txt
grep -q "restart isvc $model" plan.txt || die "the plan does not name the restart"
grep -q 'held by rule' plan.txt || die "the plan does not hold wave 4"

say "the health that Argo CD gets"
tidegate emit argocd-cm rules.tide >argocd-cm.yaml
cat argocd-cm.yaml
grep -q 'resource.customizations.health.mlops.mlops.dev_NotebookValidationJob:' argocd-cm.yaml || die "no health for notebooks"

say "the platform's notebook and models, on the cluster"
admin create namespace "$namespace"
# document KIND NAME: that document of the platform.
document() {
  awk -v RS='\n---\n' -v kind="\nkind: $1\n" -v name="\n  name: $2\n" 'index($0, kind) && index($0, name) { print; print "---" }' "$PLATFORM"
}
{ document NotebookValidationJob "$notebook"; document InferenceService "$model"; document InferenceService anomaly-detector; } | admin create -f -
admin create -n "$namespace" job barrier --image=example.org/barrier:1

say "the controller installed as deploy/base ships it, with these rules and the rights that they need"
admin create namespace openshift-gitops
cp -r "$DEPLOY" deploy
cp rules.tide deploy/rules/rules.tide
sed -i "s/--watch-namespace=argocd/--watch-namespace=openshift-gitops/; s/--watch-namespace=ml-platform/--watch-namespace=$namespace/" deploy/deployment.yaml
tidegate emit rbac rules.tide --watch-namespace openshift-gitops --watch-namespace "$namespace" >deploy/rbac.yaml
admin apply -k deploy
cp "$KUBECONFIG" account.kubeconfig
token=$(admin create token -n tidegate tidegate)
"$KUBECTL" --kubeconfig account.kubeconfig config set-credentials test --token="$token"
"$KUBECTL" --kubeconfig account.kubeconfig config set-context --current --namespace=tidegate
who=$("$KUBECTL" --kubeconfig account.kubeconfig auth whoami -o jsonpath='{.status.userInfo.username}')
[ "$who" = system:serviceaccount:tidegate:tidegate ] || die "the controller would run as $who"
# The Deployment's own arguments; only the rules' folder and the address are this machine's.
admin get -n tidegate deployment/tidegate -o jsonpath='{range .spec.template.spec.containers[0].args[*]}{@}{"\n"}{end}' |
  sed -e "s|^--rules=.*|--rules=rules.tide|" -e "s|^--listen=.*|--listen=$LISTEN|" -e 's|\$(POD_NAMESPACE)|tidegate|' >arguments.txt
mapfile -t arguments <arguments.txt

start() { # start NAME: a controller, until it is ready
  # The program itself, not the function: a function in the background is a shell, and to kill that leaves the program running.
  "$TIDEGATE" "${arguments[@]}" --kubeconfig account.kubeconfig --lease-seconds 3 --identity "$1" 2>"$1.log" &
  controller=$!
  curl -sS --retry 60 --retry-delay 1 --retry-all-errors --max-time 2 --fail -o ready.txt "http://$LISTEN/readyz" 2>ready.err ||
    { cat ready.err "$1.log"; die "$1 is not ready"; }
}
controller=
trap '[ -z "$controller" ] || kill -KILL "$controller" 2>/dev/null || true' EXIT
succeed() { # succeed RESOURCE STATUS: as the resource's own controller would say it
  admin patch -n "$namespace" "$1" --subresource=status --type=merge -p "{\"status\": $2}"
}
restarted() { # restarted MODEL: waits until it was
  admin wait -n "$namespace" "isvc/$1" --timeout=60s --for=jsonpath='{.metadata.generation}'=2 ||
    { cat ./*.log; die "$1 was not restarted"; }
}

say "the controller, and a notebook that succeeds"
start first
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
succeed "notebookvalidationjob/$notebook" "{\"phase\": \"Succeeded\", \"completionTime\": \"$now\"}"
restarted "$model"
admin get -n "$namespace" "isvc/$model" -o jsonpath='{.spec.predictor.annotations}{"\n"}'

say "the controller killed and started again"
kill -KILL "$controller"
wait "$controller" || true
curl -sS --max-time 2 -o gone.txt "http://$LISTEN/readyz" 2>gone.err && die "the killed controller still answers"
start second
# It decides about the whole world at once: when this one has been restarted, the other would have been, too.
succeed job/barrier "{\"startTime\": \"$now\", \"completionTime\": \"$now\", \"succeeded\": 1, \"conditions\": [
  {\"type\": \"SuccessCriteriaMet\", \"status\": \"True\", \"lastTransitionTime\": \"$now\"},
  {\"type\": \"Complete\", \"status\": \"True\", \"lastTransitionTime\": \"$now\"}]}"
restarted anomaly-detector
[ "$(admin get -n "$namespace" "isvc/$model" -o jsonpath='{.metadata.generation}')" = 2 ] || die "$model was restarted again"
say "one restart of each"
