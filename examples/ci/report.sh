#!/bin/sh
# report.sh RULES MANIFESTS BASE OUT
#
# Runs check, lint, plan and diff over the rules and the rendered manifests of a working tree, against the rules at a commit.
#   RULES      a .tide file or a folder of them, as the repository names it
#   MANIFESTS  a file or a folder: what Argo CD would apply (the output of kustomize build or helm template)
#   BASE       the commit to compare with, for example origin/main
#   OUT        a folder, made here: report.md (for reviewers), diff.json, lint.sarif, lint.xml (JUnit)
# Exit status: 0 fine, 1 the rules or the manifests have errors, 2 something could not be done.
set -u
[ $# -eq 4 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
rules=$1 manifests=$2 base=$3 out=$4
mkdir -p "$out" || exit 2
# A comment is found again by its first line; what ends early leaves this.
{ echo '<!-- tidegate diff -->'; echo '### tidegate: no report'; echo; echo 'report.sh ended early; the log of the job says why.'; } >"$out/report.md"

# folded TITLE FILE: into the report, folded away.
folded() {
  {
    echo
    echo "<details><summary>$1</summary>"
    echo
    echo '````text'
    head -c 15000 "$2"
    echo '````'
    echo
    echo '</details>'
  } >>"$out/report.md"
}
# failed WHAT STATUS: into the report what could not be done, and what the program said of it in said.txt.
failed() {
  {
    echo
    echo "**$1** (exit status $2):"
    echo
    echo '````text'
    head -c 15000 "$out/said.txt"
    echo '````'
  } >>"$out/report.md"
}
# The worst of the exit statuses: what could not be done (2) outweighs what was found (1).
worst=0
ran() { [ "$1" -le "$worst" ] || worst=$1; }

# The rules at the base; where there were none yet, every rule is new.
git rev-parse --quiet --verify "$base^{commit}" >/dev/null || { echo "report.sh: no commit \`$base\`; fetch it first" >&2; exit 2; }
before=$(mktemp -d) || exit 2
trap 'rm -rf "$before"' EXIT
old=/dev/null
if [ -n "$(git ls-tree -r --name-only "$base" -- "$rules" | grep '\.tide$')" ]; then
  git archive "$base" -- "$rules" | tar -x -C "$before" || exit 2
  old=$before/$rules
fi

tidegate check "$rules" --format plain >"$out/check.txt"
checked=$?
ran $checked
if [ $checked -ne 0 ]; then
  # Nothing else can be said of rules that do not compile.
  { echo '<!-- tidegate diff -->'; echo '### tidegate: the rules do not compile'; echo; echo '````text'; head -c 30000 "$out/check.txt"; echo '````'; } >"$out/report.md"
  cat "$out/check.txt" >&2
  exit "$worst"
fi

tidegate diff "$old" "$rules" --manifests "$manifests" --format json >"$out/diff.json"
ran $?
tidegate diff "$old" "$rules" --manifests "$manifests" --format markdown >"$out/report.md" 2>"$out/said.txt"
status=$?
ran $status
if [ ! -s "$out/report.md" ]; then
  { echo '<!-- tidegate diff -->'; echo '### tidegate: what these rules change'; } >"$out/report.md"
  failed 'What the rules change is not known' "$status"
fi

tidegate lint "$rules" --manifests "$manifests" --format sarif >"$out/lint.sarif" 2>/dev/null
tidegate lint "$rules" --manifests "$manifests" --format junit >"$out/lint.xml" 2>/dev/null
tidegate lint "$rules" --manifests "$manifests" --format plain >"$out/lint.txt" 2>"$out/said.txt"
status=$?
ran $status
if [ $status -gt 1 ]; then
  failed 'Lint could not run' "$status"
elif [ -s "$out/lint.txt" ]; then
  folded 'Lint found something' "$out/lint.txt"
else
  { echo; echo 'Lint found nothing.'; } >>"$out/report.md"
fi

tidegate plan "$rules" --manifests "$manifests" --format plain >"$out/plan.txt" 2>"$out/said.txt"
status=$?
ran $status
if [ -s "$out/plan.txt" ]; then
  folded 'The plan of the new rules' "$out/plan.txt"
else
  failed 'There is no plan' "$status"
fi
rm -f "$out/said.txt"

exit "$worst"
