"""JSONL or Tasks in, JSONL out: order, batches, interruption, devices, and bad input."""

import io
import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

from t5lite import infer as infer_module
from t5lite.data.vocabularies import ByteVocabulary
from t5lite.decoding.journal import Journal
from t5lite.decoding.config import DecodingConfig
from t5lite.infer import generate_text, infer
from tests.decoding import model_dirs

GREEDY = DecodingConfig(max_decode_length=6)
SAMPLE = DecodingConfig(strategy="sample", top_p=0.9, max_decode_length=6, seed=4)
ROOT = pathlib.Path(__file__).resolve().parents[1]


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
    assert all(list(line)[-2:] == ["prediction", "score"] for line in lines)
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
            self._file.write(b'{"id": 24, "prom')
            self._file.flush()
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


def test_changed_settings_are_refused(model_dir, questions, answers, tmp_path):
    output = tmp_path / "out.jsonl"
    _infer(model_dir, questions, output)
    with pytest.raises(ValueError, match=r"decoding: .*'seed': 4.* then, .*'seed': 5.* now"):
        decoding = DecodingConfig(strategy="sample", top_p=0.9, max_decode_length=6, seed=5)
        _infer(model_dir, questions, output, decoding)
    assert output.read_bytes() == answers


@pytest.mark.parametrize("num_processes", [1, 2])
def test_eight_devices_without_tensorflow_answer_as_one(
    model_dir, questions, tmp_path, num_processes
):
    source = tmp_path / "in.jsonl"
    records = [{"inputs": record["prompt"]} for record in questions[1][:15]]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    one = _infer(
        model_dir, (source, records), tmp_path / "one.jsonl", GREEDY, inputs_field="inputs"
    )
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={8 // num_processes}",
    }
    command = [sys.executable, "-m", "tests.decoding.on_devices", model_dir, source]
    children = [
        subprocess.Popen(
            [
                *map(str, command),
                str(tmp_path / "eight.jsonl"),
                str(i),
                str(num_processes),
                str(port),
            ],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(num_processes)
    ]
    try:
        for child in children:
            output, _ = child.communicate(timeout=600)
            assert child.returncode == 0, output
    finally:
        for child in children:
            child.kill()
    eight = _lines((tmp_path / "eight.jsonl").read_bytes())
    assert [x["prediction"] for x in eight] == [x["prediction"] for x in _lines(one)]
    np.testing.assert_allclose(
        [x["score"] for x in eight], [x["score"] for x in _lines(one)], rtol=1e-4
    )


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
    source.write_text("".join(json.dumps({"inputs": x["inputs"]}) + "\n" for x in lines))
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
    with pytest.raises(ValueError, match="either --input or --mixture_or_task_name"):
        infer(model_dir=str(model_dir), output=str(tmp_path / "out.jsonl"))


def test_a_long_prompt_is_cut_with_a_warning(model_dir, tmp_path, caplog):
    limit = model_dirs.LENGTHS["inputs"] - 1  # the end token takes one
    path = tmp_path / "in.jsonl"
    prompts = ["x" * limit, "x" * limit + "yz"]
    path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
    first, second = _lines(_infer(model_dir, (path,), tmp_path / "out.jsonl", GREEDY))
    assert first["prediction"] == second["prediction"]
    assert "1 of 2 prompts are longer than the 48 tokens" in caplog.text


def test_generate_text_prints_what_infer_writes(model_dir, questions, answers):
    out = io.StringIO()
    prompts = [record["prompt"] for record in questions[1][:5]]
    stdin = io.StringIO("\n".join(prompts[1:4]) + "\n\n")
    generate_text(
        model_dir=str(model_dir),
        prompts=[prompts[0], "-", prompts[4]],
        decoding=SAMPLE,
        stdin=stdin,
        stdout=out,
    )
    expected = [line["prediction"] for line in _lines(answers)[:5]]
    assert out.getvalue() == "".join(text + "\n" for text in expected)


def test_text_comes_in_whole_characters():
    class Model:
        vocabulary = ByteVocabulary()

    text = "a €☃ b"
    pieces = list(infer_module._text_as_it_comes(Model.vocabulary.encode(text), Model))
    assert [piece for piece in pieces if piece] == list(text)
