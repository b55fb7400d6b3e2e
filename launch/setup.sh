#!/usr/bin/env bash
# Create a virtual environment in .venv with the project and its dependencies (`make setup`).
# PYTHON=python3.12 chooses the interpreter. pip chooses the build of torch (CPU, CUDA); see
# "Installing" in README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stop() {
  printf 'setup: %s\n' "$@" >&2
  exit 2
}

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; }

find_python() {
  local name
  if [[ -n ${PYTHON:-} ]]; then
    fits "$PYTHON" || stop "PYTHON=$PYTHON is not a Python 3.11 or 3.12 that starts."
    echo "$PYTHON"
    return
  fi
  for name in python3.11 python3.12 python3 /usr/bin/python3.11 /usr/bin/python3; do
    if fits "$name"; then
      echo "$name"
      return
    fi
  done
  stop "no Python 3.11 or 3.12 found." "Debian 12: apt-get install python3 python3-venv; or set PYTHON=/path/to/python3.11"
}

# Name all missing system packages at once. OpenCV, which insightface imports, does not load without
# the two libraries. Debian's python3 lacks the part of venv that installs pip.
check_system() {
  local python=$1 missing=()
  has_library "$python" libGL.so.1 || missing+=(libgl1)
  has_library "$python" libgthread-2.0.so.0 || missing+=(libglib2.0-0)
  if [[ ! -x .venv/bin/python ]] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
  fi
  if ((${#missing[@]})); then
    stop "system packages are missing: ${missing[*]}" "Debian: apt-get install ${missing[*]}"
  fi
  command -v g++ >/dev/null ||
    printf 'setup: note: %s\n' "no g++: all works but runtime.compile=true on CPUs." \
      "Debian: apt-get install g++" >&2
}

has_library() { "$1" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$2" 2>/dev/null; }

# Import the package, because a wheel may need more than this script checks.
check_imports() {
  .venv/bin/python -c 'import torch, cv2, decord, av, soundfile, emotalk' ||
    stop "installed, but it does not import: the last line above names the library that is missing." \
      "'apt-file search NAME' tells which Debian package holds it."
}

python=$(find_python)
check_system "$python"
if [[ ! -x .venv/bin/python ]]; then
  "$python" -m venv .venv
fi
echo "setup: installing into .venv (minutes the first time; about 3 GB)"
.venv/bin/python -m pip install -qq --constraint constraints.txt --editable '.[dev]'
check_imports
echo "setup: ready: $(.venv/bin/python --version), torch $(.venv/bin/python -c 'import torch; print(torch.__version__)') in .venv"
