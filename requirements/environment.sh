# Makes the environment that ./run and ./test need; sourced by both. Quick when nothing changed.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }

give_up() {
    printf '%s\n' "$*" >&2
    exit 1
}

# apt_install REASON PACKAGE... : installs with root or sudo, else says exactly what to install.
apt_install() {
    local reason=$1
    shift
    local -a as_root=()
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            give_up "$reason Install it with:  sudo apt-get install -y $*"
        fi
    fi
    command -v apt-get >/dev/null || give_up "$reason Install the equivalent of these Debian packages: $*"
    say "Installing $* …"
    # A lock held by somebody else's apt is waited for; an index that cannot be refreshed may do.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update ||
        say "The package index could not be refreshed; trying with the one that is here."
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "$@" >/dev/null ||
        give_up "$reason apt-get could not install: $*"
}

find_python() {
    local name
    for name in python3 python3.11 python3.12 python3.13; do
        if command -v "$name" >/dev/null &&
            "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

# prepare runtime|test : the virtual environment, the locked packages, and Wenlan itself.
prepare() {
    local lock="requirements/$1.lock" python stamp wanted
    python=$(find_python)
    if [ -z "$python" ]; then
        apt_install "Wenlan needs Python 3.11." python3 python3-venv
        python=$(find_python)
        [ -n "$python" ] || give_up "Wenlan needs Python 3.11 to 3.13; this system offers none."
    fi
    wanted=$({
        pwd
        "$python" -VV
        cat "$lock" requirements/node.lock package-lock.json pyproject.toml hatch_build.py
    } | sha256sum)
    stamp=.venv/installed-$1
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] &&
        [ -d gateway/web/console/static/vendor/uplot ]; then
        return
    fi
    say "Preparing the environment in .venv …"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        apt_install "Python's venv module is missing." python3-venv
    fi
    # An environment begun by another Python, or moved, is made anew.
    if ! .venv/bin/python -c 'import pip' 2>/dev/null ||
        [ "$(.venv/bin/python -VV)" != "$("$python" -VV)" ] ||
        [ "$(cat .venv/place 2>/dev/null)" != "$(pwd)" ]; then
        rm -rf .venv
        "$python" -m venv .venv
        pwd >.venv/place
    fi
    .venv/bin/pip install --disable-pip-version-check -q --require-hashes -r "$lock"
    if ! command -v npm >/dev/null; then
        .venv/bin/pip install --disable-pip-version-check -q --require-hashes -r requirements/node.lock
    fi
    .venv/bin/pip install --disable-pip-version-check -q \
        --no-deps --no-build-isolation -e .
    printf '%s' "$wanted" >"$stamp"
    # ./test brings everything that ./run needs.
    if [ "$1" = test ]; then
        rm -f .venv/installed-runtime
    fi
}
