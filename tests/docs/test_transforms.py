"""docs/transforms.md: its modules register, show and feed what it says; its gin is understood."""

import numpy as np
import pytest

from t5lite import catalog
from t5lite.configuration import config
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import open_train_data
from t5lite.data.transforms.listed_examples import ListedExamples
from t5lite.data.transforms.span_corruption import SpanCorruption
from t5lite.data.transforms.transform import describe
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.files.json_files import write_lines
from tests.docs.pages import DOCS, blocks

PAGE = DOCS / "transforms.md"
DENOISERS, INVERSION = blocks(PAGE, "python")


def test_its_denoisers_can_be_seen_and_trained_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_denoisers.py").write_text(DENOISERS)
    (tmp_path / "text").mkdir()
    texts = [" ".join(f"number {n + i}" for n in range(9)) for i in range(12)]
    write_lines(tmp_path / "text" / "train.jsonl", ({"text": text} for text in texts))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("T5LITE_VOCABULARY", "bytes:100")
    catalog.show("my_text_long", task_modules=("my_denoisers",), num_examples=1)
    shown = capsys.readouterr().out
    assert "transform: SpanCorruption(noise_density=0.5, mean_noise_span_length=32.0," in shown
    # 80 bytes, 40 of them in one span, and a sentinel for it on either side.
    assert "  transformed inputs, 41 tokens:" in shown
    assert "  transformed targets, 41 tokens:" in shown

    data_config = DataConfig(
        mixture_or_task_name="my_denoisers",
        task_feature_lengths={"inputs": 512, "targets": 256},
        batch_size=4,
        task_modules=("my_denoisers",),
        cache_dir=str(tmp_path / "cache"),
    )
    with open_train_data(data_config) as data:
        batches = [batch for batch, _ in zip(data, range(20), strict=False)]
        assert data.task_names == ("my_text_long", "my_text_short")
    assert (batches[0].features["decoder_target_tokens"] >= data.vocabulary.vocab_size - 100).any()
    long, short = sum(batch.stats.draws_by_task for batch in batches)
    assert 2 * long < short < 4 * long
    assert [folder.name for folder in (tmp_path / "cache").iterdir() if folder.is_dir()] == [
        "my_text"
    ]


def test_its_gin_is_understood(tmp_path, monkeypatch):
    (tmp_path / "my_inversion.py").write_text(INVERSION)
    (block,) = blocks(PAGE, "gin")
    (tmp_path / "page.gin").write_text(f"import my_inversion\n{block}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def transforms(*flags):
        files = ["models/mini/small.gin", "runs/train.gin", "page.gin"]
        lengths = "TASK_FEATURE_LENGTHS={'inputs': 8, 'targets': 8}"
        needed = ["MODEL_DIR='x'", "MIXTURE_OR_TASK_NAME='x'", "TRAIN_STEPS=1", lengths]
        return config.parse(files, [*needed, *flags]).arguments("train")["train_data"].transforms

    assert transforms() == {"my_text": SpanCorruption(mean_noise_span_length=8.0)}
    with pytest.raises(ValueError, match=r"transforms\['x'\]: wanted .* write @SpanCorruption\(\)"):
        transforms("DataConfig.transforms={'x': 'SpanCorruption'}")
    own = transforms("DataConfig.transforms={'x': @Inversion(), 'my_text': None}")
    assert describe(own["x"]) == "Inversion()" and own["my_text"] is None
    examples = ListedExamples(
        examples=[(np.array([5]), np.array([6, 7]))],
        vocabulary=ByteVocabulary(),
        room={"inputs": 8, "targets": 8},
    )
    arguments = examples, np.zeros(1, np.int64), np.zeros((1, 2), np.uint32)
    assert own["x"].lengths(*arguments).tolist() == [[2, 1]]
    assert [ids.tolist() for ids in own["x"](*arguments)[0]] == [[6, 7], [5]]
