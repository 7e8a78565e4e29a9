"""Evaluation sets as their users have them, and what is said of those that cannot be read."""

import gzip
import json

import pytest

from t5lite.data.contamination.evaluation_texts import evaluation_sets, read_texts
from tests.conftest import shared_path


def read(path):
    ((_, files),) = evaluation_sets([str(path)]).items()
    return list(read_texts(files))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", '"Who, said ""x""?",A,B\r\nplain,1,2\n', ['Who, said "x"?\nA\nB', "plain\n1\n2"]),
        ("a.tsv", 'He said "x\t7\n\nnext\\nline\t8\n', ['He said "x\n7', "next\nline\n8"]),
        ("a.txt", "one\ntwo\n\n\n three\n", ["one\ntwo", " three\n"]),
        ("a.jsonl", '{"q": "x", "n": 3, "o": ["y", {"z": "z"}]}\n\n["w"]\n', ["x\ny\nz", "w"]),
        ("a.json", '["a", {"b": "c"}]', ["a", "c"]),
        ("a.json", '{"canary": "no", "examples": [{"input": "a", "target": "b"}]}', ["a\nb"]),
        ("a.json", '{"subject": "prompt", "other": {"deep": "text"}}', ["prompt\ntext"]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_a_text_is(tmp_path, name, content, expected, packed):
    if packed:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    else:
        (tmp_path / name).write_text(content, newline="")
    assert read(tmp_path) == expected


def test_sets_have_names(tmp_path):
    for name in ("mmlu/dev/b.csv", "mmlu/a.csv", "mmlu/README.md", "x=y.txt", "one.jsonl.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    against = [f"{tmp_path}/{name}" for name in ("mmlu", "x=y.txt", "one.jsonl.gz")]
    sets = evaluation_sets([*against, f"mine={tmp_path}/mmlu/a.csv"])
    found = {name: [str(f.relative_to(tmp_path)) for f in files] for name, files in sets.items()}
    assert found == {
        "mmlu": ["mmlu/a.csv", "mmlu/dev/b.csv"],
        "x=y": ["x=y.txt"],
        "one": ["one.jsonl.gz"],
        "mine": ["mmlu/a.csv"],
    }
    with pytest.raises(ValueError, match=r"another set is called 'mmlu'.*other_mmlu="):
        evaluation_sets([against[0], against[0]])


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.json", b"{", r"a\.json, line 1, column 2: malformed JSON"),
        ("a.jsonl", b'{}\n{"a": }\n', r"a\.jsonl, line 2, column 7: malformed JSON"),
        ("a.txt", b"fine\n\xff", r"a\.txt, line 2: not UTF-8"),
        ("a.txt.gz", b"no gzip", r"a\.txt\.gz: no gzip file"),
        ("a.txt.gz", gzip.compress(b"x" * 999, mtime=0)[:-9], r"a\.txt\.gz: no gzip file"),
        ("a.md", b"text", "holds no file of evaluation data"),
    ],
)
def test_what_cannot_be_read_is_reported(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        read(tmp_path / name)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ValueError, match=r"--against .*nothing: .* does not exist"):
        evaluation_sets([f"{tmp_path}/nothing"])


def test_real_evaluation_sets():
    bbh = json.loads(shared_path("data", "bbh", "web_of_lies.json").read_text())["examples"]
    assert read(shared_path("data", "bbh", "web_of_lies.json")) == [
        f"{example['input']}\n{example['target']}" for example in bbh
    ]
    mmlu = read(shared_path("data", "mmlu", "test", "business_ethics_test.csv"))
    assert len(mmlu) == 100 and all(len(text.split("\n")) >= 6 for text in mmlu)
    assert len(read(shared_path("data", "mgsm", "mgsm_en.tsv"))) == 250
    documents = read(shared_path("data", "tydiqa", "tiny_dev.jsonl.gz"))
    assert len(documents) == 11 and all(len(text) > 100 for text in documents)


def test_a_long_csv_field_is_read_and_json_without_end_is_reported(tmp_path):
    long = "word " * 40_000
    (tmp_path / "long.csv").write_text(f'q,a\n"{long}",1\n')
    assert list(read_texts([tmp_path / "long.csv"]))[1] == f"{long}\n1"
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"deep\.json: malformed JSON: nested too deeply"):
        list(read_texts([tmp_path / "deep.json"]))
