"""FLAN's chain-of-thought sets."""

import importlib
import itertools
import re

import pytest

from t5lite.data.tasks import seqio_adapter, seqio_registry
from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.tasks.task_metrics import Answers
from tasks import cot_files
from tests.conftest import shared_path

_prefixes = (f"cot{i}" for i in itertools.count())
_FORMS = {form.suffix: form for form in cot_files.FORMS}


def _write(root, *, name="sums_train", rows=None):
    path = root / "cot" / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = rows or [f"What is {i}+1?\\nThink.\t{i + 1}\t{i} and 1 is {i + 1}." for i in range(200)]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def register(tmp_path, monkeypatch):
    _write(tmp_path / "home")
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path / "home"))
    module = importlib.import_module("tasks.cot")

    def register_folder(root):
        prefix = next(_prefixes)
        module.register(root, prefix=prefix)
        return prefix

    return register_folder


def test_splits_share_no_question(tmp_path):
    path = _write(tmp_path, rows=[f"q{i // 2}\ta\tr{i}" for i in range(1000)])
    train = cot_files.read_split(path, "train")
    validation = cot_files.read_split(path, "validation")
    assert len(train) + len(validation) == 1000
    assert 20 <= len(validation) <= 90
    assert not {row.question for row in train} & {row.question for row in validation}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("q\ta", "field 'rationale' is missing: expected 3 tab-separated fields .* found 2"),
        ("q\ta\tr\textra", "1 more than the 3 tab-separated fields .* from 'extra'"),
        ("q\t \tr", "field 'answer' is empty"),
    ],
)
def test_malformed_rows_name_file_line_and_field(tmp_path, row, message):
    path = _write(tmp_path, rows=["q\ta\tr", "", row])
    with pytest.raises(ValueError, match=rf"{path}, line 3: {message}"):
        cot_files.read_split(path, "train")


def test_other_encodings_are_named(tmp_path):
    path = _write(tmp_path)
    path.write_bytes(b"q\ta\tr\nq\xe9\ta\tr\n")
    with pytest.raises(ValueError, match=rf"{path}, line 2: not UTF-8 \(byte 0xe9\)"):
        cot_files.read_split(path, "train")


def test_exemplars_are_others_of_the_split_and_always_the_same(tmp_path):
    rows = cot_files.read_split(_write(tmp_path), "train")
    for row in rows:
        chosen = cot_files.choose_exemplars(rows, row, 3)
        assert len({other.id for other in chosen} | {row.id}) == 4
        assert chosen == cot_files.choose_exemplars(rows, row, 3)
    first_choices = {cot_files.choose_exemplars(rows, row, 1)[0].id for row in rows}
    assert len(first_choices) > len(rows) / 4


def test_a_set_too_small_for_its_shots_shows_what_there_is(tmp_path):
    rows = cot_files.read_split(_write(tmp_path, rows=["q1\ta\tr", "q2\ta\tr"]), "train")
    assert cot_files.choose_exemplars(rows[:1], rows[0], 3) == []
    assert len(cot_files.choose_exemplars(rows, rows[0], 3)) == 1


@pytest.mark.parametrize("form", cot_files.FORMS, ids=lambda form: form.suffix)
def test_prompts_give_nothing_away(tmp_path, form):
    rows = cot_files.read_split(
        _write(tmp_path, rows=[f"Q{i}!\tA{i}!\tR{i}!" for i in range(100)]), "train"
    )
    asked = {"direct": "AR", "reason": "AR", "reason_3shot": "AR", "explain": "R", "ask": "Q"}
    for row, example in zip(rows, cot_files.render_examples(rows, form), strict=True):
        number = row.question[1:]
        for letter in "QAR":
            given = f"{letter}{number}" in example.inputs
            assert given == (letter not in asked[form.suffix])
        assert example.inputs.count("!") == {"reason_3shot": 10}.get(
            form.suffix, 3 - len(asked[form.suffix])
        )
        if form.suffix.startswith("reason"):
            assert example.targets == f"R{number} So the answer is A{number}."
            assert cot_files.final_answer(example.targets) == row.answer


def test_every_template_is_used(tmp_path):
    rows = cot_files.read_split(_write(tmp_path), "train")
    inputs = [e.inputs for e in cot_files.render_examples(rows, _FORMS["reason"])]
    for template in _FORMS["reason"].templates:
        start, _, end = template.partition("{question}")
        assert any(text.startswith(start) and text.endswith(end) for text in inputs)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1+1 is 2. So the answer is 2.", "2"),
        ("The answer is 3? No. So the answer is (C).", "(C)"),
        ("the ANSWER IS: $1,200.50", "$1,200.50"),
        ("  yes\n", "yes"),
        ("a\nb", "b"),
        ("", ""),
    ],
)
def test_final_answer(text, answer):
    assert cot_files.final_answer(text) == answer


def test_accuracy_compares_numbers_as_numbers_and_letters_without_brackets():
    targets = ["1200", "(C)", "yes", "-5", "Sentence A", "10", "nan"]
    predictions = ["$1,200.0", "c", "No", "5", "sentence a.", "1", "NaN"]
    accuracy = cot_files.final_answer_accuracy(targets, predictions)["accuracy"]
    assert accuracy == pytest.approx(4 / 7)
    with pytest.raises(ValueError, match="1 targets for 2"):
        cot_files.final_answer_accuracy(["a"], ["a", "b"])


def test_tasks_and_mixture(register, tmp_path):
    _write(tmp_path / "a")
    _write(tmp_path / "a", name="more")
    prefix = register(tmp_path / "a")
    names = [f"{prefix}_{s}_{f}" for s in ("more", "sums") for f in _FORMS]
    assert sorted(seqio_adapter.resolve(prefix).task_names) == sorted(names)
    shares = seqio_adapter.rates(prefix, dict.fromkeys(names, 1000))
    assert shares[f"{prefix}_sums_ask"] / shares[f"{prefix}_sums_reason"] == pytest.approx(0.3)
    capped = seqio_adapter.rates(prefix, dict.fromkeys(names, 1_000_000))
    assert capped[f"{prefix}_sums_ask"] == capped[f"{prefix}_sums_reason"]


def test_reasoned_predictions_are_scored_by_their_answers(register, tmp_path):
    _write(tmp_path / "a")
    prefix = register(tmp_path / "a")
    (task,) = seqio_adapter.load_eval_tasks(
        f"{prefix}_sums_reason", split="validation", task_feature_lengths={}
    )
    right = [e.targets_text for e in task.examples]
    assert task.measure(Answers(texts=right)).values == {"accuracy": 1.0}
    assert task.measure(Answers(texts=["So the answer is 7000."] * len(right))).values == {
        "accuracy": 0.0
    }
    assert "\\n" not in task.examples[0].inputs_text and "\nThink." in task.examples[0].inputs_text


def test_a_missing_folder_says_where_it_looked(register, tmp_path):
    with pytest.raises(ValueError, match=r"looked for .*nothing/cot/\*\.tsv"):
        register(tmp_path / "nothing")


def test_real_sets(register):
    prefix = register(shared_path("data"))
    assert len(seqio_adapter.resolve(prefix).tasks) == 7 * len(_FORMS)
    for path in cot_files.find_sets(shared_path("data")).values():
        train = cot_files.read_split(path, "train")
        validation = cot_files.read_split(path, "validation")
        assert 0.03 < len(validation) / (len(train) + len(validation)) < 0.07
        examples = cot_files.render_examples(validation, _FORMS["reason"])
        answers = [cot_files.final_answer(e.targets) for e in examples]
        references = [e.references[0] for e in examples]
        # What a model learns to write must score as right.
        assert cot_files.final_answer_accuracy(references, answers)["accuracy"] == 1.0


def test_held_out_rows_are_neither_asked_nor_shown(register, tmp_path):
    _write(tmp_path)
    source = seqio_registry.get(f"{register(tmp_path)}_sums_reason_3shot").source
    held_out, trained = (
        list(source.restricted(one).texts("train"))
        for one in (
            InstanceSelection(task="sums", seed=0, share=0.3, held_out=side)
            for side in (True, False)
        )
    )
    ids = [{one["id"] for one in listed} for listed in (held_out, trained)]
    assert not ids[0] & ids[1] and ids[0] | ids[1] == {one["id"] for one in source.texts("train")}
    asked = {re.findall(r"What is (\d+)\+1", one["inputs"])[-1] for one in held_out}
    shown = {n for one in trained for n in re.findall(r"What is (\d+)\+1", one["inputs"])}
    assert len(asked) > 30 and not asked & shown
