"""The table of Flan's suites, of folders with scores that are known."""

import json
import random
import re
import statistics

import pytest

from t5lite import cli
from t5lite.evaluation.flan_table import FlanTable, read_row
from t5lite.evaluation.normalized_average import normalize
from t5lite.evaluation.suites import SUITES
from t5lite.inference.intervals import of_mean_of_shares
from tests.evaluation.folders import write_evaluation

# Examples by member; of BBH and MGSM as many as there are in all, so that nothing lacks.
SIZES = {"mmlu": 27, "bbh": 242, "tydiqa": 580, "mgsm": 250}


def write_suite(folder, suite, *, members=None, name=None, size=None, split=None, **more):
    rng = random.Random(suite.name)
    size = size or SIZES[suite.collection]
    chosen = suite.members if members is None else members
    scores = {
        f"{suite.collection}_{member}_{suite.ending}": [rng.randint(0, 1) for _ in range(size)]
        for member in chosen
    }
    path = folder / (name or suite.name)
    more = {"config": {"decoding": {"strategy": "greedy"}}} | more
    write_evaluation(path, scores, mixture=suite.mixture, split=split or suite.split, **more)
    (path / "predictions.jsonl").unlink()  # the table needs metrics alone
    return scores


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A model with all suites, and its scores by suite and member, in percent."""
    folder = tmp_path_factory.mktemp("whole")
    scores = {}
    for suite in SUITES:
        found = write_suite(folder / "eval", suite)
        scores[suite.name] = dict(
            zip(suite.members, (100 * statistics.fmean(v) for v in found.values()), strict=True)
        )
    return folder, scores


def test_a_whole_row_has_the_normalized_average(whole):
    folder, scores = whole
    row = read_row("model", folder)
    assert row.gaps == []
    by_suite = [
        statistics.fmean(normalize(scores[s.name][m], b) for m, b in s.baselines.items())
        for s in SUITES
    ]
    assert row.normalized_average == pytest.approx(statistics.fmean(by_suite))
    mmlu = row.suites["mmlu_direct"]
    assert mmlu.score.value == pytest.approx(statistics.fmean(scores["mmlu_direct"].values()))
    shares = [score / 100 for score in scores["mmlu_direct"].values()]
    ends = of_mean_of_shares(shares, [SIZES["mmlu"]] * len(shares))
    assert (mmlu.score.low, mmlu.score.high) == pytest.approx([100 * end for end in ends])


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        ({"members": SUITES[5].members[:8]}, "MGSM: 8 of 10 languages (without th, zh)"),
        ({"size": 6}, "MGSM: 60 of 2,500 examples"),
        ({"num_skipped": 2}, "MGSM: 20 examples skipped"),
        ({"split": "dev", "config": {"max_examples_per_task": 4}}, "at most 4 examples of each"),
    ],
)
def test_what_is_not_whole_is_partial(whole, tmp_path, change, gap):
    for suite in SUITES[:5]:
        (tmp_path / suite.name).symlink_to(whole[0] / "eval" / suite.name)
    write_suite(tmp_path, SUITES[5], **change)
    row = read_row("model", tmp_path)
    assert row.normalized_average is None
    assert len(row.gaps) == 1 and gap in row.gaps[0]


def test_a_suite_that_was_not_evaluated_is_named(tmp_path):
    write_suite(tmp_path, SUITES[0])
    row = read_row("model", tmp_path)
    assert row.gaps == [f"{suite.title}: not evaluated" for suite in SUITES[1:]]


def test_other_evaluations_are_kept_beside_the_columns(tmp_path):
    write_suite(tmp_path, SUITES[0])
    write_evaluation(tmp_path / "gsm8k", {"gsm8k_8shot_cot": [1, 0]}, mixture="gsm8k_8shot_cot")
    (other,) = read_row("model", tmp_path).others
    assert other.tasks["gsm8k_8shot_cot"].score.value == 50


@pytest.mark.parametrize(
    ("config", "layout", "asked", "deviations"),
    [
        ({"decoding": {"strategy": "greedy"}}, "", "generated, greedy, 5-shot", []),
        (
            {"rank_by": "mean_byte", "rank_end_token": False, "num_shots": 2},
            "_letters",
            "letters A to D, ranked by log-likelihood a byte, without end token, 2-shot",
            ["2 shots, published 5", "options ranked, published generated"],
        ),
        (
            {
                "decoding": {"strategy": "sample", "temperature": 0.7, "num_return_sequences": 40},
                "use_chat_template": True,
                "system_prompt": "Be brief.",
            },
            "",
            "generated, majority of 40 samples, temperature 0.7, 5-shot, chat template, with "
            "system prompt",
            ["chat template, published none", "self-consistency, published one chain"],
        ),
    ],
)
def test_the_way_of_asking_is_named(tmp_path, config, layout, asked, deviations):
    write_evaluation(
        tmp_path / "e", {f"mmlu_anatomy_5shot{layout}": [1, 0]}, split="validation", config=config
    )
    found = read_row("model", tmp_path).suites["mmlu_direct"]
    assert found.asked == asked
    assert found.deviations == deviations


def test_answers_that_were_cut_off_are_named(tmp_path):
    config = {"decoding": {"strategy": "greedy", "max_decode_length": 1024}}
    write_suite(tmp_path, SUITES[5], num_cut=120, config=config)
    found = read_row("model", tmp_path).suites["mgsm"]
    assert found.deviations == ["1,200 answers cut off at 1,024 tokens"]
    assert found.gaps == []


def test_two_evaluations_of_one_column_must_be_chosen_from(tmp_path, capsys):
    write_suite(tmp_path / "m", SUITES[0], name="generated")
    write_suite(tmp_path / "m", SUITES[0], name="ranked")
    words = ["eval", "table", str(tmp_path / "m"), f"--output={tmp_path}"]
    assert cli.main(words) == 2
    assert "--evaluations=generated" in capsys.readouterr().err
    assert cli.main([*words, "--evaluations=ranked"]) == 0
    assert cli.main([*words, "--evaluations=rankd"]) == 2
    assert "Did you mean 'ranked'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda record: record.pop("score_metric"), "has no 'score_metric'"),
        (lambda record: record.update(num_examples=3), "num_examples must be an object"),
        (lambda record: record.pop("scores"), "has no 'scores'"),
        (lambda record: record["scores"]["tydiqa_ar_1shot"].pop("value"), "has no 'value'"),
        (lambda record: record["scores"]["tydiqa_ar_1shot"].update(interval="x"), "interval must"),
    ],
)
def test_a_malformed_file_is_named(tmp_path, capsys, damage, message):
    write_suite(tmp_path, SUITES[4])
    path = tmp_path / "tydiqa" / "metrics.json"
    record = json.loads(path.read_text())
    damage(record)
    path.write_text(json.dumps(record))
    assert cli.main(["eval", "table", str(tmp_path), f"--output={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert str(path) in error and message in error


def test_a_folder_without_suites_is_told_which_there_are(tmp_path, capsys):
    write_evaluation(tmp_path / "eval" / "mini", {"sums": [1]})
    assert cli.main(["eval", "table", str(tmp_path), f"--output={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert "mini evaluate no suite" in error and "recipes/eval_flan.gin" in error


def test_several_models_stand_side_by_side(whole, tmp_path, capsys):
    evil = "<script>alert(1)</script>|$x$"
    write_suite(tmp_path / "part", SUITES[4], members=["ar", "ko"], unparsed=("tydiqa_ko_1shot",))
    words = [str(whole[0]), f"{evil}={tmp_path / 'part'}".replace("</", "<"), "--output"]
    assert cli.main(["eval", "table", *words, str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "is partial, and what is not there is not averaged" in printed
    assert "TyDiQA: 2 of 8 languages (only ar, ko)." in printed
    text = (tmp_path / "out" / "table.md").read_text()
    assert "| Flan-T5 XL | 19.1 | 52.4 | 45.5 | 41.0 | 35.2 | 16.6 | 1.9 |" in text
    assert "| GPT-3 175B | - | 43.9 |" in text
    assert re.search(r"\| baseline \| 0\.0 \| 25\.0 \| 25\.0 \|", text) and "guess" not in text
    assert "\\<script>alert(1)\\<script>\\|$x$" in text
    record = json.loads((tmp_path / "out" / "table.json").read_text())
    ours, part = record["models"]
    average = read_row("", whole[0]).normalized_average
    assert ours["normalized_average"] == average and not ours["is_partial"]
    assert part["normalized_average"] is None and part["is_partial"]
    assert part["suites"]["tydiqa"]["members"]["ko"]["num_unparsed"] == 1
    page = (tmp_path / "out" / "table.html").read_text()
    assert page.count("<img ") == 7, "suites, and the members of each of the six"
    assert "<script>" not in page and 'src="http' not in page


def test_votes_are_plotted_by_their_number(tmp_path):
    write_suite(tmp_path / "m", SUITES[5], votes=[0.25, 0.5, 0.75])
    words = ["eval", "table", str(tmp_path / "m"), f"--output={tmp_path}"]
    assert cli.main(words) == 0
    assert (tmp_path / "table.html").read_text().count("<img ") == 3
    (row,) = json.loads((tmp_path / "table.json").read_text())["models"]
    assert row["suites"]["mgsm"]["members"]["bn"]["by_num_samples"] == [25, 50, 75]
    evaluation = read_row("", tmp_path / "m").suites["mgsm"].evaluation
    assert evaluation.by_num_samples == [25, 50, 75]


def test_what_was_evaluated_before_is_no_part_of_a_report(whole, tmp_path, capsys):
    for name in ("mgsm", "tydiqa"):
        (tmp_path / name).symlink_to(whole[0] / "eval" / name)
    FlanTable(label="mine").write(tmp_path, names=["mgsm"], model="folder")
    (row,) = json.loads((tmp_path / "table.json").read_text())["models"]
    assert row["label"] == "mine" and list(row["suites"]) == ["mgsm"]
