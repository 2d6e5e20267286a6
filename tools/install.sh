#!/usr/bin/env bash
# Make a virtual environment with the newest usable Python and install the project into it, with the tools for developers.
#   bash tools/install.sh [VENV]
# CONSTRAINTS=requirements-lock.txt installs the versions of that file.
set -euo pipefail
venv=${1:-.venv}
constraints=${CONSTRAINTS:-}

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

if ! usable "$venv/bin/python"; then
    for python in ${PYTHON:-} python3 python3.12 python3.11 python3.13 python3.10 python; do
        if command -v "$python" >/dev/null && usable "$python"; then
            "$python" -m venv --clear "$venv"
            break
        fi
    done
    [ -x "$venv/bin/python" ] || { echo "error: no Python from 3.10 to 3.13 found; name one with PYTHON=/path/to/python" >&2; exit 1; }
fi

# Environments made by uv have no pip.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null

# uv installs in seconds what takes pip minutes; pip does where there is no uv.
if "$venv/bin/python" -m pip install --quiet uv 2>/dev/null; then
    pip=("$venv/bin/python" -m uv pip install --quiet --compile-bytecode --python "$venv/bin/python")
else
    pip=("$venv/bin/python" -m pip install --quiet)
fi
if [ -n "$constraints" ] && ! "${pip[@]}" --constraint "$constraints" -e '.[dev]'; then
    echo "the versions of $constraints cannot be installed here: the newest ones are" >&2
    constraints=
fi
[ -n "$constraints" ] || "${pip[@]}" -e '.[dev]'
echo "installed into $venv"
