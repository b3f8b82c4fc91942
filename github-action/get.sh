#!/bin/sh
# Puts the program where `choose.sh` has decided, and writes its path as the step's output `program`. A build of the same source that
# this runner has kept is run only if it has the SHA-256 that the workflow pins (`build-sha256`): jobs before this one may have
# written to the cache. Without one the source is built.
set -eu

here=$(cd "$(dirname "$0")" && pwd)

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1"
    else
        shasum -a 256 "$1"
    fi | cut -d ' ' -f 1
}

must_be_sha256() {
    case $1 in
    *[!0-9a-f]*) ;;
    *) [ "${#1}" -ne 64 ] || return 0 ;;
    esac
    echo '::error title=shipgate::build-sha256 must be 64 hexadecimal digits, in lower case'
    exit 1
}

# It is copied first, and the copy is checked and run: what is in the cache may change meanwhile.
take_from_cache() {
    [ -n "$CACHE" ] && [ -n "$BUILD_SHA256" ] && [ -f "$CACHE/shipgate" ] || return 1
    mkdir -p "$DIRECTORY"
    cp "$CACHE/shipgate" "$DIRECTORY/.cached"
    found=$(sha256_of "$DIRECTORY/.cached")
    if [ "$found" != "$BUILD_SHA256" ]; then
        rm -f "$DIRECTORY/.cached"
        echo "the kept build has the SHA-256 $found, and another is pinned: it is not run"
        return 1
    fi
    chmod 755 "$DIRECTORY/.cached"
    mv -f "$DIRECTORY/.cached" "$DIRECTORY/shipgate"
    echo 'this runner has kept the build that is pinned'
}

# That it cannot be kept makes no difference to this job.
keep_in_cache() {
    echo "the build has the SHA-256 $(sha256_of "$program"): jobs that pin it (build-sha256) can use it again on this runner"
    [ -n "$CACHE" ] || return 0
    if mkdir -p "$CACHE" 2>/dev/null && cp "$program" "$CACHE/.shipgate-$$" 2>/dev/null; then
        mv -f "$CACHE/.shipgate-$$" "$CACHE/shipgate" 2>/dev/null || true
    fi
}

case $FROM in
release)
    SHIPGATE_CHECKSUMS=$here/checksums.txt
    : "${SHIPGATE_DOWNLOADS:=$SERVER/$REPOSITORY/releases/download}"
    export SHIPGATE_CHECKSUMS SHIPGATE_DOWNLOADS
    unset SHIPGATE_SHA256 SHIPGATE_SOURCE
    program=$(sh "$here/install.sh" "$DIRECTORY")
    ;;
source)
    [ -z "$BUILD_SHA256" ] || must_be_sha256 "$BUILD_SHA256"
    program=$DIRECTORY/shipgate
    if ! take_from_cache; then
        SHIPGATE_SOURCE=$(cd "$here/.." && pwd)
        export SHIPGATE_SOURCE
        program=$(sh "$here/install.sh" "$DIRECTORY")
        keep_in_cache
    fi
    ;;
esac
echo "program=$program" >>"$GITHUB_OUTPUT"
