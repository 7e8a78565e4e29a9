#!/usr/bin/env bash
# Runs a t5lite command on Kubernetes: on TPU slices of GKE, or on nodes with NVIDIA GPUs. The cluster
# needs JobSet (jobset.sigs.k8s.io).
#
#   bash launch/kubernetes.sh build --image=REGISTRY/t5lite:1 --accelerator=cuda    (or tpu)
#   bash launch/kubernetes.sh run --name=first --image=REGISTRY/t5lite:1 --hosts=4 --gpus=8 \
#       train --gin_file=my_run.gin --model_dir=gs://my-bucket/runs/first
#   bash launch/kubernetes.sh run --name=first --image=REGISTRY/t5lite:1 \
#       --accelerator=tpu-v5-lite-podslice --topology=4x4 [--chips=4] [--slices=2] train ...
#   bash launch/kubernetes.sh logs --name=first [--worker=all]    the first pod's log, or all
#   bash launch/kubernetes.sh status --name=first
#   bash launch/kubernetes.sh delete --name=first
#
# All take --namespace (default: kubectl's own), and --dry-run, which prints the commands and the
# manifest instead of running them.
#
# build   makes the image from this repository with what git does not ignore, and pushes it.
# run     fills in kubernetes/gpu.yaml or kubernetes/tpu.yaml and applies it; where the same is there,
#         nothing happens. --gpus and --chips are those of a host, --max-restarts (default 10) says how
#         often all pods may be started again; they resume from the last checkpoint.
set -euo pipefail
cd "$(dirname "$0")/.."

mistake() {
  echo "kubernetes.sh: $1" >&2
  exit 2
}

[ "${BASH_VERSINFO[0]}" -ge 5 ] || mistake "needs bash 5; this is $BASH_VERSION (macOS: brew install bash)"
[ $# -gt 0 ] || mistake "give a verb: build, run, logs, status or delete"
verb=$1
shift
# What stands in {braces} in the manifests, by the names of the flags.
declare -A fill=([chips]=4 [slices]=1 [max-restarts]=10)
dry_run='' worker=0 where=()
while [ $# -gt 0 ]; do
  flag=${1%%=*}
  case $1 in
    --name=* | --image=* | --accelerator=* | --topology=* | --chips=* | --slices=* | --hosts=* | \
      --gpus=* | --max-restarts=*) fill[${flag#--}]=${1#*=} ;;
    --namespace=*) where=("$1") ;;
    --worker=0 | --worker=all) worker=${1#*=} ;;
    --dry-run) dry_run=1 ;;
    -*) mistake "$1 is none of its flags, in the form --flag=value; see the top of launch/kubernetes.sh" ;;
    *) break ;;
  esac
  shift
done

need() {
  local flag
  for flag in "$@"; do [ -n "${fill[$flag]:-}" ] || mistake "$verb needs --$flag"; done
}

call() {
  if [ -n "$dry_run" ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

kube() { call kubectl "${where[@]}" "$@"; }

# Words as a list of YAML, which JSON is too.
as_list() {
  local word list=''
  for word in "$@"; do
    word=${word//\\/\\\\}
    word=${word//\"/\\\"}
    word=${word//$'\n'/\\n}
    list+="${list:+, }\"$word\""
  done
  echo "[$list]"
}

manifest() {
  local text key
  text=$(cat "launch/kubernetes/$1")
  for key in "${!fill[@]}"; do text=${text//"{$key}"/"${fill[$key]}"}; done
  echo "${text//"{command}"/"$(as_list "${@:2}")"}"
}

run() {
  [ $# -gt 0 ] || mistake "give a t5lite command: run ... train --gin_file=FILE ..."
  need name image
  local filled num_chips topology=${fill[topology]:-}
  if [ -n "$topology" ]; then
    need accelerator
    [[ $topology =~ ^[0-9]+(x[0-9]+)+$ ]] || mistake "--topology=$topology is none, such as 4x4 or 4x4x8"
    num_chips=$((${topology//x/*}))
    fill[hosts]=$((num_chips / fill[chips]))
    [ $((fill[hosts] * fill[chips])) = "$num_chips" ] ||
      mistake "--topology=$topology is not whole hosts of --chips=${fill[chips]}"
    filled=$(manifest tpu.yaml "$@" --multi_host)
  else
    need hosts gpus
    # Kubernetes fills in what stands in $().
    filled=$(manifest gpu.yaml "$@" --coordinator="${fill[name]}-node-0-0.${fill[name]}:8476" \
      --num_processes="${fill[hosts]}" --process_id="\$(PROCESS_ID)")
  fi
  kube apply --filename=- <<< "$filled"
  if [ -n "$dry_run" ]; then echo "$filled"; fi
}

pods=jobset.sigs.k8s.io/jobset-name=${fill[name]:-}
case $verb in
  build)
    need image
    archive=${TMPDIR:-/tmp}/t5lite-image.tar.gz
    call bash launch/archive.sh "$archive"
    call docker build --file=launch/kubernetes/Dockerfile --build-arg="ACCELERATOR=${fill[accelerator]:-}" \
      --tag="${fill[image]}" - < "$([ -n "$dry_run" ] && echo /dev/null || echo "$archive")"
    call docker push "${fill[image]}"
    ;;
  run) run "$@" ;;
  logs)
    need name
    if [ "$worker" = all ]; then
      kube logs --follow --tail=-1 --prefix --max-log-requests=10000 --selector="$pods"
    else
      first=jobset.sigs.k8s.io/job-index=0,batch.kubernetes.io/job-completion-index=0
      kube logs --follow --tail=-1 --selector="$pods,$first"
    fi
    ;;
  status)
    need name
    kube get jobset "${fill[name]}"
    kube get pods --output=wide --selector="$pods"
    ;;
  delete)
    need name
    kube delete jobset "${fill[name]}" --ignore-not-found
    ;;
  *) mistake "$verb is none of build, run, logs, status, delete" ;;
esac
