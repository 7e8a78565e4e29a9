#!/usr/bin/env bash
# Cloud TPU slices, from one host to many slices: makes them, runs a t5lite command on every host,
# and takes them down.
#
#   export TPU=my-tpu ZONE=us-west4-a
#   bash launch/tpu_pod.sh create --accelerator-type=v5litepod-256 \
#       --runtime-version=v2-alpha-tpuv5-lite [--slices=2] [--spot] [--async] [-- GCLOUD_FLAG...]
#   bash launch/tpu_pod.sh run train --gin_file=my_run.gin --model_dir=gs://my-bucket/runs/first
#   bash launch/tpu_pod.sh logs [--worker=all]     the log again, of the first worker or of all
#   bash launch/tpu_pod.sh status                  of the slices, and of the command on each worker
#   bash launch/tpu_pod.sh stop                    has the command save and end
#   bash launch/tpu_pod.sh delete
#
# Before its verb's own words, each takes --name, --zone, --project and --slices (default: the
# variables TPU, ZONE, PROJECT, SLICES; then gcloud's own settings, one slice) and --dry-run, which
# prints the commands instead of running them.
#
# create    asks for a queued resource, and waits until it is active (not with --async). One that is
#           there is left as it is, one that was preempted or failed is asked for again. What stands
#           behind -- goes to gcloud, such as --service-account=... or --valid-until-duration=6h.
# sync      copies this repository with what git does not ignore to ~/t5lite of every worker, and
#           makes or renews the environment ~/t5lite-venv there.
# run       does sync, starts the command with --multi_host in the background of every worker, so that
#           a lost connection does not end it, prints the first worker's log, and exits with its
#           status, or with that of another worker that failed. Where a command is running it prints
#           that one's log. After a preemption, `create` and the same `run` again resume from the
#           last checkpoint.
#
# Cloud TPU tells every worker which of which slice it is; no worker has to reach another by ssh.
set -euo pipefail
cd "$(dirname "$0")/.."

mistake() {
  echo "tpu_pod.sh: $1" >&2
  exit 2
}

[ "${BASH_VERSINFO[0]}" -ge 5 ] || mistake "needs bash 5; this is $BASH_VERSION (macOS: brew install bash)"
[ $# -gt 0 ] || mistake "give a verb: create, sync, run, logs, status, stop or delete"
verb=$1
shift
name=${TPU:-} zone=${ZONE:-} project=${PROJECT:-} slices=${SLICES:-1}
dry_run='' wait_for_it=1 worker=0 create=()
while [ $# -gt 0 ]; do
  case $1 in
    --name=*) name=${1#*=} ;;
    --zone=*) zone=${1#*=} ;;
    --project=*) project=${1#*=} ;;
    --slices=*) slices=${1#*=} ;;
    --dry-run) dry_run=1 ;;
    --worker=0 | --worker=all) worker=${1#*=} ;;
    --async) wait_for_it='' ;;
    --accelerator-type=* | --runtime-version=* | --spot | --reserved) create+=("$1") ;;
    --)
      shift
      break
      ;;
    -*) mistake "$1 is none of its flags, in the form --flag=value; see the top of launch/tpu_pod.sh" ;;
    *) break ;;
  esac
  shift
done
[ -n "$name" ] || mistake "name the TPU: --name=my-tpu, or TPU=my-tpu"
[[ $slices =~ ^[1-9][0-9]*$ ]] || mistake "--slices=$slices is no number of slices"
where=(${zone:+--zone="$zone"} ${project:+--project="$project"})

# One slice has the name, several have it with a number behind.
nodes=("$name")
if [ "$slices" -gt 1 ]; then
  nodes=()
  for ((i = 0; i < slices; i++)); do nodes+=("$name-$i"); done
fi

call() {
  if [ -n "$dry_run" ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

queued() { call gcloud compute tpus queued-resources "$@" "${where[@]}"; }
request_state() { queued list --filter="name~/$name\$" --format='value(state.state)'; }
ssh_to() { call gcloud compute tpus tpu-vm ssh "$1" "${where[@]}" --worker="$2" --command="$3"; }

# Runs a function for every slice at once; an error of one is one of all.
on_every_slice() {
  local node status=0 pids=()
  for node in "${nodes[@]}"; do
    if [ -n "$dry_run" ]; then "$@" "$node"; else "$@" "$node" & pids+=("$!"); fi
  done
  for node in "${pids[@]}"; do wait "$node" || status=$?; done
  return "$status"
}

create() {
  local state node_flags=(--node-id="$name")
  [ "$slices" = 1 ] || node_flags=(--node-count="$slices" --node-prefix="$name")
  state=$(request_state)
  [ -z "$dry_run" ] || { echo "$state" && state=''; }
  case $state in
    FAILED | SUSPENDED)
      echo "$name is $state; it is asked for again."
      queued delete "$name" --force --quiet
      state=''
      ;;
  esac
  if [ -z "$state" ]; then
    case " ${create[*]} " in
      *" --accelerator-type="*" --runtime-version="* | *" --runtime-version="*" --accelerator-type="*) ;;
      *) mistake "create needs --accelerator-type, such as v5litepod-16, and --runtime-version, such as v2-alpha-tpuv5-lite" ;;
    esac
    queued create "$name" "${node_flags[@]}" "${create[@]}" "$@"
  else
    echo "$name is there."
  fi
  [ -n "$wait_for_it" ] || return 0
  local before=''
  while true; do
    state=$(request_state)
    [ -z "$dry_run" ] || { echo "$state" && return; }
    [ "$state" = "$before" ] || echo "$name is $state"
    before=$state
    case $state in
      ACTIVE) return ;;
      FAILED | SUSPENDED | '') echo "see: bash launch/tpu_pod.sh status --name=$name" >&2 && return 1 ;;
    esac
    sleep 30
  done
}

copy() { call gcloud compute tpus tpu-vm scp "$archive" "$1:t5lite.tar.gz" "${where[@]}" --worker=all; }

sync() {
  # shellcheck disable=SC2016  # for the shells of the workers
  local unpack='set -e
if bash ~/t5lite/launch/on_worker.sh status 2> /dev/null | grep -qx running; then
  echo "$(hostname): a command is running; stop it first" >&2
  exit 1
fi
rm -rf ~/t5lite && mkdir ~/t5lite && tar -xzf ~/t5lite.tar.gz -C ~/t5lite
bash ~/t5lite/launch/make_venv.sh ~/t5lite-venv -e ".[data,tpu,gcs]"'
  archive=${TMPDIR:-/tmp}/t5lite-$name.tar.gz
  call bash launch/archive.sh "$archive"
  on_every_slice copy
  on_every_slice every_worker "$unpack"
}

every_worker() { ssh_to "$2" all "$1"; }
follow() { ssh_to "$1" "$worker" 'bash ~/t5lite/launch/on_worker.sh follow'; }

run() {
  [ $# -gt 0 ] || mistake "give a t5lite command: run train --gin_file=FILE ..."
  local command state
  state=$(ssh_to "${nodes[0]}" 0 'bash ~/t5lite/launch/on_worker.sh status 2> /dev/null || echo new')
  if [ -n "$dry_run" ]; then echo "$state"; fi
  if [ "$state" = running ]; then
    echo "A command is running; this is its log. To start another, stop it first."
  else
    sync
    printf -v command '%q ' "$@" --multi_host
    on_every_slice every_worker \
      "cd ~/t5lite && bash launch/on_worker.sh start ~/t5lite-venv/bin/t5lite $command"
  fi
  follow "${nodes[0]}"
  on_every_slice every_worker 'bash ~/t5lite/launch/on_worker.sh wait'
}

case $verb in
  create) create "$@" ;;
  sync) sync ;;
  run) run "$@" ;;
  logs) if [ "$worker" = all ]; then on_every_slice follow; else follow "${nodes[0]}"; fi ;;
  status)
    queued list --filter="name~/$name\$"
    # shellcheck disable=SC2016  # for the shells of the workers
    on_every_slice every_worker 'echo "$(hostname): $(bash ~/t5lite/launch/on_worker.sh status)"'
    ;;
  stop) on_every_slice every_worker 'bash ~/t5lite/launch/on_worker.sh stop' ;;
  delete)
    if [ -n "$dry_run" ]; then request_state; fi
    if [ -n "$dry_run" ] || [ -n "$(request_state)" ]; then
      queued delete "$name" --force --quiet
    else
      echo "There is no queued resource $name."
    fi
    ;;
  *) mistake "$verb is none of create, sync, run, logs, status, stop, delete" ;;
esac
