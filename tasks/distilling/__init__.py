"""Distilling Step-by-Step: labels and rationales of a set as Tasks of one run.

Importing this module registers what lies under the data root (`--data_dir`, gin macro `DATA_DIR` or
`T5LITE_DATA_DIR`):

- `distilling/esnli`, `anli1`, `cqa` and `svamp`, the reference's folders (`layouts.py`), as
  `distilling_esnli` with PaLM's rationales, `distilling_esnli_neox` with GPT-NeoX's and
  `distilling_esnli_human` with people's;
- `distilling/*.jsonl` as `distilling_<file>`, and `distilling/*/rationales.jsonl`, which
  `t5lite rationales` writes, as `distilling_<folder>`;
- `cot/*.tsv`, FLAN's chain-of-thought sets, as `distilling_cot_<set>`.

Each set gives the mixtures `<set>` and, with the teacher's labels alone, `<set>_teacher`, and Tasks
for what they are compared with (`tasks/rationale_forms.py`).
"""

from t5lite.data.tasks import environment

from .registration import register

register(environment.data_dir())
