"""docs/finetune.md, followed command by command on a real model, a LLaMA of 260K parameters."""

import contextlib
import io
import json
import shutil

import pytest

from t5lite import cli
from t5lite.checkpoints.load import load_model_dir
from t5lite.data.vocabularies import load
from tests.conftest import forget_task_modules, shared_path
from tests.docs.pages import DOCS, blocks, commands

PAGE = DOCS / "finetune.md"
COMMANDS = [command.words for command in commands(PAGE)]


def command(verb, number=0):
    return [words for words in COMMANDS if words[0] == verb][number]


def run(words):
    """A command's output. As in a process of its own, the reader's tasks are not registered yet."""
    forget_task_modules()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(list(words))
    assert code == 0, err.getvalue()
    return out.getvalue()


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A folder with what the page says the reader has, where the page has been followed."""
    folder = tmp_path_factory.mktemp("reader")
    weights = shared_path("weights", "stories260k", "stories260K.bin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("T5LITE_CACHE_DIR", str(folder / "cache"))
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        run(["convert", str(weights), "ours", "--noverify"])
        run(["convert", "ours", "model", "--noverify"])
        shutil.rmtree("ours")
        colours = {"sky": "blue", "grass": "green", "snow": "white", "coal": "black"}
        lines = [
            json.dumps({"question": f"Which colour is the {thing}?", "answer": colour})
            for thing, colour in colours.items()
        ]
        (folder / "data").mkdir()
        for name, repeats in (("train", 30), ("dev", 1)):
            text = "\n".join(lines * repeats) + "\n"
            (folder / "data" / f"{name}.jsonl").write_text(text)
        (folder / "questions.jsonl").write_text('{"inputs": "Question: Which? Answer:"}\n')
        module, _ = blocks(PAGE, "python")
        (folder / "my_tasks.py").write_text(module)
        (gin_file,) = blocks(PAGE, "gin")
        (folder / "my_finetune.gin").write_text(gin_file)
        load.load_tokenizer.cache_clear()
        yield folder


@pytest.fixture(scope="module")
def said(reader):
    """What each command of the page printed, in the page's order; `--noverify` where it proves."""
    said = {"asked": run(command("generate"))}
    said["tasks"] = run(command("tasks"))
    said["train"] = run(command("train"))
    said["eval"] = run(command("eval"))
    said["answer"] = run(command("generate", 1))
    run(command("infer"))
    said["convert"] = run([*command("convert"), "--noverify"])
    return said


def test_every_command_of_the_page_is_followed_here():
    verbs = [words[0] for words in COMMANDS]
    assert verbs == ["generate", "tasks", "train", "train", "eval", "generate", "infer", "convert"]


def test_the_model_is_asked_as_it_is_and_the_task_is_shown(said):
    assert said["asked"].strip()
    assert "Question: Which colour is the sky? Answer:" in said["tasks"]


def test_the_run_is_of_the_folders_model_tokenizer_and_prompts(reader, said):
    assert "Trained " in said["train"]
    model = load_model_dir(reader / "run")
    before = json.loads((reader / "model" / "config.json").read_text())
    assert model.config.norm_epsilon == before["rms_norm_eps"]
    assert model.config.num_kv_heads == before["num_key_value_heads"]
    assert model.vocabulary.vocab_size == before["vocab_size"] == 512
    assert model.converter.prompt_prefix == (1,)
    assert model.converter.targets_suffix == (2,)


def test_it_has_learned(reader, said):
    lines = (reader / "run" / "metrics.jsonl").read_text().splitlines()
    losses = [r["dev/my_trivia/loss"] for r in map(json.loads, lines) if "dev/my_trivia/loss" in r]
    assert losses[-1] < losses[0] / 2
    assert "my_trivia" in said["eval"] and said["answer"].strip()
    (answer,) = (reader / "answers.jsonl").read_text().splitlines()
    assert json.loads(answer)["prediction"]


def test_the_flags_alone_describe_the_same_run(reader, said):
    """The second `train` goes on in the first's folder: it is finished, so nothing is trained."""
    run(command("train", 1))
    assert (reader / "run" / "t5lite.json").exists()


@pytest.mark.peers
def test_transformers_loads_what_is_given_back(reader, said, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    _, snippet = blocks(PAGE, "python")
    exec(compile(snippet, str(PAGE), "exec"), {})
    ours = run(
        ["generate", "--model_dir=run", "--max_decode_length=16", command("generate", 1)[-1]]
    )
    assert capsys.readouterr().out.strip().endswith(ours.strip())
