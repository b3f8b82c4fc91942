#!/usr/bin/env bash
# Becomes shipgate: the action's inputs as its arguments. It is exec'd, so that the runner's signals arrive at it.
set -euo pipefail

# With a value, and without: the flags of `shipgate deploy`, under the names they have there.
values='file target image registry-role registry-external-id role external-id service region repository tag via access-role
    instance-role cpu memory port stay gate-timeout log-retention-days if-busy busy-timeout auto-deployments identifier secrets
    secrets-file oidc oidc-audience oidc-token-variable output dotenv color'
switches='create-repository no-verify force resume recreate'

fail() {
    echo "::error title=shipgate::$*"
    exit 2
}

# What is on a second line would be a line of the log, which the runner obeys if it begins with `::`.
one_line() {
    [[ $2 != *[[:cntrl:]]* ]] || fail "$1 must be one line, without control characters"
}

# The input of that name, which action.yml hands on as FLAG_NAME.
input() {
    local variable
    variable=FLAG_$(printf '%s' "$1" | tr 'a-z-' 'A-Z_')
    printf '%s' "${!variable-}"
}

# `args` is split as a shell would split it, quotes heeded and nothing expanded: no shell reads it.
extra=()
split_args() {
    local word words
    [[ $ACTION_ARGS =~ [^[:space:]] ]] || return 0
    ACTION_ARGS=${ACTION_ARGS//[$'\n\r\t']/ }
    one_line args "$ACTION_ARGS"
    words=$(mktemp "${RUNNER_TEMP:-/tmp}/shipgate-args.XXXXXX")
    if ! printf '%s' "$ACTION_ARGS" | xargs printf '%s\0' >"$words" 2>/dev/null; then
        rm -f "$words"
        fail 'args has a quote without its other half'
    fi
    while IFS= read -r -d '' word; do extra+=("$word"); done <"$words"
    rm -f "$words"
}

[ -n "$ACTION_COMMAND" ] || fail 'command is empty: deploy, verify, plan, …'
one_line command "$ACTION_COMMAND"
arguments=("$ACTION_COMMAND")
for name in $values; do
    value=$(input "$name")
    [ -n "$value" ] || continue
    one_line "$name" "$value"
    # `verify` names its image without a flag.
    [ "$ACTION_COMMAND/$name" != verify/image ] || continue
    arguments+=("--$name=$value")
done
while IFS= read -r file; do
    file=${file%$'\r'}
    one_line report "$file"
    [ -z "$file" ] || arguments+=("--report=$file")
done <<<"$(input report)"
for name in $switches; do
    case $(input "$name") in
    true) arguments+=("--$name") ;;
    '' | false) ;;
    *) fail "$name must be true or false" ;;
    esac
done
split_args
arguments+=(${extra[@]+"${extra[@]}"})
if [ "$ACTION_COMMAND" = verify ] && [ -n "$(input image)" ]; then
    arguments+=(-- "$(input image)")
fi

# shellcheck disable=SC2153 # action.yml hands it on
program=$PROGRAM
for variable in ${!FLAG_*} ${!ACTION_*} PROGRAM; do
    # The token's address and key are GitHub's, and for shipgate.
    case $variable in ACTIONS_*) ;; *) unset "$variable" ;; esac
done
exec "$program" "${arguments[@]}"
