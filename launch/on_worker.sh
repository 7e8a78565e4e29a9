#!/usr/bin/env bash
# Runs one command on this machine so that it outlives the login that started it; tpu_pod.sh does
# that on every worker.
#
#   bash launch/on_worker.sh start COMMAND...   in the background; an error where one is running
#   bash launch/on_worker.sh follow             prints its log until it ends; exits with its status
#   bash launch/on_worker.sh wait               as follow, without the log
#   bash launch/on_worker.sh status             "running", "ended with status N", or "nothing was run"
#   bash launch/on_worker.sh stop [SECONDS]     SIGTERM, which makes t5lite save; SIGKILL to what is
#                                               still there after that time (default 300)
#
# Its log, process and exit status lie in ~/t5lite-run, those of the command before in
# ~/t5lite-run.old.
set -euo pipefail

run=~/t5lite-run

is_running() { [ -f "$run/pid" ] && [ ! -f "$run/exit_status" ] && kill -0 "$(cat "$run/pid")" 2>/dev/null; }

state() {
  if is_running; then
    echo running
  elif [ -f "$run/exit_status" ]; then
    echo "ended with status $(cat "$run/exit_status")"
  elif [ -d "$run" ]; then
    echo "ended without a status: this machine was switched off, or somebody killed it"
  else
    echo "nothing was run"
  fi
}

verb=$1
shift
case $verb in
  start)
    if is_running; then
      echo "A command is running here; stop it first." >&2
      exit 1
    fi
    if [ -d "$run" ]; then
      rm -rf "$run.old"
      mv "$run" "$run.old"
    fi
    mkdir "$run"
    touch "$run/log"  # `follow` may come before what writes it
    # A process group of its own, led by a shell that passes SIGTERM on and writes down how it ended.
    # Its trap stands before the command runs, and asks whether it does: `$!` is set by then.
    # shellcheck disable=SC2016
    setsid nohup bash -c '
      run=$1; shift
      trap "[ -n \"\$!\" ] || exit 143; kill -TERM \$!" TERM
      "$@" &
      while wait "$!" && status=0 || status=$?; kill -0 "$!" 2>/dev/null; do :; done
      echo "$status" > "$run/exit_status"
    ' t5lite "$run" "$@" > "$run/log" 2>&1 < /dev/null &
    echo "$!" > "$run/pid"
    ;;
  follow | wait)
    [ -d "$run" ] || { state; exit 1; }
    log=$run/log
    [ "$verb" = follow ] || log=/dev/null
    tail --lines=+1 --follow --pid="$(cat "$run/pid")" "$log"
    state
    exit "$(cat "$run/exit_status" 2>/dev/null || echo 1)"
    ;;
  status) state ;;
  stop)
    if is_running; then
      pid=$(cat "$run/pid")
      kill -TERM "$pid"
      if ! timeout "${1:-300}" tail --follow --pid="$pid" /dev/null; then
        kill -KILL -- "-$pid"
        tail --follow --pid="$pid" /dev/null
      fi
    fi
    state
    ;;
  *)
    echo "on_worker.sh knows start, follow, wait, status and stop, not $verb" >&2
    exit 2
    ;;
esac
