"""docs/evaluation.md: its flags, its fields, and the task that it registers."""

import dataclasses
import re

from t5lite.configuration.flags import _GIN_VERBS
from t5lite.evaluate import evaluate
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.records import Record
from tests.conftest import REPOSITORY
from tests.decoding import model_dirs
from tests.docs.pages import DOCS, blocks, table_rows

PAGE = DOCS / "evaluation.md"


def test_flags_set_the_macros_beside_them():
    macros = set(re.findall(r"^([A-Z_]+) = ", (REPOSITORY / "gin/runs/eval.gin").read_text(), re.M))
    flags = {flag.flag: flag.macro for flag in _GIN_VERBS["eval"]}
    rows = [row for row in table_rows(PAGE) if len(row) == 4]
    assert rows
    for flag, named, _, _ in rows[1:]:
        listed = re.findall(r"[A-Z_]{3,}", named)
        assert set(listed) <= macros, named
        if flag:
            assert flags[flag.strip("`")] == listed[0]
    options = {"RANK_BY", "RANK_END_TOKEN", "NUM_SHOTS", "FEWSHOT_SPLIT", "FEWSHOT_SEED"}
    options |= {"USE_CHAT_TEMPLATE", "SYSTEM_PROMPT", "PROMPT_TOO_LONG", "SCORE_TARGETS"}
    assert options <= set(re.findall(r"[A-Z_]{3,}", " ".join(row[1] for row in rows)))


def test_the_fields_of_a_record_are_listed():
    listed = [
        name for row in table_rows(PAGE) if len(row) == 2 for name in re.findall(r"`(\w+)`", row[0])
    ]
    assert sorted(listed) == sorted(field.name for field in dataclasses.fields(Record))


def test_the_task_that_is_shown_is_ranked(own_tasks, tmp_path, capsys):
    (program,) = blocks(PAGE, "python")
    exec(compile(program, str(PAGE), "exec"), {})
    model_dirs.save(tmp_path)
    config = EvalConfig(
        name="e",
        mixture_or_task_name="cold",
        task_feature_lengths={"inputs": 128, "targets": 8},
        rank_by="mean_byte",
        batch_size=1,
    )
    (result,) = evaluate(model_dir=str(tmp_path), evals=[config]).values()
    (record,) = result.predictions
    assert record.inputs.startswith(
        "Answer with one word.\n\nQ: Is ice cold?\nA: yes\n\nQ: Is fire"
    )
    assert record.num_shots == 2 and record.prediction in record.options == ("yes", "no")
