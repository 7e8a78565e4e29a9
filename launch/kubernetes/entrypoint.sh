#!/usr/bin/env bash
# Runs t5lite in a pod. Told to go, by SIGTERM, training saves and ends with status 0, which a Job
# would take for finished: then this ends with 143, and the JobSet starts its pods again.
set -euo pipefail

told_to_go=
trap 'told_to_go=1; kill -TERM "$t5lite"' TERM
t5lite "$@" &
t5lite=$!
wait "$t5lite" && status=0 || status=$?
if [ -n "$told_to_go" ]; then  # the signal ended `wait`, not t5lite
  wait "$t5lite" && status=143 || status=$?
fi
exit "$status"
