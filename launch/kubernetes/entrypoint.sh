#!/usr/bin/env bash
# Runs t5lite in a pod. Told to go, by SIGTERM, training saves and ends with status 0, which a Job
# would take for finished: then this ends with 143, and the JobSet starts its pods again.
set -euo pipefail

told_to_go=
# bash runs a trap between commands: t5lite is not there yet, or `$!` is its number.
trap 'told_to_go=1; [ -n "${!-}" ] || exit 143; kill -TERM "$!" || true' TERM
t5lite "$@" &
wait "$!" && status=0 || status=$?
if [ -n "$told_to_go" ]; then  # the signal ended `wait`, not t5lite
  wait "$!" && status=143 || status=$?
fi
exit "$status"
