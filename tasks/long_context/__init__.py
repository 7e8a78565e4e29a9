"""What long contexts are measured by; docs/long_context.md tells how.

| Task or Mixture | data | metrics |
| --- | --- | --- |
| `pg19_perplexity` | books, `pg19/test/*.txt` | `perplexity`, `bits_per_byte`, a Task a window |
| `proof_pile_perplexity` | `proof_pile/test.jsonl`, the first 32,768 tokens of each | the same |
| `passkey_2048` to `passkey_32768` | made on the spot | `accuracy`, `k_max` |
| `gov_report` | `gov_report/{train,validation,test}.jsonl` | ROUGE-1, 2 and L |

Windows are those of Position Interpolation (arXiv:2306.15595): 2,048 to 32,768 tokens, moved on by
256. No file is opened on import: each Task looks under the data root (`--data_dir`, gin macro
`DATA_DIR` or `T5LITE_DATA_DIR`) when it is used.
"""

from .registration import register

__all__: list[str] = []

register()
