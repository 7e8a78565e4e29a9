"""What `t5lite tasks` prints."""

import textwrap

import pytest

from t5lite import catalog
from t5lite.data.stores import build
from tests.conftest import shared_path

_MODULE = """
import functools

import seqio
from tasks.files import add_file_task
from tasks.metrics import exact_match
from tasks.python_tasks import capped_examples

for name in ("long", "short"):
    add_file_task(
        f"{prefix}_{{name}}",
        files={{"train": f"{{name}}.jsonl", "validation": "short.jsonl"}},
        inputs="Say {{q}}\\nnow",
        targets="a",
        metrics=(exact_match,),
    )
capped = functools.partial(capped_examples, maximum=10)
mixture = seqio.MixtureRegistry.add(
    "{prefix}_inner", ["{prefix}_long", "{prefix}_short"], default_rate=capped
)
mixture.notes = ("2 of 3 files are here",)
seqio.MixtureRegistry.add("{prefix}_outer", [("{prefix}_inner", 2.0), ("{prefix}_short", 1.0)])
"""


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Writes a task module under a name of its own; gives (its name, keyword arguments)."""

    def write(prefix: str, vocabulary: str = "bytes"):
        long = [f'{{"q": "number {i}", "a": ["{i}", "no. {i}"]}}' for i in range(30)]
        (tmp_path / "long.jsonl").write_text("\n".join(long))
        short = [f'{{"q": "{{x}} {i}", "a": "{i}"}}' for i in range(5)]
        (tmp_path / "short.jsonl").write_text("\n".join(short))
        module = f"{prefix}_registry"
        (tmp_path / f"{module}.py").write_text(_MODULE.format(prefix=prefix))
        monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("T5LITE_VOCABULARY", vocabulary)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.chdir(tmp_path)
        return {
            "task_modules": (module,),
            "data_dir": str(tmp_path),
            "vocabulary": vocabulary,
        }

    return write


def _table(text: str) -> dict[str, list[str]]:
    """Cells of each row by the first one."""
    rows = [line.split() for line in text.splitlines() if line]
    return {row[0]: row[1:] for row in rows}


def test_list_prints_kind_content_and_place(registry, capsys):
    catalog.list_tasks("cat_a_", **registry("cat_a"))
    rows = _table(capsys.readouterr().out)
    assert rows["cat_a_outer"][:3] == ["mixture", "2", "tasks"]
    assert rows["cat_a_long"][:3] == ["task", "train,", "validation"]
    line = _MODULE.splitlines().index("    add_file_task(") + 1
    assert rows["cat_a_long"][3].startswith(f"cat_a_registry.py:{line}")


def test_list_takes_shell_patterns_and_suggests(registry, capsys):
    arguments = registry("cat_b")
    catalog.list_tasks("cat_b_*t", **arguments)
    listed = _table(capsys.readouterr().out)
    assert "cat_b_short" in listed and "cat_b_long" not in listed
    with pytest.raises(ValueError, match=r"matches 'cat_b_shrot'.*Did you mean .*'cat_b_short'"):
        catalog.list_tasks("cat_b_shrot", **arguments)


def test_describe_counts_rates_shares_and_caps(registry, capsys, tmp_path):
    arguments = registry("cat_c")
    catalog.describe("cat_c_inner", **arguments, cache_dir=str(tmp_path / "cache"))
    text = capsys.readouterr().out
    rows = _table(text)
    assert rows["cat_c_long"] == ["10", "66.67%", "10", "30", "source"]
    assert rows["cat_c_short"] == ["5", "33.33%", "10", "5", "source"]
    assert rows["total"] == ["15", "100%", "35"]
    assert "note: 2 of 3 files are here" in text
    assert "inputs: bytes, 259 ids" in text
    assert "2 of 2 tasks have no token store" in text


def test_describe_flattens_nested_mixtures(registry, capsys, tmp_path):
    arguments = registry("cat_d")
    catalog.describe("cat_d_outer", **arguments, cache_dir=str(tmp_path / "cache"))
    rows = _table(capsys.readouterr().out)
    assert rows["cat_d_long"][1] == "44.44%"  # 2/3 of 10 in 15.
    assert rows["cat_d_short"][1] == "55.56%"
    assert rows["cat_d_long"][2] == "10"


def test_describe_reads_built_stores_and_says_what_is_truncated(registry, capsys, tmp_path):
    arguments = registry("cat_e")
    cache = str(tmp_path / "cache")
    build.cache("cat_e_short", split="train", cache_dir=cache, progress=False, **arguments)
    lengths = {"inputs": 13, "targets": 8}
    catalog.describe("cat_e_inner", **arguments, cache_dir=cache, task_feature_lengths=lengths)
    text = capsys.readouterr().out
    rows = _table(text)
    # "Say {x} 0\nnow" is 13 bytes, and an end of sequence.
    assert rows["cat_e_short"][4:] == ["token", "store", "100.0%", "0.0%"]
    assert rows["cat_e_long"][4:] == ["source", "-", "-"]
    assert "inputs > 13" in text
    assert "1 of 2 tasks have no token store" in text


def test_describe_says_which_splits_there_are(registry):
    arguments = registry("cat_f")
    with pytest.raises(ValueError, match=r"2 of 2 tasks have no split 'test'.*train, validation"):
        catalog.describe("cat_f_inner", **arguments, split="test")


def test_show_prints_what_the_model_gets(registry, capsys):
    catalog.show("cat_g_long", **registry("cat_g"), num_examples=2)
    text = capsys.readouterr().out
    assert "metrics: exact_match" in text and "preprocessors: tokenize, append_eos" in text
    shown = textwrap.dedent("""
        example 2
          inputs, 17 tokens:
            | Say number 1
            | now
        """)
    assert shown in text
    assert "scored against: ['1', 'no. 1']" in text
    assert "example 3" not in text and "warning" not in text


def test_show_prints_tokens(registry, capsys):
    catalog.show("cat_h_short", **registry("cat_h"), num_examples=1, show_tokens=True)
    text = capsys.readouterr().out
    assert "86:'S' 100:'a' 124:'y'" in text
    assert "13:'\\n'" in text and "1:''" in text


def test_show_warns_of_what_the_t5_vocabulary_loses(registry, capsys):
    vocabulary = str(shared_path("data", "vocab", "t5_spiece.model"))
    arguments = registry("cat_i", vocabulary)
    catalog.show("cat_i_short", **arguments, num_examples=5)
    lines = capsys.readouterr().out.splitlines()
    unknown, lost = [line for line in lines if line.startswith("warning: inputs")]
    assert "10 of " in unknown and "unknown to" in unknown
    for char in (r"'\n'", "'{'", "'}'"):
        assert f"{char} (5 times)" in lost
    # A second Task of the same vocabulary object, traced anew.
    catalog.show("cat_i_long", **arguments, num_examples=1)
    assert "Say number 0 now" in capsys.readouterr().out


def test_show_wants_a_task(registry):
    arguments = registry("cat_j")
    with pytest.raises(ValueError, match=r"Mixture of 2 tasks.*'cat_j_long', 'cat_j_short'"):
        catalog.show("cat_j_inner", **arguments)
    with pytest.raises(ValueError, match=r"No Task or Mixture 'cat_j_lng'.*'cat_j_long'"):
        catalog.show("cat_j_lng", **arguments)


_DECLARED = """
import functools

import seqio
import tensorflow as tf
from t5lite.data.tasks.seqio_adapter import output_features


def numbers(split, shuffle_files, count):
    texts = tf.data.Dataset.range(count).map(tf.strings.as_string)
    return texts.map(lambda text: {"inputs": text, "targets": text})


def make(cls, name, declared):
    source = seqio.FunctionDataSource(
        functools.partial(numbers, count=10), ["train"], num_input_examples=declared
    )
    steps = [seqio.preprocessors.tokenize, seqio.preprocessors.append_eos]
    return cls(name, source=source, preprocessors=steps, output_features=output_features())


make(seqio.TaskRegistry.add, "cat_m_many", {"train": 90})
make(seqio.TaskRegistry.add, "cat_m_few", {"train": 10})
hidden = make(seqio.Task, "cat_m_hidden", None)
tasks = ["cat_m_many", "cat_m_few", (hidden, seqio.mixing_rate_num_examples)]
seqio.MixtureRegistry.add(
    "cat_m_many",
    tasks,
    default_rate=seqio.mixing_rate_num_examples,
    sample_fn=lambda datasets, rates, seed: datasets[0],
)
"""


def test_describe_tells_declared_sizes_and_a_mixture_may_have_a_tasks_name(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "cat_m_registry.py").write_text(_DECLARED)
    monkeypatch.syspath_prepend(str(tmp_path))
    arguments = {"task_modules": ("cat_m_registry",), "cache_dir": str(tmp_path / "cache")}
    build.cache("cat_m_many", split="train", progress=False, **arguments)
    catalog.describe("cat_m_many", **arguments)
    text = capsys.readouterr().out
    rows = _table(text)
    assert rows["cat_m_many"][:2] == ["90", "81.82%"] and rows["cat_m_few"][:2] == ["10", "9.09%"]
    # Registered nowhere, and of no declared size.
    assert rows["cat_m_hidden"][:2] == ["10", "9.09%"]
    assert "1 task(s) declare another num_input_examples" in text
    assert "cat_m_many: declared 90, counted 10" in text
    assert "note: <lambda> (its sample_fn) is not used" in text
    catalog.list_tasks("cat_m", task_modules=arguments["task_modules"])
    listed = [line.split()[:4] for line in capsys.readouterr().out.splitlines()[2:]]
    assert listed[0] == ["cat_m_many", "mixture", "3", "tasks"]
    assert [row[:3] for row in listed[1:]] == [
        ["cat_m_few", "task", "train"],
        ["cat_m_many", "task", "train"],
    ]
