#!/usr/bin/env bash
# Runs one t5lite command on every host of a Cloud TPU pod slice.
#
#   TPU=my-tpu ZONE=us-central2-b bash launch/tpu_pod.sh \
#       train --gin_file=recipes/natural_instructions.gin --model_dir=/shared/runs/first
#
# Copies this repository to each host, makes ~/t5lite/.venv there the first time, and starts the
# command with --multi_host. MODEL_DIR and the cache must lie where every host sees them. The command
# can be started again after a preemption: it resumes from the last checkpoint.
#
# TPU and ZONE name the slice; PROJECT the project, when it is not gcloud's default.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${TPU:?name the TPU: TPU=my-tpu ZONE=my-zone bash launch/tpu_pod.sh COMMAND ...}"
: "${ZONE:?name its zone: ZONE=my-zone}"
[ $# -gt 0 ] || { echo "give a t5lite command, such as: train --gin_file=FILE" >&2; exit 2; }

on_every_host() {
  gcloud compute tpus tpu-vm "$1" ${PROJECT:+--project="$PROJECT"} --zone="$ZONE" --worker=all "${@:2}"
}

archive=$(mktemp --suffix=.tar.gz)
trap 'rm -f "$archive"' EXIT
git archive --format=tar.gz HEAD > "$archive"
on_every_host scp "$archive" "$TPU:t5lite.tar.gz"

printf -v command '%q ' "$@"
on_every_host ssh "$TPU" --command="
  set -e
  mkdir -p ~/t5lite && tar -xzf ~/t5lite.tar.gz -C ~/t5lite && cd ~/t5lite
  bash launch/make_venv.sh .venv '.[data,tpu]'
  .venv/bin/t5lite $command --multi_host"
