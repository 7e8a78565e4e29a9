"""The held-out suites: MMLU, BIG-Bench Hard, TyDiQA, MGSM, GSM8K, and what Pythia is evaluated on.

docs/suites.md describes them. Importing this module registers a seqio Task for each subject,
subtask and language in each layout, and a Mixture for each suite in each layout. No file is opened:
each Task looks for its files under the data root (`--data_dir`, gin macro `DATA_DIR` or
`T5LITE_DATA_DIR`) when it is used.
"""

from .registration import data_status, register

__all__ = ["data_status"]

register()
