"""Long documents as windows: what each holds, at which stride, and what ends them."""

import numpy as np
import pytest

from t5lite.data.tasks import seqio_adapter, seqio_registry
from t5lite.files.json_files import write_lines
from tasks.documents import add_document_task

TEXTS = ["abcdefghij", "", "klm"]


@pytest.fixture
def add(new_name, tmp_path, monkeypatch):
    """Registers a Task over files under a data root."""
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    write_lines(tmp_path / "all.jsonl", ({"text": text} for text in TEXTS))
    (tmp_path / "books").mkdir()
    for index, text in enumerate(TEXTS):
        (tmp_path / "books" / f"{index}.txt").write_text(text)
    return lambda **arguments: add_document_task(new_name(), **arguments).name


def windows(name, length):
    examples = seqio_adapter.iterate_examples(
        name, "train", task_feature_lengths={"targets": length}
    )
    return [_text(example["targets"]) for example in examples]


def _text(ids):
    # ByT5's bytes lie 3 ids above; 1 is the end.
    return "".join("$" if i == 1 else chr(i - 3) for i in np.asarray(ids))


@pytest.mark.parametrize(
    ("length", "stride", "expected"),
    [
        (4, None, ["abcd", "efgh", "ij$", "klm$"]),
        (5, None, ["abcde", "fghij", "klm$"]),
        (4, 3, ["abcd", "defg", "ghij", "klm$"]),
        (4, 2, ["abcd", "cdef", "efgh", "ghij", "klm$"]),
        (3, None, ["abc", "def", "ghi", "j$", "klm"]),
        (1, 1, [*"abcdefghij", *"klm"]),
        (99, 7, ["abcdefghij$", "klm$"]),
    ],
)
def test_windows_cover_each_document_once_or_more(add, length, stride, expected):
    name = add(files={"train": "all.jsonl"}, stride=stride)
    assert windows(name, length) == expected


def test_a_file_may_be_a_document(add):
    name = add(files={"train": "books/*.txt"}, format="document")
    assert windows(name, 6) == ["abcdef", "ghij$", "klm$"]
    assert seqio_registry.get(name).num_input_examples("train") == 3
    assert not seqio_adapter.may_be_endless(name)


def test_strides_that_leave_text_out_are_refused(add):
    with pytest.raises(ValueError, match="stride is 0"):
        add(files={"train": "all.jsonl"}, stride=0)
    name = add(files={"train": "all.jsonl"}, stride=5)
    with pytest.raises(ValueError, match="windows of 4 tokens at a stride of 5 leave out"):
        windows(name, 4)


def test_a_malformed_document_is_named_by_file_and_line(add, tmp_path):
    (tmp_path / "all.jsonl").write_text('{"text": "a"}\n{"body": "b"}\n')
    name = add(files={"train": "all.jsonl"})
    with pytest.raises(Exception, match=r"all\.jsonl, line 2.*text"):
        windows(name, 4)


def test_rows_are_filled_and_only_documents_end(add, tmp_path, caplog):
    from t5lite.data.data_config import DataConfig
    from t5lite.data.pipeline import open_train_data

    data = open_train_data(
        DataConfig(
            mixture_or_task_name=add(files={"train": "all.jsonl"}),
            task_feature_lengths={"targets": 4},
            batch_size=4,
            cache_dir=str(tmp_path / "cache"),
            converter="decoder_only",
            bos_id=2,
            add_eos={"targets": True},
            shuffle=False,
            num_build_workers=1,
            prefetch_batches=0,
        )
    )
    rows = next(iter(data)).features["decoder_target_tokens"]
    assert sorted(_text(row[row > 0]) for row in rows) == ["abcd", "efgh", "ij$", "klm$"]
    assert "truncated" not in caplog.text
