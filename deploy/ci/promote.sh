#!/usr/bin/env bash
# Promote a version with floe.pyz. Inputs arrive as variables, so no shell ever parses them.
set -euo pipefail
fail() {
  printf 'floe: %s\n' "$1" >&2
  exit 2
}
input() { # name, variable: the value, or the end of the job
  [ -n "${!2:-}" ] || fail "the input '$1' is empty: set it in the job"
}
input version FLOE_INPUT_VERSION
input to FLOE_INPUT_TO
input pyz FLOE_INPUT_PYZ
input sha256 FLOE_INPUT_SHA256
[[ $FLOE_INPUT_SHA256 =~ ^[0-9a-f]{64}$ ]] ||
  fail "the input 'sha256' is no SHA-256: copy the 64 hexadecimal digits of floe.pyz from SHA256SUMS"

work=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/floe.XXXXXXXXXX")
trap 'rm -rf -- "$work"' EXIT
case $FLOE_INPUT_PYZ in
  https://*)
    curl --fail --silent --show-error --location --proto =https --proto-redir =https --retry 3 \
      --max-time 600 --output "$work/floe.pyz" --url "$FLOE_INPUT_PYZ" ||
      fail "floe.pyz cannot be read from the address in the input 'pyz'"
    ;;
  *://*) fail "the input 'pyz' is neither an https address nor a path" ;;
  *) cp -- "$FLOE_INPUT_PYZ" "$work/floe.pyz" || fail "the file in the input 'pyz' cannot be read" ;;
esac
printf '%s  %s\n' "$FLOE_INPUT_SHA256" "$work/floe.pyz" | sha256sum --check --status ||
  fail "floe.pyz does not have the checksum in the input 'sha256', and is not run"

[ -z "${FLOE_INPUT_SERVER:-}" ] || export FLOE_SERVER=$FLOE_INPUT_SERVER
# GitHub's identity token, if the job may have one and has none yet.
if [ -n "${FLOE_SERVER:-}" ] && [ -z "${FLOE_ID_TOKEN:-}" ] && [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ]; then
  FLOE_ID_TOKEN=$(
    printf 'Authorization: Bearer %s\n' "${ACTIONS_ID_TOKEN_REQUEST_TOKEN:-}" |
      curl --fail --silent --show-error --max-time 60 --header @- --get \
        --data-urlencode "audience=${FLOE_INPUT_AUDIENCE:-floe}" --url "$ACTIONS_ID_TOKEN_REQUEST_URL" |
      "${FLOE_PYTHON:-python3}" -c 'import json, sys; print(json.load(sys.stdin)["value"])'
  ) || fail "GitHub gave no identity token: the job needs 'permissions: {id-token: write}'"
  echo "::add-mask::$FLOE_ID_TOKEN"
  export FLOE_ID_TOKEN
fi

arguments=("--to=$FLOE_INPUT_TO")
[ -z "${FLOE_INPUT_FROM:-}" ] || arguments+=("--from=$FLOE_INPUT_FROM")
[ -z "${FLOE_INPUT_MANIFEST:-}" ] || arguments+=("--manifest=$FLOE_INPUT_MANIFEST")
[ -z "${FLOE_INPUT_PRODUCT:-}" ] || arguments+=("--product=$FLOE_INPUT_PRODUCT")
[ -z "${FLOE_INPUT_WAIT:-}" ] || arguments+=("--wait=$FLOE_INPUT_WAIT")
[ "${FLOE_INPUT_DRY_RUN:-false}" != true ] || arguments+=(--dry-run)

# Another job on this machine could write to a shared cache.
export SHIV_ROOT=$work/unpacked
# No line of the output is a command of the runner.
pause=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
[ "${GITHUB_ACTIONS:-}" != true ] || echo "::stop-commands::$pause"
code=0
{
  "${FLOE_PYTHON:-python3}" "$work/floe.pyz" platform promote "${arguments[@]}" -- "$FLOE_INPUT_VERSION" \
    2>&1 >&3 3>&- | tee "$work/problems" >&2
} 3>"$work/answer" || code=$?
cat "$work/answer"
[ "${GITHUB_ACTIONS:-}" != true ] || echo "::$pause::"

summary=${FLOE_SUMMARY:-${GITHUB_STEP_SUMMARY:-}}
if [ -n "$summary" ]; then
  # Four spaces make a block of code of every line, whatever is in it.
  {
    printf '### floe: exit code %s\n\n' "$code"
    cat "$work/answer" "$work/problems" | sed 's/^/    /'
  } >>"$summary"
fi
[ -z "${GITHUB_OUTPUT:-}" ] || echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
