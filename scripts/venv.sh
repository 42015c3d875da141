#!/bin/sh
# Makes .venv with the first Python from 3.11 on, and installs scratchify into it: scripts/venv.sh [EXTRA]
set -eu
cd "$(dirname "$0")/.."

for python in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$python" >/dev/null \
        && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        break
    fi
    python=
done
if [ -z "$python" ]; then
    echo "venv: scratchify needs Python 3.11 or later; name one: make PYTHON=/path/to/python3.12 …" >&2
    exit 2
fi

# Debian and Ubuntu keep ensurepip in a package of its own.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "venv: $python cannot make a virtual environment: install the package $package" >&2
        exit 2
    fi
    echo "venv: installing $package from the distribution" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >/dev/null
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --constraint constraints.txt --editable ".${1:+[$1]}"
