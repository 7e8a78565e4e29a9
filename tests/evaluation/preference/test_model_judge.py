"""A model as judge: its verdicts, both orders, and what it is not asked a second time."""

import json
import shutil

import jax
import numpy as np
import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.load import load_model_dir
from t5lite.cli import main
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.decoding.sequence_generator import Ranking
from t5lite.evaluation.preference import model_judge
from t5lite.evaluation.preference.judge_requests import LETTERS, Reply, requests_of, verdict_of
from t5lite.evaluation.preference.judgments import (
    IDENTICAL,
    PERSON,
    Judgment,
    read_judgments,
)
from t5lite.evaluation.preference.pairs import Pair, read_pairs
from t5lite.inference.prompts import chat_prompt, make_generator, text_prompt
from t5lite.training.state import TrainState
from tests import feature_converters
from tests.data.tokenizer_folders import chat_folder
from tests.decoding import model_dirs, tiny
from tests.evaluation.preference.answer_files import write, write_both

LENGTHS = {"inputs": 1024, "targets": 16}
WAYS = ("encoder_decoder", "decoder_only", "chat")


@pytest.fixture(scope="module")
def judges(tmp_path_factory):
    """A model folder of each way of being asked."""
    root = tmp_path_factory.mktemp("judges")
    for way in WAYS:
        name = "encoder_decoder" if way == "encoder_decoder" else "decoder_only"
        converter = feature_converters.converter(name, task_feature_lengths=LENGTHS)
        if way != "chat":
            model_dirs.save(root / way, converter)
            continue
        (root / "tokenizer").mkdir()
        vocabulary = HFVocabulary(chat_folder(root / "tokenizer") / "tokenizer.json")
        config = tiny.config(name, vocab_size=vocabulary.vocab_size)
        model_dirs.save(root / way, converter, vocabulary=vocabulary, config=config)
    return root


def judge(judge_dir, a, b, output, **options):
    options = {"batch_size": 3, "progress": False} | options
    model_judge.judge(a, b, model_dir=str(judge_dir), output=str(output), **options)
    return output.read_bytes()


@pytest.mark.parametrize("way", WAYS)
def test_a_verdict_is_what_the_likelihoods_say_in_both_orders(way, judges, tmp_path, capsys):
    a, b = write_both(tmp_path, "p1 p2 p3 p4 q1 q2", same=("q2",))
    output = tmp_path / "out.jsonl"
    judge(judges / way, a, b, output)
    model = load_model_dir(judges / way)
    generator = make_generator(model, batch_size=4)
    kept = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in kept] == ["p1", "p2", "p3", "p4", "q1", "q2"]
    for pair, line in zip(read_pairs(a, b).pairs, kept, strict=True):
        if pair.is_identical:
            assert (line["verdict"], line["judge"]) == ("tie", IDENTICAL)
            continue
        chosen = []
        for request in requests_of(pair, judge="", is_chat=way == "chat"):
            message = {"role": "user", "content": request.text}
            prompt = text_prompt(request.text, model)
            if way == "chat":
                prompt = chat_prompt([message], model)
            lead = " " if way == "decoder_only" else ""
            letters = [model.vocabulary.encode(lead + letter) for letter in LETTERS]
            scores, _ = generator.score(model.params, [prompt.tokens] * 2, letters)
            found = line[f"log_likelihoods_{request.first}_first"]
            assert found == pytest.approx(scores.tolist(), abs=1e-4)
            chosen.append(int(scores[1] > scores[0]))
        expected = {(0, 1): "a", (1, 0): "b"}.get(tuple(chosen), "tie")
        assert (line["verdict"], line["judge"]) == (expected, way)
    assert "10 requests were asked now" in capsys.readouterr().out
    assert len(read_judgments(output)) == 6


class Reader:
    """Stands for a generator that prefers the answers of one model, wherever they stand."""

    def __init__(self, model, favourite):
        self.decode = model.vocabulary.decode
        self.favourite = favourite

    def prepare(self, params):
        return params

    def rank(self, params, inputs, options, *, on_batch):
        on_batch(len(inputs))
        found = []
        for tokens in inputs:
            text = self.decode(tokens.tolist())
            is_a = text.index(f"{self.favourite} says") < text.index("Answer B:")
            scores = np.array([-1.0, -2.0] if is_a else [-2.0, -1.0])
            found.append(Ranking(int(not is_a), scores, scores, scores == -1.0))
        return found


@pytest.mark.parametrize(("favourite", "verdict"), [("X", "a"), ("Y", "b")])
def test_a_judge_who_reads_the_answers_is_understood(
    favourite, verdict, judges, tmp_path, monkeypatch
):
    monkeypatch.setattr(model_judge, "make_generator", lambda model, **_: Reader(model, favourite))
    a, b = write_both(tmp_path)
    judge(judges / "encoder_decoder", a, b, tmp_path / "out.jsonl")
    found = read_judgments(tmp_path / "out.jsonl")
    assert [judgment.verdict for judgment in found] == [verdict] * 5


def test_a_second_run_asks_nothing_and_needs_no_parameters(judges, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "judge"
    shutil.copytree(judges / "encoder_decoder", folder)
    a, b = write_both(tmp_path)
    before = judge(folder, a, b, tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl").unlink()
    (tmp_path / "elsewhere").mkdir()
    moved = folder.rename(tmp_path / "elsewhere" / "judge")
    monkeypatch.setattr(model_judge, "load_model", lambda *_, **__: pytest.fail("asked"))
    assert judge(moved, a, b, tmp_path / "out.jsonl") == before
    assert "0 requests were asked now" in capsys.readouterr().out
    assert not list(tmp_path.glob("*.lock"))


def test_a_killed_run_asks_the_rest_only(judges, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(model_judge, "_BATCHES_PER_CHUNK", 1)
    a, b = write_both(tmp_path)
    folder, output = judges / "encoder_decoder", tmp_path / "out.jsonl"
    before = judge(folder, a, b, output)
    output.unlink()
    kept = tmp_path / "out.jsonl.requests.jsonl"
    whole = kept.read_bytes()
    kept.write_bytes(b"".join(whole.splitlines(keepends=True)[:6]) + b'{"request": "a')
    capsys.readouterr()
    assert judge(folder, a, b, output) == before
    assert "4 requests were asked now" in capsys.readouterr().out
    assert kept.read_bytes() == whole


def test_another_judge_or_another_answer_is_another_request(judges, tmp_path, capsys):
    folder = tmp_path / "judge"
    shutil.copytree(judges / "encoder_decoder", folder)
    a, b = write_both(tmp_path)
    judge(folder, a, b, tmp_path / "out.jsonl")
    write(tmp_path / "x.jsonl", {name: f"New {name}" for name in ("p1",)})
    write(tmp_path / "y.jsonl", {name: f"Y says {name}" for name in ("p1",)})
    capsys.readouterr()
    judge(folder, a, b, tmp_path / "out.jsonl")
    assert "2 requests were asked now" in capsys.readouterr().out
    model = load_model_dir(folder)
    params = jax.tree.map(lambda x: -x, model.params)
    checkpointer = Checkpointer(folder)
    state = TrainState(step=jax.numpy.int32(9), params=params, opt_state={})
    checkpointer.save(9, state, data_state={}, config="", metrics={})
    checkpointer.close()
    judge(folder, a, b, tmp_path / "out.jsonl")
    assert "2 requests were asked now" in capsys.readouterr().out, "the latest checkpoint is new"
    judge(folder, a, b, tmp_path / "out.jsonl", step=model_dirs.STEP)
    assert "0 requests were asked now" in capsys.readouterr().out


def test_what_is_too_long_for_the_judge_is_left_out_and_said(judges, tmp_path, caplog):
    answers = {"p1": "Short.", "p2": "Long. " * 200}
    a = write(tmp_path / "a.jsonl", answers)
    b = write(tmp_path / "b.jsonl", dict.fromkeys(answers, "Other."))
    folder = judges / "encoder_decoder"
    judge(folder, a, b, tmp_path / "out.jsonl")
    assert [judgment.id for judgment in read_judgments(tmp_path / "out.jsonl")] == ["p1"]
    assert "1 of 2 pairs are longer than the judge's prompts may be (1024 tokens)" in caplog.text
    a = write(tmp_path / "a.jsonl", {"p2": answers["p2"]})
    b = write(tmp_path / "b.jsonl", {"p2": "Other."})
    with pytest.raises(ValueError, match=r"none of the 1 pairs .* a longer context"):
        judge(folder, a, b, tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_what_a_person_said_is_not_written_over(judges, tmp_path):
    a, b = write_both(tmp_path, "p1 p2")
    compared, output = read_pairs(a, b), tmp_path / "judgments.jsonl"
    said = Judgment.of(compared.pairs[0], compared, verdict="a", judge=PERSON)
    output.write_text(json.dumps(said.record()) + "\n")
    with pytest.raises(ValueError, match=r"judgments\.jsonl holds a person's judgments"):
        judge(judges / "encoder_decoder", a, b, output)
    assert read_judgments(output) == [said]


def test_the_command_takes_what_it_says(judges, tmp_path, capsys):
    a, b = write_both(tmp_path, "p1")
    command = ["preference", "judge", f"one={a}", f"two={b}", f"--output={tmp_path}/o.jsonl"]
    folder = judges / "encoder_decoder"
    assert main([*command, f"--model_dir={folder}", "--step=3", "--batch_size=1"]) == 0
    (judgment,) = read_judgments(tmp_path / "o.jsonl")
    assert (judgment.model_a, judgment.model_b) == ("one", "two")
    assert main([*command, f"--model_dir={folder}", "--step=4"]) == 2
    assert "no checkpoint of step 4" in capsys.readouterr().err


A, B, NEITHER, LONG = ((-1.0, -2.0), (-2.0, -1.0), (-1.0, -1.0), None)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (A, B, "a"),
        (B, A, "b"),
        (A, A, "tie"),  # it prefers the first place
        (B, B, "tie"),
        (NEITHER, B, "tie"),
        (NEITHER, NEITHER, "tie"),
        (A, LONG, None),
        (LONG, LONG, None),
    ],
)
def test_a_verdict_counts_where_both_orders_agree(first, second, expected):
    assert verdict_of([Reply(first, 9), Reply(second, 9)]) == expected


def test_requests_show_both_answers_in_both_orders_as_they_are():
    pair = Pair("n", "", "Say {prompt} {0}.", ("{first}", "{second} %s"))
    one, other = requests_of(pair, judge="j", is_chat=False)
    assert (one.first, other.first) == ("a", "b")
    assert one.text.index("{first}") < one.text.index("{second} %s")
    assert other.text.index("{second} %s") < other.text.index("{first}")
    assert "Say {prompt} {0}." in one.text and one.text.endswith("The better answer is")
    chat = requests_of(pair, judge="j", is_chat=True)
    other_judge = requests_of(pair, judge="k", is_chat=False)
    assert len({r.digest for r in (one, other, *chat, *other_judge)}) == 6
