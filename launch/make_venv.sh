#!/usr/bin/env bash
# Makes a virtual environment with t5lite in it, or leaves one that is up to date alone.
#
#   bash launch/make_venv.sh DIR PIP_ARGUMENT...      e.g. .venv-demo ".[data]"
#
# It is up to date when it was made from the same setup.py, arguments and Python, and, unless -e is
# among the arguments, from the same code.
# PYTHON names the interpreter; without it python3.11 (tested most), 3.12, 3.13, python3.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
shift

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "t5lite needs Python 3.11 or newer; none found${PYTHON:+ (PYTHON=$PYTHON)}." >&2
  echo "Install one, or name it: PYTHON=/path/to/python3.11 bash $0" >&2
  return 1
}

python=$(find_python)
case " $* " in
  *" -e "*) sources=$(find gin -type d) ;;  # the code is used where it lies
  *) sources=$(find t5lite tasks gin -name '*.py' -o -name '*.gin') ;;
esac
key=$({
  "$python" -VV
  cat setup.py pyproject.toml t5lite/__init__.py
  echo "$@"
  echo "$sources" | sort | while read -r path; do echo "$path"; [ -d "$path" ] || cat "$path"; done
} | cksum)
if [ -f "$venv/.t5lite-key" ] && [ "$(cat "$venv/.t5lite-key")" = "$key" ]; then
  exit 0
fi

echo "Installing t5lite into $venv (minutes the first time) ..."
if ! "$python" -m venv --clear "$venv" 2>/dev/null; then
  # Some systems split venv off; virtualenv needs nothing but pip.
  "$python" -m pip install --quiet --user virtualenv
  "$python" -m virtualenv --quiet --clear "$venv"
fi
"$venv/bin/python" -m pip install --quiet --upgrade pip "setuptools>=77" wheel
rm -rf build/lib  # setuptools would install modules that an older version left there
"$venv/bin/python" -m pip install --quiet "$@"
echo "$key" > "$venv/.t5lite-key"
