"""docs/from_t5x.md: what it says of lines and flags of T5X is what the command makes of them."""

import pathlib
import re
import shlex

import pytest

from t5lite import cli
from t5lite.configuration.gin_reader import Binding, read_flag
from t5lite.configuration.t5x import report, trial
from t5lite.configuration.t5x.flags import FLAGS
from t5lite.configuration.t5x.outcomes import Decision, NoCounterpart
from t5lite.configuration.t5x.translation import translate
from t5lite.models.config import TransformerConfig
from tests.docs.pages import DOCS, blocks, commands, table_rows

PAGE = DOCS / "from_t5x.md"
TEXT = PAGE.read_text(encoding="utf-8")
(FILE,) = blocks(PAGE, "gin")
ROWS = [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in table_rows(PAGE)]
LINES = [(theirs, ours) for (theirs, *_), ours in ROWS if not theirs.startswith("--")]
SETTINGS = [(t, ours) for (t, *_), ours in ROWS if t.startswith("--") and "=" in t]
ONLY_FLAGS = [(t, ours) for theirs, ours in ROWS for t in theirs if t[:2] == "--" and "=" not in t]
LISTS = re.findall(r"^- `([^`]+ = [^`]+)`$", TEXT, re.M)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_finetune.gin").write_text(FILE)
    monkeypatch.chdir(tmp_path)


def setting(line: str) -> Binding:
    return read_flag(line)


def with_line(line):
    pathlib.Path("mine.gin").write_text(f'include "my_finetune.gin"\n{line}\n')
    made = translate(["mine.gin"])
    trial.check(made, report.gin_text(made, made_of=["mine.gin"]))
    return made


@pytest.mark.parametrize(("theirs", "ours"), LINES, ids=[theirs for theirs, _ in LINES])
def test_a_line_becomes_what_the_table_says(theirs, ours):
    wanted = setting(ours[0])
    assert repr(with_line(theirs).settings[wanted.key]) == repr(wanted.value)


def test_the_file_that_is_shown(capsys):
    (command, *_) = commands(PAGE)
    assert cli.main(command.words) == 0
    written = pathlib.Path("my_run.gin").read_text()
    assert "TRAIN_STEPS = 20_000\n" in written
    assert "t5lite train --gin_file=my_run.gin --model_dir=DIR" in capsys.readouterr().out
    factors = "utils.create_learning_rate_scheduler.factors = 'constant * rsqrt_decay'"
    assert with_line(factors).settings["schedule.step_offset"] == -1_000_000
    assert "`schedule.step_offset = -1_000_000`" in TEXT


def test_the_pretrain_command(capsys):
    (command,) = [c for c in commands(PAGE) if "--output=pretrain.gin" in c.words]
    assert cli.main(command.words) == 0
    assert "models/mt5/base.gin" in pathlib.Path("pretrain.gin").read_text()
    assert "0 to decide" in capsys.readouterr().out


@pytest.mark.parametrize("line", LISTS)
def test_lines_without_counterpart_and_those_to_decide(line):
    kinds = {"no counterpart": NoCounterpart, "to decide": Decision}
    before = TEXT[: TEXT.index(f"- `{line}`")]
    kind = max(kinds, key=before.rfind)
    (entry,) = [e for e in with_line(line).entries if e.place == "mine.gin:2"]
    assert isinstance(entry.outcome, kinds[kind]), entry


@pytest.mark.parametrize(("theirs", "ours"), SETTINGS)
def test_a_flag_becomes_a_setting(theirs, ours, capsys):
    assert cli.main(["config", "--from_t5x=my_finetune.gin", *shlex.split(theirs)]) == 0
    assert f"{ours[0]}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("theirs", "ours"), ONLY_FLAGS)
def test_a_flag_is_answered_as_the_table_says(theirs, ours, capsys):
    flag = FLAGS[theirs.removeprefix("--")]
    assert flag.is_flag == bool(ours and ours[0].startswith("--"))
    assert not flag.is_flag or flag.here == ours[0]
    with pytest.raises(SystemExit):
        cli.main(["train", theirs])
    assert flag.here in capsys.readouterr().err


def test_what_differs_is_so():
    assert TransformerConfig.float32_attention_logits is True
    assert "`True` here" in TEXT and "`SEED` is 0" in TEXT
    assert with_line("RANDOM_SEED = None").settings.get("SEED", 0) == 0
