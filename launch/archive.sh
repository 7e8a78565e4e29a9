#!/usr/bin/env bash
# Packs this repository, edits and new files included, what git ignores left out.
#
#   bash launch/archive.sh FILE.tar.gz
set -euo pipefail
cd "$(dirname "$0")/.."

git ls-files -z --cached --others --exclude-standard --deduplicate |
  while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --null --files-from=- -czf "$1"
