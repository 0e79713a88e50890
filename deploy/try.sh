#!/bin/sh
# Set everything up in .venv beside the code, then do one thing with it.
#
#   sh deploy/try.sh demo [options]    run the demo
#   sh deploy/try.sh test [options]    lint, format, types, layers and tests; options go to pytest
#   sh deploy/try.sh bench [options]   time pages, the daemon and its start; --help lists what can be timed
#   sh deploy/try.sh shell COMMAND     any command inside the environment, for instance: sheetwatch read scan.pdf
#
# Needs Debian 12 or Raspberry Pi OS (64-bit) with Python 3.11, 3.12 or 3.13; PYTHON chooses another interpreter.
set -eu
cd "$(dirname "$0")/.."

fail() {
    echo "try.sh: $1" >&2
    exit 1
}

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3 python3.12 python3.13; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 found; install one (apt-get install python3) or name it: PYTHON=/path sh deploy/try.sh"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        fail "python3-venv is missing and there is no sudo; as root: apt-get install python3-venv"
    fi
}

make_environment() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        command -v apt-get >/dev/null || fail "$python has no venv module; install it with the system's package manager"
        as_root apt-get update -qq
        as_root apt-get install -y -qq python3-venv
    fi
    if [ ! -x .venv/bin/python ]; then
        rm -f .venv/installed-*
        "$python" -m venv .venv
    fi
}

install_locked() {
    lock=deploy/requirements/$1.txt
    stamp=.venv/installed-$1
    if [ -f "$stamp" ] && cmp -s "$stamp" "$lock"; then return; fi
    echo "try.sh: installing the locked packages of $lock into .venv (once)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
    cp "$lock" "$stamp"
}

usage() {
    sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//' >&2
    exit 64
}

check() {
    echo "== $*"
    "$@"
}

task=${1:-}
[ $# -gt 0 ] && shift
case $task in
demo)
    make_environment
    install_locked run
    exec .venv/bin/sheetwatch demo "$@"
    ;;
test)
    make_environment
    install_locked test
    PATH="$PWD/.venv/bin:$PATH"
    check ruff check .
    check ruff format --check .
    # Types are those of the packages for Python 3.11; NumPy's own differ from version to version.
    if .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then check mypy; fi
    check lint-imports
    check pytest -n 2 "$@"
    # Alone, because it follows one machine through its life; skipped where none can be booted.
    [ $# -gt 0 ] || check pytest -rs tests/install/test_booted.py
    ;;
bench)
    make_environment
    install_locked test
    exec .venv/bin/python tests/bench "$@"
    ;;
shell)
    [ $# -gt 0 ] || usage
    make_environment
    install_locked run
    PATH="$PWD/.venv/bin:$PATH" exec "$@"
    ;;
*)
    usage
    ;;
esac
