#!/bin/sh
# Decides what the action runs: a release whose checksum is pinned here, or this checkout as cargo builds it. Writes the step's
# outputs: `from` (release, source), `version`, `directory` and, of a source, `cache`: where this runner keeps its build.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/.." && pwd)
pins=$here/checksums.txt
own_version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$checkout/Cargo.toml" | head -n 1)

is_pinned() {
    archive=$(sh "$here/install.sh" --archive "$1")
    awk -v name="$archive" '$2 == name { found = 1 } END { exit !found }' "$pins"
}

pinned_versions() { sed -nE 's/^[0-9a-f]{64} [ *]shipgate-([0-9].*)-(x86_64|aarch64)-.*$/\1/p' "$pins" | uniq; }

# The last one that there is for this platform, and that is no pre-release.
newest() {
    for version in $(pinned_versions); do
        case $version in *-*) continue ;; esac
        is_pinned "$version" && found=$version
    done
    echo "${found:-}"
}

release() {
    echo "shipgate $1, whose checksum the action has"
    {
        echo 'from=release'
        echo "version=$1"
        echo "directory=$RUNNER_TEMP/shipgate"
    } >>"$GITHUB_OUTPUT"
    exit
}

# Text of others in a workflow command: on one line, and with the runner's own escapes (actions/runner, `ActionCommand`).
escaped() {
    printf '%s' "$*" | LC_ALL=C tr '\n\t' '  ' | LC_ALL=C tr -d '\000-\037\177' | sed -e 's/%/%25/g' -e 's/##\[/# #[/g'
}

# The same files are the same program, whatever commit they are of.
digest_of_source() {
    sum='sha256sum'
    command -v sha256sum >/dev/null 2>&1 || sum='shasum -a 256'
    cd "$checkout"
    # shellcheck disable=SC2086 # the command and its words
    find Cargo.toml Cargo.lock crates src -type f -print0 | LC_ALL=C sort -z | xargs -0 $sum | $sum | cut -c 1-32
}

source_code() {
    echo "$1: the action's own checkout (version $own_version) is built with cargo"
    digest=$(digest_of_source)
    {
        echo 'from=source'
        echo "version=$own_version"
        echo "directory=$RUNNER_TEMP/shipgate"
        echo "cache=${RUNNER_TOOL_CACHE:+$RUNNER_TOOL_CACHE/shipgate/$digest}"
    } >>"$GITHUB_OUTPUT"
    exit
}

wanted=${ACTION_VERSION#v}
case $wanted in
source) source_code 'asked for by version: source' ;;
'')
    latest=$(newest)
    [ -z "$latest" ] || release "$latest"
    source_code 'no release has its checksum in the action yet'
    ;;
*[!0-9A-Za-z.+-]*) ;;
*)
    if is_pinned "$wanted"; then
        release "$wanted"
    elif [ "$wanted" = "$own_version" ]; then
        source_code "release $wanted has no checksum in the action"
    fi
    ;;
esac
known=$(pinned_versions | tr '\n' ' ')
message="version $wanted has no checksum in this commit of the action, which knows: ${known}source"
echo "::error title=shipgate::$(escaped "$message")"
exit 1
