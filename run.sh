source /tmp/wt/faults.env; export T5LITE_DATA_DIR=/work/shared/data CASES_OUT=
for c in gin_near_types json_nan gs_model_dir ignorable_tensors hf_bos llama_added_tokens t5_slow_added initial_config trained_bos niv2_repeated lm_prompt_eos; do
  unset CASES_OUT
  nice -n 3 timeout 1200 python /tmp/faults-cases/$c.py > /tmp/faults-cases/$c.out 2>&1; echo "$c rc=$? ok=$(grep -c '^ok' /tmp/faults-cases/$c.out) BUG=$(grep -c '^BUG' /tmp/faults-cases/$c.out)" >> /tmp/faults-cases/summary
done
