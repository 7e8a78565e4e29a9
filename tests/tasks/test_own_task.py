"""docs/own_task.md says what is true: its code blocks run as they stand. And JSONL's errors."""

import json
import re
import shlex
import sys

import pytest

from t5lite.cli import main
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import open_train_data
from t5lite.data.tasks import seqio_adapter
from t5lite.data.tasks.task_metrics import Answers
from t5lite.data.vocabularies.hf_vocabulary import HFVocabulary
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Rotary
from tasks.files import add_file_task
from tasks.jsonl import add_jsonl_task
from tasks.metrics import exact_match
from tests.conftest import REPOSITORY
from tests.data.tokenizer_folders import chat_folder
from tests.decoding import model_dirs

_DOC = REPOSITORY / "docs" / "own_task.md"


def _code_blocks() -> dict[str, str]:
    """The document's Python blocks by the file name that stands before each."""
    pattern = re.compile(r"`(\w+\.py)`:\n\n```python\n(.*?)```", re.DOTALL)
    return dict(pattern.findall(_DOC.read_text()))


@pytest.fixture
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _write_jsonl(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(text) + "\n")


def _load(name, split):
    (task,) = seqio_adapter.load_eval_tasks(name, split=split, task_feature_lengths={})
    return task


def test_the_documented_jsonl_task_runs(data_root):
    documented = re.search(r"```json\n(.*?)\n```", _DOC.read_text())
    line = json.loads(documented.group(1))
    more = [{"question": f"q{i}", "answers": [f"a{i}", f"b{i}"]} for i in range(20)]
    _write_jsonl(data_root / "trivia" / "train.jsonl", more)
    _write_jsonl(data_root / "trivia" / "dev.jsonl", [line])
    code = _code_blocks()["my_tasks.py"]
    assert len(code.splitlines()) <= 10
    (data_root / "my_tasks.py").write_text(code)
    seqio_adapter.import_tasks(["my_tasks"])

    task = _load("my_trivia", "validation")
    (example,) = task.examples
    assert example.inputs_text == (
        "Answer in a few words.\n\nQuestion: Which planet is nearest to the sun?\nAnswer:"
    )
    for right in line["answers"]:
        assert task.measure(Answers(texts=[right])).values == {"accuracy": 1.0}
    assert task.measure(Answers(texts=["Venus"])).values == {"accuracy": 0.0}
    targets = [e.targets_text for e in _load("my_trivia", "train").examples]
    assert {target[0] for target in targets} == {"a", "b"}
    assert str(data_root / "my_tasks.py") in seqio_adapter.task_source("my_trivia").provenance


def _write_table(path, rows):
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def _examples_of_documented(data_root, module, name, split="train"):
    code = _code_blocks()[f"{module}.py"]
    assert len(code.splitlines()) <= 10
    (data_root / f"{module}.py").write_text(code)
    seqio_adapter.import_tasks([module])
    sys.modules.pop(module)
    return [(e["inputs"], e["targets"]) for e in seqio_adapter.iterate_texts(name, split)]


def test_the_documented_csv_task_runs(data_root):
    (data_root / "reviews").mkdir()
    (data_root / "reviews" / "train.csv").write_text('review text,stars\n"good, really",5\n')
    (data_root / "reviews" / "dev.tsv").write_text("review text\tstars\nbad\t1\n")
    examples = _examples_of_documented(data_root, "my_reviews", "my_reviews")
    asked = "How many stars does this review give?\n\n"
    assert examples == [(asked + "good, really", "5")]
    assert list(seqio_adapter.iterate_texts("my_reviews", "validation")) == [
        {"inputs": asked + "bad", "targets": "1"}
    ]


def test_the_documented_parquet_task_runs(data_root):
    for part in range(2):
        row = {"article": {"title": f"t{part}", "body": f"b{part}"}}
        _write_table(data_root / "news" / f"train-{part}.parquet", [row])
    examples = _examples_of_documented(data_root, "my_news", "my_news")
    assert examples == [(f"Write a headline.\n\nb{part}", f"t{part}") for part in range(2)]


def test_the_documented_data_set_runs(data_root):
    row = {"context": "c", "question": "q", "answers": {"text": ["a"], "answer_start": [0]}}
    for name in ("train-00000-of-00001", "validation-00000-of-00001"):
        _write_table(data_root / "squad" / "data" / f"{name}.parquet", [row])
    for split in ("train", "validation"):
        name = "my_questions"
        if split == "train":
            examples = _examples_of_documented(data_root, "my_questions", name)
        else:
            found = seqio_adapter.iterate_texts(name, split)
            examples = [(e["inputs"], e["targets"]) for e in found]
        assert examples == [("c\n\nq", "a")]


def test_the_documented_chat_runs(data_root, tmp_path, monkeypatch, capsys):
    """Every command of the section, with a model that is SmolLM2 in all but size."""
    page = _DOC.read_text()
    section = page[page.index("## Conversations") : page.index("## By hand")]
    (gin,) = re.findall(r"```\n(include.*?)```", section, re.DOTALL)
    commands = re.findall(r"^t5lite (.*)$", section, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["tasks", "train", "generate", "convert"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("T5LITE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path / "data"))
    sizes = {"d_model": 32, "d_ff": 48, "d_kv": 8, "num_heads": 4, "num_kv_heads": 2}
    sizes |= {"num_decoder_layers": 2, "vocab_size": 264, "dtype": "float32"}
    made = TransformerConfig(
        architecture="decoder_only",
        num_encoder_layers=0,
        mlp_activations=("silu", "linear"),
        scale_attention=True,
        positions=Rotary(theta=100000.0),
        norm_epsilon=1e-05,
        tied_embeddings=True,
        **sizes,
    )
    vocabulary = _tokenizer(tmp_path / "tokenizer")
    model_dirs.save(tmp_path / "made", "decoder_only", vocabulary=vocabulary, config=made)
    assert main(["convert", "made", "SmolLM2-135M", "--noverify"]) == 0
    (tmp_path / "chat.gin").write_text(gin)
    (tmp_path / "my_chat.py").write_text(_code_blocks()["my_chat.py"])
    talk = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
    lines = [{"messages": talk}, {"instruction": "Add.", "input": "1 2", "output": "3"}]
    _write_jsonl(tmp_path / "data" / "chat" / "train.jsonl", lines)
    smaller = [f"--gin.TransformerConfig.{name}={size!r}" for name, size in sizes.items()]
    smaller += ["--gin.TRAIN_STEPS=1", "--gin.BATCH_SIZE=2"]
    more = {"train": smaller, "generate": ["--max_decode_length=4"], "convert": ["--noverify"]}
    capsys.readouterr()
    for command in commands:
        words = shlex.split(command)
        words += more.get(words[0], [])
        assert main(words) == 0, capsys.readouterr().err
        shown = capsys.readouterr().out
        if words[0] == "tasks":
            assert "hi" in shown
        if words[0] == "generate":
            assert len(shown) > 1
    assert (tmp_path / "exported" / "tokenizer.json").exists()


def _tokenizer(folder):
    folder.mkdir()
    return HFVocabulary(str(chat_folder(folder, vocab_size=264) / "tokenizer.json"))


def test_the_documented_handwritten_task_runs(data_root):
    (data_root / "sums").mkdir()
    (data_root / "sums" / "train.csv").write_text("1,2,3\n4,5,9\n")
    (data_root / "sums" / "dev.csv").write_text("2,2,4\n")
    (data_root / "my_sums.py").write_text(_code_blocks()["my_sums.py"])
    seqio_adapter.import_tasks(["my_sums"])

    train = _load("my_sums", "train")
    assert [e.inputs_text for e in train.examples] == ["What is 1 plus 2?", "What is 4 plus 5?"]
    assert train.measure(Answers(texts=["3", "8"])).values == {"accuracy": 0.5}
    assert seqio_adapter.rates("my_mixture", {}) == {"my_sums": 1.0}
    before = seqio_adapter.task_source("my_sums").fingerprint
    (data_root / "sums" / "train.csv").write_text("1,2,3\n4,5,9\n6,6,12\n")
    assert seqio_adapter.task_source("my_sums").fingerprint != before
    sys.modules.pop("my_sums")


def test_templates_fields_numbers_and_braces(data_root):
    _write_jsonl(data_root / "a.jsonl", [{"q": "x{y}", "n": 3}, "", {"q": "é\u2028z", "n": 0.5}])
    add_file_task("own_braces", files={"train": "a.jsonl"}, inputs="{{{q}}} {n}", targets="n")
    examples = _load("own_braces", "train").examples
    assert [e.inputs_text for e in examples] == ["{x{y}} 3", "{é\u2028z} 0.5"]
    assert [e.targets_text for e in examples] == ["3", "0.5"]


def test_a_changed_file_changes_the_fingerprint(data_root):
    _write_jsonl(data_root / "b.jsonl", [{"q": "x", "a": "y"}])
    add_file_task("own_changing", files={"train": "b.jsonl"}, inputs="q", targets="a")
    before = seqio_adapter.task_source("own_changing").fingerprint
    assert seqio_adapter.task_source("own_changing").fingerprint == before
    _write_jsonl(data_root / "b.jsonl", [{"q": "x", "a": "z"}, {"q": "x", "a": "y"}])
    assert seqio_adapter.task_source("own_changing").fingerprint != before


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"q": "x", "a": "y"}, '{"q": "x"'], r"c\.jsonl, line 2, column 10: malformed JSON"),
        (["[1]"], r"c\.jsonl, line 1: expected a JSON object, found a list"),
        ([{"q": "x", "a": "y"}, {"a": "y"}], r"c\.jsonl, line 2: field 'q' is missing"),
        ([{"q": None, "a": "y"}], r"line 1: field 'q': expected a string, found null"),
        ([{"q": True, "a": "y"}], r"line 1: field 'q': expected a string, found true or false"),
        ([{"q": "x", "a": []}], r"line 1: field 'a' is an empty list"),
        ([{"q": "x", "a": ["y", None]}], r"line 1: field 'a'\[1\]: expected a string"),
        ([{"q": "x", "a": float("nan")}], r"line 1: field 'a': expected a string, found NaN"),
        (['{"q": "x \\ud83d", "a": "y"}'], r"c\.jsonl, line 1: field 'q' is no text: character 3"),
        ([{"Q": "x", "a": "y"}], r"field 'q' is missing \(fields: 'Q', 'a'\)"),
    ],
)
def test_faulty_lines_are_named(data_root, request, lines, message):
    _write_jsonl(data_root / "c.jsonl", lines)
    name = f"own_faulty_{abs(hash(request.node.name))}"
    add_file_task(
        name, files={"train": "c.jsonl"}, inputs="{q}", targets="a", metrics=(exact_match,)
    )
    with pytest.raises(ValueError, match=message):
        _load(name, "train")


def test_a_missing_file_names_task_split_and_path(data_root):
    add_file_task("own_missing", files={"train": "no.jsonl"}, inputs="q", targets="a")
    with pytest.raises(
        ValueError, match=r"no\.jsonl: .*No such file.*'own_missing', split 'train'"
    ):
        _load("own_missing", "train")


def test_json_lines_of_any_suffix(data_root):
    (data_root / "lines.txt").write_text('{"q": "one", "a": "two"}\n')
    add_jsonl_task("own_lines", files={"train": "lines.txt"}, inputs="q", targets="a")
    (example,) = _load("own_lines", "train").examples
    assert (example.inputs_text, example.targets_text) == ("one", "two")


def test_no_data_root_is_said_when_files_are_read_and_not_at_registration(monkeypatch):
    monkeypatch.delenv("T5LITE_DATA_DIR", raising=False)
    add_file_task("own_rootless", files={"train": "a.jsonl"}, inputs="q", targets="a")
    with pytest.raises(ValueError, match="no data folder is set"):
        _load("own_rootless", "train")


@pytest.mark.parametrize(
    ("template", "message"),
    [("{q", "malformed template"), ("{}", "not a field name"), ("{0}", "not a field name")],
)
def test_malformed_templates_are_said_at_registration(data_root, template, message):
    with pytest.raises(ValueError, match=f"'own_template', inputs: .*{message}"):
        add_file_task("own_template", files={"train": "a.jsonl"}, inputs=template, targets="a")


def test_the_documented_stream_trains_within_its_limit(data_root, monkeypatch, capsys):
    """The command of the section, with a smaller limit."""
    text = _DOC.read_text()
    (data_root / "my_streams.py").write_text(_code_blocks()["my_streams.py"])
    (command,) = re.findall(r"^t5lite (cache my_stream .*=my_stream=)1000000$", text, re.MULTILINE)
    words = [*shlex.split(f"{command}20"), f"--cache_dir={data_root / 'cache'}"]
    assert main([*words, "--store_epochs=3"]) == 0
    printed = capsys.readouterr().out
    assert "my_stream: its source gives other examples" in printed
    assert "3 were built now (60 examples)" in printed
    config = DataConfig(
        mixture_or_task_name="my_stream",
        task_feature_lengths={"inputs": 16, "targets": 8},
        batch_size=10,
        pack=False,
        task_modules=("my_streams",),
        cache_dir=str(data_root / "cache"),
        max_store_examples={"my_stream": 20},
        store_epochs=3,
    )
    with open_train_data(config) as data:
        assert data.epoch_size == 20
        rows = [row for _ in range(8) for row in next(data).features["encoder_input_tokens"]]
    epochs = [{row.tobytes() for row in rows[start : start + 20]} for start in (0, 20, 40, 60)]
    assert epochs[0] == epochs[3] and len(set().union(*epochs)) > 50
