"""`t5lite self_instruct` as users type it, with an endpoint on this machine."""

import pytest

from t5lite import cli
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct import page
from tests.synthetic_data.lines import lines_of, write_lines
from tests.synthetic_data.scripted import local_endpoint


@pytest.fixture
def seeds(tmp_path):
    record = {"instruction": "海についての詩を書いてください", "output": "青い海"}
    return str(write_lines(tmp_path / "seeds.jsonl", [record]))


def _answer(body):
    text = body["messages"][-1]["content"]
    if "further tasks" in text:
        return (
            "2. 山についての詩を書いてください\n3. 好きな料理の作り方を説明する。\n4. 猫とは何か？"
        )
    return "no" if "Classification:" in text else "Input: (none)\nOutput: はい"


def test_another_language_at_an_endpoint(tmp_path, seeds, monkeypatch, capsys):
    monkeypatch.setattr(page, "_draw", lambda statistics: b"")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-the-key")
    folder = tmp_path / "run"
    with local_endpoint(_answer) as endpoint:
        words = ["self_instruct", f"--seeds={seeds}", f"--output={folder}", "--teacher_model=made"]
        words += [f"--teacher={endpoint.url}", "--num_instructions=2", "--requests_per_round=1"]
        assert cli.main(words) == 2
        assert "has no word of the alphabet 'ascii'" in capsys.readouterr().err
        words.append("--gin_file=recipes/self_instruct/other_language.gin")
        assert cli.main([*words, "--dry_run"]) == 0
        assert "instructions, if half are kept" in capsys.readouterr().out
        assert endpoint.bodies == [] and not folder.exists()
        assert cli.main(words) == 0
    examples = lines_of(folder / files.EXAMPLES)
    # The first is but one sign away from the seed.
    assert [(one["instruction"], one["output"]) for one in examples] == [
        ("好きな料理の作り方を説明する。", "はい"),
        ("猫とは何か？", "はい"),
    ]
    assert "instructions             3\n" in capsys.readouterr().out
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"sk-the-key" in content for content in written)
    assert endpoint.keys == ["Bearer sk-the-key"] * 5


@pytest.mark.parametrize(
    ("flag", "problem"),
    [
        ("--seeds=nowhere.jsonl", "--seeds=nowhere.jsonl: there is no such file. Give one"),
        ("--alphabet=unicod", "wanted one of 'ascii', 'unicode', found 'unicod'"),
        ("--prompt_form=chat", "wanted one of 'conversation', 'continuation', found 'chat'"),
        ("--num_instructions=0", "num_instructions"),
        ("--output=/dev/null", "--output /dev/null"),
    ],
)
def test_mistakes_are_one_line(tmp_path, seeds, flag, problem, capsys):
    words = [f"--seeds={seeds}", f"--output={tmp_path / 'run'}", "--teacher=http://127.0.0.1:9/v1"]
    words = [word for word in words if word.split("=")[0] != flag.split("=")[0]]
    more = [] if "alphabet" in flag else ["--alphabet=unicode"]
    try:
        status = cli.main(["self_instruct", *words, "--teacher_model=made", *more, flag])
    except SystemExit as error:  # argparse's, of a flag
        status = int(str(error.code))
    assert status == 2
    found = capsys.readouterr().err
    assert problem in found and "Traceback" not in found
