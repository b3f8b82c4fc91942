#!/bin/sh
# Any CI that runs a shell script: Jenkins, TeamCity, Drone, cron. It needs a Docker engine and one of these identities:
#   a web identity token in a file   AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN: the token of the CI's own OIDC provider
#   what the machine has             an instance profile, a container's role, AWS_PROFILE, keys
# Change: the release and its checksum, the target. Copy github-action/install.sh to ci/install-shipgate.sh.
# Usage: VERSION=… deploy.sh TARGET
set -eu

: "${SHIPGATE_VERSION:=0.1.0}"
: "${SHIPGATE_SHA256:=0000000000000000000000000000000000000000000000000000000000000000}"
: "${SHIPGATE_DOWNLOADS:=https://github.com/OWNER/shipgate/releases/download}"
export SHIPGATE_VERSION SHIPGATE_SHA256 SHIPGATE_DOWNLOADS

: "${VERSION:?the tag of the image to deploy}"
target=${1:?which target of shipgate.yaml}
shipgate=$(sh ci/install-shipgate.sh)

# What a run that was killed has left in an engine that others use too.
"$shipgate" sweep

# The test phase is the first half of this: an unhealthy image ends it with 6, before anything has changed. exec, so that what the CI sends
# to stop the job arrives at shipgate, which cleans up and says what the cloud still does.
exec "$shipgate" deploy --target "$target" --report shipgate.xml
