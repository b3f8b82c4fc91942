#!/usr/bin/env bash
# Becomes shipgate: the command's parameters, which CircleCI hands over as PARAM_*, as its arguments. No parameter is a secret: those
# are named by the variables that have them.
set -euo pipefail

arguments=("$PARAM_COMMAND")
add() { [ -z "$2" ] || arguments+=("--$1=$2"); }
add file "$PARAM_CONFIG"
add target "$PARAM_TARGET"
add report "$PARAM_REPORT"
add deploy-marker "$PARAM_DEPLOY_MARKER"
if [ "$PARAM_COMMAND" != verify ]; then
    add image "$PARAM_IMAGE"
fi
# The values of these are in a context or the project's settings, under the names that the parameters say.
add external-id "${!PARAM_EXTERNAL_ID-}"
add registry-external-id "${!PARAM_REGISTRY_EXTERNAL_ID-}"

# Split as a shell would, quotes heeded and nothing expanded: no shell reads it.
if [[ $PARAM_ARGS =~ [^[:space:]] ]]; then
    words=$(mktemp)
    printf '%s' "$PARAM_ARGS" | tr '\n' ' ' | xargs printf '%s\0' >"$words"
    while IFS= read -r -d '' word; do arguments+=("$word"); done <"$words"
    rm -f "$words"
fi
if [ "$PARAM_COMMAND" = verify ] && [ -n "$PARAM_IMAGE" ]; then
    arguments+=(-- "$PARAM_IMAGE")
fi

[ -z "$PARAM_REPORT" ] || mkdir -p -- "$(dirname -- "$PARAM_REPORT")"
# exec, so that a cancelled job's signal arrives at shipgate.
exec .shipgate/shipgate "${arguments[@]}"
