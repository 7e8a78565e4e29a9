#!/usr/bin/env bash
# Sets up a virtual environment and runs lint, types, the import contract and all tests.
#
#   bash launch/test.sh                      all but the tests that need torch and transformers
#   T5LITE_PEERS=1 bash launch/test.sh       those too (installs torch, about 1 GB)
#   bash launch/test.sh tests/data -k pack   only some tests; arguments go to pytest
#
# T5LITE_VENV names the environment (default .venv-test), PYTHON the interpreter to make it with.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${T5LITE_VENV:-.venv-test}
if [ "${T5LITE_PEERS:-0}" = 1 ]; then
  bash launch/make_venv.sh "$venv" -e ".[test,browser,dev,peers]"
else
  bash launch/make_venv.sh "$venv" -e ".[test,browser,dev]"
  echo "Tests against torch and transformers are skipped; T5LITE_PEERS=1 runs them."
fi
bin=$PWD/$venv/bin
case $venv in /*) bin=$venv/bin ;; esac

run() {
  echo "== $*"
  "$bin/python" -m "$@"
}

run ruff check .
run ruff format --check .
run mypy
echo "== import contract"
"$bin/lint-imports"
# What one test compiled serves the next. The folder is new, so nothing old can pass for new.
JAX_COMPILATION_CACHE_DIR=$(mktemp -d)
trap 'rm -rf "$JAX_COMPILATION_CACHE_DIR"' EXIT
export JAX_COMPILATION_CACHE_DIR JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0.2
# A process a core. The tests of one file share what they prepare, so they stay together; files go in
# their order, since the longest ones have few tests and would come last.
run pytest -n auto --dist loadfile --no-loadscope-reorder --durations=20 "$@"
