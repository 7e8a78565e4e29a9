import json
import pathlib

import pytest

from t5lite.synthetic_data.prompt2model.step_folder import STATUS_FILE, StepFolder
from t5lite.synthetic_data.prompt2model.steps import Pipeline, Step


class Killed(BaseException):
    pass


class Work:
    """Three steps over texts: `letters` and `digits` write, `join` reads both where they are."""

    def __init__(self, folder: pathlib.Path, *, times: int = 2, dies_after: int | None = None):
        self.folder, self.times, self.dies_after = folder, times, dies_after
        self.ran: list[str] = []

    def letters(self) -> dict[str, int]:
        self.ran.append("letters")
        written = self.folder / "letters.txt"
        for count in range(len(self._before(written)), self.times):
            if count == self.dies_after:
                raise Killed
            with written.open("a") as file:
                file.write("abcdefgh"[count])
        return {"letters": self.times}

    def digits(self) -> dict[str, int]:
        self.ran.append("digits")
        (self.folder / "digits.txt").write_text("12")
        (self.folder / "notes").mkdir(exist_ok=True)
        return {}

    def join(self) -> dict[str, int]:
        self.ran.append("join")
        parts = [self._before(self.folder / f"{name}.txt") for name in ("letters", "digits")]
        (self.folder / "joined.txt").write_text("".join(parts))
        return {}

    def _before(self, file: pathlib.Path) -> str:
        return file.read_text() if file.exists() else ""


PIPELINE: Pipeline[Work] = Pipeline(
    [
        Step(
            name="letters",
            about="write letters",
            run=Work.letters,
            settings=lambda work: {"letters": {"times": work.times}},
            inputs=("prompt.txt",),
            outputs=("letters.txt",),
        ),
        Step(
            name="digits",
            about="write digits",
            run=Work.digits,
            outputs=("digits.txt",),
            belongings=("notes",),
        ),
        Step(
            name="join",
            about="join both",
            run=Work.join,
            optional_inputs=("letters.txt", "digits.txt"),
            outputs=("joined.txt",),
        ),
    ]
)


def run(path: pathlib.Path, skipped: tuple[str, ...] = (), **work_settings) -> list[str]:
    """Which steps ran."""
    work = Work(path, **work_settings)
    folder = StepFolder(path)
    with folder.locked():
        folder.switch_off(skipped)
        PIPELINE.run(folder, work)
    return work.ran


@pytest.fixture
def path(tmp_path) -> pathlib.Path:
    (tmp_path / "prompt.txt").write_text("a prompt")
    return tmp_path


def test_steps_run_once_and_those_anew_whose_inputs_or_settings_changed(path, caplog):
    caplog.set_level("INFO")
    assert run(path) == ["letters", "digits", "join"]
    assert run(path) == []
    assert run(path, times=3) == ["letters", "join"]
    assert "out of date: letters.times was 2, is 3" in caplog.text
    assert (path / "joined.txt").read_text() == "abc12"
    (path / "prompt.txt").write_text("another")
    assert run(path, times=3) == ["letters"], "what it writes is the same, so join reads the same"
    assert "prompt.txt has changed" in caplog.text


def test_a_step_killed_goes_on_with_what_it_had_written(path):
    for after in (1, 3):
        with pytest.raises(Killed):
            run(path, times=5, dies_after=after)
    assert (path / "letters.txt").read_text() == "abc"
    assert "begun, and stopped before its end" in PIPELINE.status(StepFolder(path))
    assert run(path, times=5) == ["letters", "digits", "join"]
    assert (path / "joined.txt").read_text() == "abcde12"
    record = StepFolder(path).record("letters")
    assert (record.starts, record.counts) == (3, {"letters": 5})


def test_a_step_killed_begins_anew_with_other_settings(path):
    with pytest.raises(Killed):
        run(path, times=5, dies_after=3)
    run(path, times=2)
    assert (path / "letters.txt").read_text() == "ab", "three letters were there"


def test_a_file_put_there_takes_the_place_of_a_step(path, caplog):
    caplog.set_level("INFO")
    (path / "letters.txt").write_text("mine")
    assert run(path) == ["digits", "join"]
    assert (path / "joined.txt").read_text() == "mine12"
    (path / "digits.txt").write_text("99")
    assert run(path) == ["join"]
    assert "digits: put there by hand" in caplog.text
    assert (path / "joined.txt").read_text() == "mine99"


def test_a_step_switched_off_is_not_run_and_what_it_wrote_is_not_read(path):
    run(path)
    work = run(path, skipped=("digits",))
    assert work == ["join"]
    folder = StepFolder(path)
    assert folder.is_switched_off("digits") and not folder.is_switched_off("letters")
    assert "switched off" in PIPELINE.status(folder)
    with pytest.raises(ValueError, match=r"--skip 'digit' is no step.*digits"):
        PIPELINE.step("digit", flag="--skip")


def test_the_status_says_what_each_step_read_and_wrote_and_what_is_out_of_date(path):
    run(path)
    folder = StepFolder(path)
    status = PIPELINE.status(folder)
    assert f"prompt.txt {folder.hash('prompt.txt')[:8]}" in status
    assert f"letters.txt {folder.hash('letters.txt')[:8]}" in status
    assert "letters 2" in status and folder.record("join").finished in status
    (path / "prompt.txt").write_text("another")
    lines = PIPELINE.status(StepFolder(path)).split("\n")[2:]
    assert "out of date: prompt.txt has changed" in lines[0]
    assert "out of date: letters.txt will be made anew" in lines[2]


def test_one_step_alone_says_what_it_lacks(path):
    (path / "prompt.txt").unlink()
    folder = StepFolder(path)
    with folder.locked(), pytest.raises(ValueError, match=r"letters reads .*prompt.txt, which is"):
        PIPELINE.run_one(folder, Work(path), step=PIPELINE.step("letters"))
    with pytest.raises(
        ValueError, match=r"STEP 'jion' is no step; the steps are letters, .*'join'"
    ):
        PIPELINE.step("jion")


def test_only_some_of_a_steps_files_take_no_place(path):
    step = Step(name="both", about="", run=lambda work: {}, outputs=("a.txt", "b.txt"))
    (path / "b.txt").write_text("")
    folder = StepFolder(path)
    with folder.locked(), pytest.raises(ValueError, match=r"holds b.txt, and not a.txt, which"):
        Pipeline([step]).run(folder, None)


def test_two_processes_do_not_run_steps_in_one_folder(path):
    folder = StepFolder(path)
    with (
        folder.locked(),
        pytest.raises(ValueError, match=r"another process runs steps in .*--output"),
        StepFolder(path).locked(),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 2}', "of another version"),
        ('{"steps": {"join": {"starts": "once"}}}', "join.*starts"),
        ('{"steps": [1]}', "steps"),
        ("{", STATUS_FILE),
    ],
)
def test_a_damaged_status_is_named(path, text, message):
    (path / STATUS_FILE).write_text(text)
    with pytest.raises(ValueError, match=message):
        StepFolder(path)


def test_the_status_file_is_json_of_the_steps(path):
    run(path)
    status = json.loads((path / STATUS_FILE).read_text())
    assert list(status["steps"]) == ["letters", "digits", "join"]
    assert status["steps"]["letters"]["settings"] == {"letters": {"times": 2}}
