#!/bin/sh
# Puts the program where `choose.sh` has decided, and writes its path as the step's output `program`. What was built of the same
# source before, or came from the cache, is not built again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
case $FROM in
release)
    SHIPGATE_CHECKSUMS=$here/checksums.txt
    : "${SHIPGATE_DOWNLOADS:=$SERVER/$REPOSITORY/releases/download}"
    export SHIPGATE_CHECKSUMS SHIPGATE_DOWNLOADS
    unset SHIPGATE_SHA256 SHIPGATE_SOURCE
    program=$(sh "$here/install.sh" "$DIRECTORY")
    ;;
source)
    program=$DIRECTORY/shipgate
    if ! "$program" --version 2>/dev/null; then
        SHIPGATE_SOURCE=$(cd "$here/.." && pwd)
        export SHIPGATE_SOURCE
        program=$(sh "$here/install.sh" "$DIRECTORY")
    fi
    ;;
esac
echo "program=$program" >>"$GITHUB_OUTPUT"
