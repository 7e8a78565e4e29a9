#!/usr/bin/env bash
# From a bare machine to an instruction-tuned model: installs t5lite, trains a small model on the
# built-in suite `mini`, asks it things that it was never trained to do, and writes it as a Hugging
# Face folder.
#
#   bash launch/demo.sh [MODEL_DIR]          default runs/demo; a stopped demo resumes where it was
#
# T5LITE_VENV names the environment (default .venv-demo), PYTHON the interpreter to make it with.
set -euo pipefail
cd "$(dirname "$0")/.."

model_dir=${1:-runs/demo}
venv=${T5LITE_VENV:-.venv-demo}
bash launch/make_venv.sh "$venv" ".[data]"
# From here on the installed package is used, not the folder.
t5lite="$venv/bin/t5lite"

vocabulary="$model_dir-vocabulary.model"
if [ ! -f "$vocabulary" ]; then
  "$t5lite" vocabulary mini_zeroshot --tasks=tasks.mini --size=436 --output="$vocabulary"
fi
"$t5lite" train --gin_file=recipes/mini_demo.gin --vocabulary="$vocabulary" --model_dir="$model_dir"

echo
echo "Asking it what nobody trained it to do:"
for prompt in \
  "Name the first tree: red pine elm blue" \
  "Name the word after the drink: corn tea saw hall" \
  "Count every day: Monday cow Friday dog" \
  "Is there any garment? Monday shop boot duck"; do
  echo "> $prompt"
  "$t5lite" generate --model_dir="$model_dir" "$prompt"
done
echo
hf_dir="$model_dir-hf"
if [ ! -d "$hf_dir" ]; then
  "$t5lite" convert "$model_dir" "$hf_dir"
fi

echo
echo "Report: $model_dir/report.html"
echo "Hugging Face: $hf_dir, for AutoModelForSeq2SeqLM.from_pretrained"
echo "More: $t5lite generate --model_dir=$model_dir    (type prompts, one a line)"
