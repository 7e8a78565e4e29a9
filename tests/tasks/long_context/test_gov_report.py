"""Summaries of long reports: what is asked, what is cut, and what ROUGE is."""

import json

import pytest

from t5lite import cli
from t5lite.configuration import config
from t5lite.data.tasks import seqio_adapter
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.files.json_files import write_lines
from tasks.long_context.gov_report import add_summary_task, rouge
from tests.conftest import shared_path
from tests.decoding import model_dirs

RECORDS = [
    {"report": "Roads were built. " * 20, "summary": "Roads."},
    {"report": "Short.", "summary": "Brief."},
]


def test_a_report_is_cut_and_never_the_question(own_tasks, tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("T5LITE_VOCABULARY", "bytes")
    write_lines(tmp_path / "x.jsonl", RECORDS)
    add_summary_task("reports_cut", files={"test": "x.jsonl"}, max_tokens=100)
    long, short = seqio_adapter.iterate_texts("reports_cut", "test")
    assert len(long["inputs"]) == 100
    assert long["inputs"].startswith("Read this report.\n\nRoads were built. Roads")
    assert long["inputs"].endswith("\n\nSummarize the report.\n\nSummary:")
    assert "\n\nShort.\n\n" in short["inputs"] and short["targets"] == "Brief."
    add_summary_task("reports_small", files={"test": "x.jsonl"}, max_tokens=20)
    with pytest.raises(ValueError, match="'reports_small': 20 tokens have no room"):
        [*seqio_adapter.iterate_texts("reports_small", "test")]


def test_pieces_that_cutting_makes_others_of_are_counted(own_tasks, tmp_path, monkeypatch):
    """Cut within a word its pieces become others, and more than they were."""
    vocabulary = f"{shared_path('weights', 'stories260k', 'tok512.model')}:0"
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("T5LITE_VOCABULARY", vocabulary)
    text = shared_path("data", "text", "shakespeare_input.txt").read_text()[:60_000]
    reports = [text[start:][:1500] for start in range(0, len(text), 400)]
    write_lines(tmp_path / "x.jsonl", ({"report": report, "summary": "x"} for report in reports))
    add_summary_task("reports_of_pieces", files={"test": "x.jsonl"}, max_tokens=200)
    encode = parse_vocabulary(vocabulary).encode
    prompts = [x["inputs"] for x in seqio_adapter.iterate_texts("reports_of_pieces", "test")]
    lengths = [len(encode(prompt)) for prompt in prompts]
    assert min(lengths) > 195 and max(lengths) == 200


def test_the_recipe_trains_and_is_evaluated(tmp_path, capsys):
    recipe = "recipes/gov_report/7b_16k.gin"
    (tmp_path / "gov_report").mkdir()
    for split in ("train", "test"):
        write_lines(tmp_path / "gov_report" / f"{split}.jsonl", RECORDS[1:] * 2)
    shape = {"d_model": 16, "d_ff": 24, "d_kv": 8, "num_heads": 2, "num_decoder_layers": 1}
    bindings = ["VOCAB_SIZE=264", *(f"TransformerConfig.{n}={size}" for n, size in shape.items())]
    places = {"DATA_DIR": tmp_path, "INITIAL_CHECKPOINT_PATH": tmp_path / "extended"}
    places |= {"VOCABULARY": "bytes", "MODEL_DIR": tmp_path / "run"}
    given = [*bindings, *(f"{name}={str(place)!r}" for name, place in places.items())]
    model = config.parse([recipe], given).arguments("train")["model"]
    assert model.positions.scaling.factor == 8
    model_dirs.save(tmp_path / "extended", "decoder_only", config=model)
    run, lengths = f"--model_dir={tmp_path / 'run'}", "--task_feature_lengths=inputs=99,targets=9"
    train = ["train", f"--gin_file={recipe}", "--batch_size=1", lengths]
    assert not cli.main([*train, *(f"--gin.{binding}" for binding in given)])
    asked = "--tasks=tasks.long_context --mixture=gov_report --split=test --max_decode_length=3"
    words = [*asked.split(), f"--data_dir={tmp_path}", run, lengths]
    assert not cli.main(["eval", *words, "--temperature=0.5", "--top_p=0.95"])
    assert "rouge_l" in capsys.readouterr().out
    trained = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert trained[-1]["step"] == 20  # ten epochs of two reports, which take a row each


def test_rouge_is_that_of_words_pairs_and_the_longest_common_subsequence():
    found = rouge(["the roads were built", ["x", "a b c"]], ["roads were the", "c a b"])
    # Unigrams 3 of 4 and 3; pairs 1 of 3 and 2; subsequences 2. Then 3 of 3, 1 of 2, 2 of 3.
    assert found["rouge_1"] == pytest.approx((6 / 7 + 1) / 2)
    assert found["rouge_2"] == pytest.approx((2 / 5 + 1 / 2) / 2)
    assert found["rouge_l"] == pytest.approx((4 / 7 + 2 / 3) / 2)
