"""The sets of Distilling Step-by-Step: layouts, a teacher's answers, forms and metrics."""

import importlib
import itertools
import json
import math

import pytest

from t5lite.data.tasks import seqio_adapter
from t5lite.files.json_files import write_lines
from tasks import rationale_forms
from tasks.rationale_forms import Record
from tests.conftest import shared_path

_prefixes = (f"distilling{i}" for i in itertools.count())


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_lines(path, lines)


def write_list(path, texts):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(texts))


ESNLI = [
    {"premise": f"A dog runs {i}.", "hypothesis": "It moves.", "label": i % 3, "explanation_1": "x"}
    for i in range(6)
]


def write_reference(root):
    """The four sets as the reference's folder has them, few rows each."""
    folder = root / "distilling"
    for split, lines in (("train", ESNLI), ("valid", ESNLI[:2]), ("test", ESNLI[:3])):
        write(folder / f"esnli/esnli_{split}.json", lines)
    write_list(
        folder / "esnli/llm/train_CoT_0.json",
        ["Dogs that run move.\nAnswer: entailment\n\nPremise: another", "no answer here"],
    )
    write_list(folder / "esnli/llm/train_CoT_1.json", ["It may. \nAnswer: neutral"])
    write_list(folder / "gpt-neox/esnli/train.json", [" Neo says so.\nAnswer: contradiction"])
    rows = [{"input": f"{i} apples.\nHow many?", "label": f"( {i}.0 - 1.0 )"} for i in range(60)]
    write(folder / "svamp/svamp_train.json", rows)
    write(folder / "svamp/svamp_test.json", rows[:2])
    write_list(
        folder / "svamp/llm/train_CoT_0.json",
        [f"One is eaten. The answer is ({i} - 1).\n\nQ: next" for i in range(60)],
    )
    cqa = {"question": "Where?", "choices": list("vwxyz"), "answer": "w"}
    write(folder / "cqa/cqa_train.json", [cqa | {"abstractive_explanation": "so"}] * 3)
    write_list(
        folder / "cqa/llm/train_CoT_0.json",
        ["W is where. So the answer is (b) near w.\n\nQ: more"],
    )
    anli = {"premise": "P.", "hypothesis": "H.", "label": 2, "uid": "u", "reason": "No."}
    write(folder / "anli1/anli1_train.json", [anli])
    write_list(
        folder / "anli1/llm/train_CoT_0.json", ["P is not H. So the answer is contradiction."]
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_reference(folder)
    write(
        folder / "distilling/mine.jsonl",
        [{"input": f"q{i}", "teacher_label": f"{i}", "rationale": f"r{i}"} for i in range(100)],
    )
    write(
        folder / "distilling/asked/rationales.jsonl",
        [{"id": "1", "input": "q", "label": "a", "teacher_label": "b", "rationale": "r"}],
    )
    (folder / "cot").mkdir()
    (folder / "cot/sums_train.tsv").write_text(
        "".join(f"What is {i}+1?\t{i + 1}\tAdd one to {i}.\n" for i in range(100))
    )
    return folder


@pytest.fixture(scope="module")
def registered(root):
    """The prefix of all sets under the root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("T5LITE_DATA_DIR", str(root))
        patch.setenv("T5LITE_VOCABULARY", "bytes")
        module = importlib.import_module("tasks.distilling")
        prefix = next(_prefixes)
        module.register(root, prefix=prefix)
        yield prefix


def texts(name, split="train"):
    import seqio

    return [
        (example["inputs"], example["targets"])
        for example in seqio.TaskRegistry.get(name).source.texts(split)
    ]


@pytest.mark.parametrize(
    ("task", "first"),
    [
        ("esnli_label", ("predict: premise: A dog runs 0. hypothesis: It moves.", "entailment")),
        ("esnli_standard", ("premise: A dog runs 0. hypothesis: It moves.", "entailment")),
        (
            "esnli_rationale",
            ("explain: premise: A dog runs 0. hypothesis: It moves.", "Dogs that run move."),
        ),
        (
            "esnli_neox_teacher_single",
            (
                "premise: A dog runs 0. hypothesis: It moves.",
                "Neo says so. So the answer is contradiction.",
            ),
        ),
        (
            "esnli_human_rationale",
            ("explain: premise: A dog runs 0. hypothesis: It moves.", "x"),
        ),
        ("anli1_teacher_label", ("predict: premise: P. hypothesis: H.", "contradiction")),
        (
            "anli1_human_single",
            ("premise: P. hypothesis: H.", "No. So the answer is contradiction."),
        ),
        (
            "cqa_teacher_standard",
            ("Where?\nAnswer Choices:\n(a) v\n(b) w\n(c) x\n(d) y\n(e) z", "near w"),
        ),
        (
            "cqa_rationale",
            ("explain: Where?\nAnswer Choices:\n(a) v\n(b) w\n(c) x\n(d) y\n(e) z", "W is where."),
        ),
        ("svamp_teacher_label", ("predict: 0 apples.\nHow many?", "(0 - 1)")),
        ("mine_teacher_label", ("predict: q0", "0")),
        ("asked_teacher_single", ("q", "r So the answer is b.")),
        ("cot_sums_single", ("What is 0+1?", "Add one to 0. So the answer is 1.")),
    ],
)
def test_forms_of_all_layouts(registered, task, first):
    assert texts(f"{registered}_{task}")[0] == first


def test_answers_that_cannot_be_read_are_left_out_and_files_follow_each_other(registered):
    assert len(texts(f"{registered}_esnli_label")) == 6
    assert [target for _, target in texts(f"{registered}_esnli_rationale")] == [
        "Dogs that run move.",
        "It may.",
    ]
    assert texts(f"{registered}_esnli_teacher_label")[1][0].startswith(
        "predict: premise: A dog runs 2"
    )


def test_a_set_without_validation_gives_a_part_of_its_training(registered):
    train, validation = (texts(f"{registered}_svamp_label", s) for s in ("train", "validation"))
    assert len(train) + len(validation) == 60 and 0 < len(validation) < 15
    assert not set(train) & set(validation)
    rationales = texts(f"{registered}_svamp_rationale", "validation")
    assert [x.removeprefix("explain: ") for x, _ in rationales] == [
        x.removeprefix("predict: ") for x, _ in validation
    ]
    assert len(texts(f"{registered}_svamp_label", "test")) == 2


def test_mixtures_have_labels_and_rationales_at_equal_rates(registered):
    for name, label in (("mine", "label"), ("mine_teacher", "teacher_label")):
        mixture = seqio_adapter.resolve(f"{registered}_{name}")
        assert mixture.task_names == tuple(
            sorted((f"{registered}_mine_{label}", f"{registered}_mine_rationale"))
        )
        assert len({task.rate for task in mixture.tasks}) == 1


def test_what_a_set_does_not_have_is_said(registered):
    with pytest.raises(ValueError, match=r"none of .* has what the form 'label' is made of"):
        texts(f"{registered}_mine_label")


def test_labels_are_scored_and_reasoned_answers_are_taken_out(registered):
    import seqio

    task = seqio.TaskRegistry.get(f"{registered}_cot_sums_single")
    assert task.postprocess_fn("Add. So the answer is 1.") == "1"
    assert task.metric_fns[0](["1", "2"], ["1", "1"]) == {"accuracy": 0.5}
    svamp = seqio.TaskRegistry.get(f"{registered}_svamp_label")
    assert svamp.metric_fns[0](["( 3.0 - 1.0 )"], ["(3-1)"]) == {"accuracy": 1.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: (f / "esnli/llm/train_CoT_0.json").unlink(),
            "esnli/llm/train_CoT_0.json is missing",
        ),
        (
            lambda f: write_list(f / "esnli/llm/train_CoT_1.json", ["x"] * 9),
            "train_CoT_1.json ends with answer 11, and esnli_train.json has 6 rows",
        ),
        (
            lambda f: write_list(f / "esnli/llm/train_CoT_1.json", [1]),
            "expected a string, found",
        ),
        (
            lambda f: write(f / "esnli/esnli_train.json", [ESNLI[0] | {"label": 3}, *ESNLI[1:]]),
            "line 1: label is 3, expected 0, 1 or 2",
        ),
        (
            lambda f: write(f / "esnli/esnli_train.json", [ESNLI[0] | {"label": "x"}, *ESNLI[1:]]),
            "line 1: label",
        ),
        (
            lambda f: write(
                f / "esnli/esnli_train.json", [{"premise": "p", "label": 1}, *ESNLI[1:]]
            ),
            "line 1: field 'hypothesis' is missing",
        ),
    ],
)
def test_folders_that_are_laid_out_otherwise(registered, tmp_path, change, message):
    write_reference(tmp_path)
    change(tmp_path / "distilling")
    from tasks.distilling.layouts import LayoutReader

    with pytest.raises(ValueError, match=message):
        LayoutReader(tmp_path / "distilling", "esnli", "llm")("train")


def test_no_set_at_all(registered, tmp_path):
    from tasks.distilling import register

    with pytest.raises(ValueError, match="no set to distil from: looked for"):
        register(tmp_path, prefix=next(_prefixes))


def test_two_sets_of_one_name(registered, tmp_path):
    from tasks.distilling import register

    row = {"input": "q", "label": "a", "rationale": "r"}
    write(tmp_path / "distilling/mine/rationales.jsonl", [row])
    write(tmp_path / "distilling/mine.jsonl", [row])
    with pytest.raises(ValueError, match=r"mine.jsonl would be called .*; rename it"):
        register(tmp_path, prefix=next(_prefixes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("( 76.0 - 25.0 )", 51),
        ("-(2*3)/4 + .5", -1),
        ("1/0", None),
        ("9**9**9", None),
        ("__import__('os')", None),
        ("'a'", None),
        ("(" * 150 + "1" + ")" * 49, None),
        ("1" * 300, None),
        ("", None),
        (None, None),
    ],
)
def test_equations(registered, text, expected):
    from tasks.distilling.equations import value

    found = value(text)
    assert math.isnan(found) if expected is None else found == expected


def test_a_form_wants_all_that_it_shows():
    record = Record(id="1", input="q", label="a")
    made = {form.suffix: form.example(record) for form in rationale_forms.FORMS}
    assert {suffix for suffix, example in made.items() if example} == {"label", "standard"}


def test_svamp_as_its_authors_give_it(registered, tmp_path):
    from tasks.distilling import layouts, register

    raw = shared_path("data/cot_raw/svamp/SVAMP.json")
    (tmp_path / "distilling/svamp").mkdir(parents=True)
    (tmp_path / "distilling/svamp/SVAMP.json").write_bytes(raw.read_bytes())
    assert layouts.sources(tmp_path / "distilling", "svamp") == ["llm"]
    prefix = next(_prefixes)
    register(tmp_path, prefix=prefix)
    found = {s: texts(f"{prefix}_svamp_label", s) for s in ("train", "validation", "test")}
    assert len(found["train"]) + len(found["validation"]) == 800 and len(found["test"]) == 200
    assert not set(found["train"]) & set(found["test"])
    with pytest.raises(ValueError, match="'rationale' is made of"):
        texts(f"{prefix}_svamp_rationale")


def test_the_shared_sets_give_labels_and_rationales(registered):
    root = shared_path("data/cot").parent
    from tasks.distilling.registration import CotReader

    records = CotReader(root / "cot" / "ecqa_train.tsv")("validation")
    assert len(records) > 100 and all(r.label and r.rationale for r in records)
