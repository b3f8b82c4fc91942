#!/bin/sh
# Puts the program shipgate into a directory and prints its path. For any CI: sh install.sh [DIRECTORY]
# (also SHIPGATE_DIRECTORY; .shipgate if neither is given).
#
# Of a release, which is downloaded and must have the SHA-256 that is pinned; nothing of another is run, or kept:
#   SHIPGATE_VERSION     which, such as 0.1.0
#   SHIPGATE_SHA256      that of the release's archive for this platform
#   SHIPGATE_CHECKSUMS   or a file that has it: lines as sha256sum prints them (checksums.txt of the GitHub Action)
#   SHIPGATE_DOWNLOADS   where releases are, a folder for each: https://github.com/OWNER/REPOSITORY/releases/download, or a mirror
# Or of a checkout of shipgate, which cargo builds:
#   SHIPGATE_SOURCE      where it is
# `sh install.sh --archive VERSION` prints the name of that release's archive for this platform.
set -eu

# Text of others on one line that nobody obeys: GitHub's runner takes `::error::` at the beginning of a line, and `##[error]`
# anywhere in it, for commands.
plain() { printf '%s' "$*" | LC_ALL=C tr '\n\t' '  ' | LC_ALL=C tr -d '\000-\037\177' | sed 's/##\[/# #[/g'; }
say() { printf 'install: %s\n' "$(plain "$*")" >&2; }
fail() {
    say "$*"
    exit 1
}

# As Rust names it, and releases after it.
platform() {
    case "$(uname -s)-$(uname -m)" in
    Linux-x86_64 | Linux-amd64) echo x86_64-unknown-linux-musl ;;
    Linux-aarch64 | Linux-arm64) echo aarch64-unknown-linux-musl ;;
    Darwin-x86_64) echo x86_64-apple-darwin ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) fail "there is no release for $(uname -s) on $(uname -m)" ;;
    esac
}

archive_of() {
    name=$(platform)
    echo "shipgate-$1-$name.tar.gz"
}

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1"
    else
        shasum -a 256 "$1"
    fi | cut -d ' ' -f 1
}

pinned_for() {
    if [ -n "${SHIPGATE_SHA256:-}" ]; then
        echo "$SHIPGATE_SHA256"
    elif [ -n "${SHIPGATE_CHECKSUMS:-}" ]; then
        awk -v name="$1" '$2 == name || $2 == "*" name { print $1; exit }' "$SHIPGATE_CHECKSUMS"
    fi
}

download() {
    version=$1 archive=$2 expected=$3
    [ -n "${SHIPGATE_DOWNLOADS:-}" ] || fail 'SHIPGATE_DOWNLOADS must say where releases are'
    case $SHIPGATE_DOWNLOADS in
    *[![:graph:]]*) fail "SHIPGATE_DOWNLOADS is not a URL: $SHIPGATE_DOWNLOADS" ;;
    http://* | https://* | file://*) ;;
    *) fail "SHIPGATE_DOWNLOADS is not a URL: $SHIPGATE_DOWNLOADS" ;;
    esac
    address="${SHIPGATE_DOWNLOADS%/}/v$version/$archive"
    say "downloading $address"
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 15 --max-time 300 \
        --output "$work/$archive" --url "$address" || fail "$address cannot be downloaded"
    found=$(sha256_of "$work/$archive")
    [ "$found" = "$expected" ] || fail "refused: $address has the SHA-256 $found, and $expected is pinned"
    tar -xzf "$work/$archive" -C "$work"
    program=$work/${archive%.tar.gz}/shipgate
    [ -f "$program" ] || fail "there is no shipgate in $archive"
}

build() {
    command -v cargo >/dev/null 2>&1 || fail 'cargo is missing, which builds shipgate: https://rustup.rs'
    say "building $SHIPGATE_SOURCE with cargo"
    target=${CARGO_TARGET_DIR:-$SHIPGATE_SOURCE/target}
    (cd "$SHIPGATE_SOURCE" && CARGO_TARGET_DIR=$target cargo build --release --locked --bin shipgate >&2)
    program=$target/release/shipgate
}

# The name is given last and at once: nobody finds half a program.
place() {
    mkdir -p "$directory"
    cp "$program" "$directory/.shipgate-$$"
    chmod 755 "$directory/.shipgate-$$"
    mv -f "$directory/.shipgate-$$" "$directory/shipgate"
}

if [ "${1:-}" = --archive ]; then
    archive_of "$2"
    exit
fi

directory=${1:-${SHIPGATE_DIRECTORY:-.shipgate}}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -n "${SHIPGATE_SOURCE:-}" ]; then
    build
else
    [ -n "${SHIPGATE_VERSION:-}" ] || fail 'SHIPGATE_VERSION must name a release, or SHIPGATE_SOURCE a checkout'
    case $SHIPGATE_VERSION in
    *[!0-9A-Za-z.+-]*) fail "SHIPGATE_VERSION is not a version: $SHIPGATE_VERSION" ;;
    esac
    wanted=$(archive_of "$SHIPGATE_VERSION")
    pinned=$(pinned_for "$wanted")
    [ -n "$pinned" ] || fail "no SHA-256 is pinned for $wanted: set SHIPGATE_SHA256, or SHIPGATE_CHECKSUMS"
    download "$SHIPGATE_VERSION" "$wanted" "$pinned"
fi
place
say "$("$directory/shipgate" --version)"
echo "$(cd "$directory" && pwd)/shipgate"
