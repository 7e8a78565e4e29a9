"""JSONL or Tasks in, JSONL out: order, batches, interruption, devices, and bad input."""

import dataclasses
import io
import json

import numpy as np
import pytest

from t5lite import infer as infer_module
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.data.tasks.seqio_adapter import from_seqio
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.journal import Journal
from t5lite.files.json_files import write_lines
from t5lite.generate import generate
from t5lite.infer import infer
from t5lite.models.position_config import Learned
from tests.conftest import on_processes
from tests.decoding import model_dirs, tiny
from tests.decoding.ways import WAYS
from tests.feature_converters import converter

GREEDY = DecodingConfig(max_decode_length=6)
SAMPLE = DecodingConfig(strategy="sample", top_p=0.9, max_decode_length=6, seed=4)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    model_dirs.save(folder)
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """A JSONL file with prompts of many lengths, other fields, and blank lines."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("questions") / "in.jsonl"
    records = [
        {"id": n, "prompt": "é" * int(rng.integers(0, 20)) + f"{n}?", "tags": ["ä", n]}
        for n in range(37)
    ]
    path.write_text("\n\n".join(json.dumps(record) for record in records) + "\n")
    return path, records


@pytest.fixture(scope="module")
def answers(model_dir, questions, tmp_path_factory):
    """An uninterrupted run's output."""
    return _infer(model_dir, questions, tmp_path_factory.mktemp("answers") / "out.jsonl")


def _infer(model_dir, questions, output, decoding=SAMPLE, **changes):
    arguments = {"inputs_field": "prompt", "batch_size": 4, "progress": False}
    infer(
        model_dir=str(model_dir),
        input=str(questions[0]),
        output=str(output),
        decoding=decoding,
        **(arguments | changes),
    )
    return output.read_bytes()


def _lines(data):
    return [json.loads(line) for line in data.decode().splitlines()]


def test_every_line_keeps_its_fields_and_its_place(answers, questions):
    lines = _lines(answers)
    kept = [{k: line[k] for k in ("id", "prompt", "tags")} for line in lines]
    assert kept == questions[1]
    added = [list(line)[3:] for line in lines]
    assert all(fields[:2] == ["prediction", "score"] for fields in added)
    cut = ["was_cut" in fields for fields in added]
    assert any(cut) and cut == [list(line.values())[-1] is True for line in lines]
    assert all(line["score"] < 0 for line in lines)
    assert len({line["prediction"] for line in lines}) > 5


def test_answers_do_not_depend_on_the_batch_size(model_dir, questions, answers, tmp_path):
    other = _infer(model_dir, questions, tmp_path / "out.jsonl", batch_size=9)
    assert [x["prediction"] for x in _lines(other)] == [x["prediction"] for x in _lines(answers)]


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    model_dir, questions, answers, tmp_path, monkeypatch
):
    monkeypatch.setattr(infer_module, "_BATCHES_PER_CHUNK", 3)
    whole = _infer(model_dir, questions, tmp_path / "whole.jsonl")
    assert [x["prediction"] for x in _lines(whole)] == [x["prediction"] for x in _lines(answers)]
    appended = []
    append = Journal.append

    def dies_in_the_third_chunk(self, records):
        if len(appended) == 2:
            # What a kill in the middle of a write leaves.
            self._file.append(b'{"id": 24, "prom')
            raise KeyboardInterrupt
        appended.append(len(records))
        append(self, records)

    output = tmp_path / "out.jsonl"
    monkeypatch.setattr(Journal, "append", dies_in_the_third_chunk)
    with pytest.raises(KeyboardInterrupt):
        _infer(model_dir, questions, output)
    assert not output.exists()

    monkeypatch.setattr(
        Journal, "append", lambda self, rs: (appended.append(len(rs)), append(self, rs))
    )
    assert _infer(model_dir, questions, output) == whole
    assert appended == [12, 12, 12, 1]  # nothing was made twice
    assert _infer(model_dir, questions, output) == whole
    assert appended == [12, 12, 12, 1]


def test_changed_settings_are_refused(model_dir, questions, answers, tmp_path, monkeypatch):
    output = tmp_path / "out.jsonl"
    _infer(model_dir, questions, output)
    with pytest.raises(ValueError, match=r"  decoding\.seed: 4 then, 5 now\nChoose"):
        decoding = DecodingConfig(strategy="sample", top_p=0.9, max_decode_length=6, seed=5)
        _infer(model_dir, questions, output, decoding)
    with (
        monkeypatch.context() as patch,
        pytest.raises(ValueError, match=r"state_hash: .* 'anew' now"),
    ):
        patch.setattr(Checkpointer, "state_hash", lambda *_: "anew")
        _infer(model_dir, questions, output)
    assert output.read_bytes() == answers
    with pytest.raises(ValueError, match="is a folder"):
        _infer(model_dir, questions, tmp_path)
    with pytest.raises(ValueError, match=r"out\.jsonl is a file"):
        _infer(model_dir, questions, output / "out.jsonl")


@pytest.mark.parametrize("num_processes", WAYS)
def test_eight_devices_without_tensorflow_answer_as_one(
    model_dir, questions, tmp_path, num_processes
):
    source = tmp_path / "in.jsonl"
    records = [{"inputs": record["prompt"]} for record in questions[1][:15]]
    write_lines(source, records)
    on_processes(
        *("tests.decoding.on_devices", model_dir, source, tmp_path / "eight"),
        num_processes=num_processes,
        num_devices=8,
    )
    for name, decoding in WAYS[num_processes].items():
        path = tmp_path / "one" / f"{name}.jsonl"
        one = _lines(_infer(model_dir, (source,), path, decoding, inputs_field="inputs"))
        eight = _lines((tmp_path / "eight" / path.name).read_bytes())
        assert eight[0].keys() == one[0].keys()
        for answer, expected in zip(eight, one, strict=True):
            assert answer["prediction"] == expected["prediction"]
            assert answer.get("predictions") == expected.get("predictions")
            np.testing.assert_allclose(answer["score"], expected["score"], rtol=1e-4)


def test_a_task_is_answered_like_its_lines(model_dir, tmp_path):
    output = tmp_path / "out.jsonl"
    infer(
        model_dir=str(model_dir),
        output=str(output),
        mixture_or_task_name="toy",
        task_modules=["tests.toy_tasks"],
        batch_size=12,
        decoding=GREEDY,
        progress=False,
    )
    lines = _lines(output.read_bytes())
    assert [(x["task"], x["index"]) for x in lines] == [
        (task, n) for task in ("toy_copy", "toy_first", "toy_longer") for n in range(12)
    ]
    source = tmp_path / "in.jsonl"
    write_lines(source, ({"inputs": x["inputs"]} for x in lines))
    arguments = {"inputs_field": "inputs", "batch_size": 12}
    again = _infer(model_dir, (source,), tmp_path / "again.jsonl", GREEDY, **arguments)
    assert [x["prediction"] for x in _lines(again)] == [x["prediction"] for x in lines]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"prompt": "a"}\n{"prompt": \n', r"in\.jsonl, line 2, column"),
        ('{"prompt": "a"}\n\n["b"]\n', r"in\.jsonl, line 3: expected a JSON object"),
        ('{"prompts": "a"}\n', r"line 1: field 'prompt' is missing.*--inputs_field"),
        ('{"prompt": 5}\n', r"line 1: field 'prompt': expected a string, found an integer"),
        ('{"prompt": "a", "score": 1}\n', r"line 1: field 'score' is there already"),
        ("\n", r"in\.jsonl .*holds no lines"),
    ],
)
def test_bad_lines_are_named_before_any_work(model_dir, tmp_path, text, message):
    path = tmp_path / "in.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        _infer(model_dir, (path,), tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == [path]


def test_one_source_is_needed(model_dir, tmp_path):
    with pytest.raises(ValueError, match="give either --input=FILE"):
        infer(model_dir=str(model_dir), output=str(tmp_path / "out.jsonl"))


def test_a_long_prompt_is_cut_with_a_warning(model_dir, tmp_path, caplog):
    limit = model_dirs.LENGTHS["inputs"]
    path = tmp_path / "in.jsonl"
    # The end token takes one; of what is longer, it is cut off too.
    prompts = ["x" * (limit - 1), "x" * limit + "y", "x" * limit + "ab"]
    write_lines(path, ({"prompt": prompt} for prompt in prompts))
    _, second, third = _lines(_infer(model_dir, (path,), tmp_path / "out.jsonl", GREEDY))
    assert second["prediction"] == third["prediction"]
    assert "2 of 3 prompts are longer than the 48 tokens" in caplog.text


def test_generate_prints_what_infer_writes(model_dir, questions, answers):
    out = io.StringIO()
    prompts = [record["prompt"] for record in questions[1][:5]]
    stdin = io.StringIO("\n".join(prompts[1:4]) + "\n\n")
    generate(
        model_dir=str(model_dir),
        prompts=[prompts[0], "-", prompts[4]],
        decoding=SAMPLE,
        stdin=stdin,
        stdout=out,
    )
    expected = [line["prediction"] for line in _lines(answers)[:5]]
    assert out.getvalue() == "".join(text + "\n" for text in expected)


def test_several_answers_are_all_written(model_dir, questions, answers, tmp_path):
    several = dataclasses.replace(SAMPLE, num_return_sequences=3)
    lines = _lines(_infer(model_dir, questions, tmp_path / "out.jsonl", several))
    assert [x["prediction"] for x in lines] == [x["prediction"] for x in _lines(answers)]
    for line in lines:
        assert len(line["predictions"]) == len(line["scores"]) == 3
        assert line["predictions"][0] == line["prediction"]
        assert line["scores"][0] == line["score"]
    assert any(len(set(line["predictions"])) > 1 for line in lines)


def test_beams_are_written_with_their_log_likelihoods(model_dir, questions, tmp_path):
    beam = DecodingConfig(strategy="beam", num_beams=3, num_return_sequences=2, max_decode_length=6)
    lines = _lines(_infer(model_dir, questions, tmp_path / "out.jsonl", beam))
    assert all(len(line["predictions"]) == 2 for line in lines)
    for line in lines:
        assert line["predictions"][0] == line["prediction"]
        assert all(score < 0 for score in line["scores"])


def test_options_are_chosen_among(model_dir, tmp_path):
    path = tmp_path / "in.jsonl"
    options = [["a", "b", "ccc"], ["yes", "no"]]
    records = [{"prompt": f"{n}?", "choices": choices} for n, choices in enumerate(options)]
    write_lines(path, records)
    arguments = {"options_field": "choices", "batch_size": 2}
    lines = _lines(_infer(model_dir, (path,), tmp_path / "sum.jsonl", None, **arguments))
    for line, record in zip(lines, records, strict=True):
        assert record.items() <= line.items()
        assert len(line["scores"]) == len(line["choices"])
        best = int(np.argmax(line["scores"]))
        assert (line["prediction"], line["score"]) == (line["choices"][best], line["scores"][best])
    means = _lines(
        _infer(model_dir, (path,), tmp_path / "mean.jsonl", None, rank_by="mean", **arguments)
    )
    # With the end token, "ccc" is four tokens of bytes.
    ratios = np.array(lines[0]["scores"]) / means[0]["scores"]
    np.testing.assert_allclose(ratios, [2, 2, 4], rtol=1e-5)
    means = _lines(
        _infer(model_dir, (path,), tmp_path / "byte.jsonl", None, rank_by="mean_byte", **arguments)
    )
    ratios = np.array(lines[0]["scores"]) / means[0]["scores"]
    np.testing.assert_allclose(ratios, [1, 1, 3], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"options_field": "nothing"}, "field 'nothing' is missing.*--options_field"),
        ({"options_field": "prompt"}, "field 'prompt': expected a list"),
        ({"options_field": "empty"}, "field 'empty' holds .*list of one or more texts"),
        ({"options_field": "choices", "rank_by": "max"}, "--rank_by .* got 'max'"),
        ({"rank_by": "mean"}, "--rank_by=mean compares options, and there are none"),
        (
            {"options_field": "choices", "decoding": SAMPLE},
            r"leave out .*: strategy='sample', top_p=0\.9, max_decode_length=6, seed=4",
        ),
    ],
)
def test_bad_options_are_named(model_dir, tmp_path, arguments, message):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"prompt": "a", "choices": ["b"], "empty": []}) + "\n")
    with pytest.raises(ValueError, match=message):
        _infer(model_dir, (path,), tmp_path / "out.jsonl", **{"decoding": None, **arguments})


def test_options_without_a_place_in_the_table_are_refused_before_any_work(tmp_path):
    config = tiny.config("decoder_only", vocab_size=264, positions=Learned(max_positions=12))
    model_dirs.save(tmp_path / "model", "decoder_only", config=config)
    path, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    records = [{"prompt": "a", "choices": ["b"]}, {"prompt": "a", "choices": ["b", "c" * 20]}]
    write_lines(path, records)
    with pytest.raises(ValueError, match="12 that this model has learned; shorten the prompts or"):
        _infer(tmp_path / "model", (path,), output, None, options_field="choices", batch_size=1)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["in.jsonl", "model"]


def test_stop_strings_end_answers(model_dir, questions, answers, tmp_path):
    whole = [line["prediction"] for line in _lines(answers)]
    stop = next(text for text in whole if len(text) > 3)[1:3]
    stopping = dataclasses.replace(SAMPLE, stop_strings=(stop,))
    lines = _lines(_infer(model_dir, questions, tmp_path / "out.jsonl", stopping))
    assert [line["prediction"] for line in lines] == [text.split(stop)[0] for text in whole]


def test_texts_of_a_vocabulary_that_a_task_brings(tmp_path):
    seqio = pytest.importorskip("seqio")
    (tmp_path / "word_tasks.py").write_text(
        "import seqio\n"
        "words = seqio.vocabularies.UnigramVocabulary(['what', 'is'], split_on_space=True)\n"
        "seqio.TaskRegistry.add('words', source=seqio.FunctionDataSource(\n"
        "    lambda split, shuffle_files: None, splits=['train']),\n"
        "    output_features={'targets': seqio.Feature(words)})\n"
    )
    words = seqio.vocabularies.UnigramVocabulary(["what", "is"], split_on_space=True)
    vocabulary = from_seqio(words)
    model_dirs.save(tmp_path / "model", converter(), vocabulary=vocabulary)
    (tmp_path / "in.jsonl").write_text('{"inputs": "what is"}\n')
    arguments = {
        "model_dir": str(tmp_path / "model"),
        "input": str(tmp_path / "in.jsonl"),
        "output": str(tmp_path / "out.jsonl"),
        "decoding": DecodingConfig(max_decode_length=2, stop_ids=(263,)),
        "progress": False,
    }
    with pytest.raises(ValueError, match=r"UnigramVocabulary does not give ids .*--tasks"):
        infer(**arguments)
    with pytest.raises(
        ValueError, match=r"no Task of tests\.toy_tasks \(--tasks\) has the model's"
    ):
        infer(**arguments, task_modules=["tests.toy_tasks"])
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        record = json.loads(infer(**arguments, task_modules=["word_tasks"]).read_text())
    assert set(record["prediction"].split()) <= {"PAD", "what", "is", "UNK"}
