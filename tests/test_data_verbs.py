"""`t5lite data status` and `t5lite data fetch`."""

import json

import pytest

from t5lite import cli, data_verbs
from t5lite.data.downloads import download, downloads
from t5lite.data.tasks import seqio_adapter
from tests.conftest import shared_path


def run(*words):
    return cli.main(["data", *words])


@pytest.fixture
def anywhere(monkeypatch):
    """Registers the collection without a data root, so that each test may have its own."""
    monkeypatch.delenv("T5LITE_DATA_DIR", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", "/nowhere")
    monkeypatch.setenv("HF_DATASETS_CACHE", "/nowhere")
    seqio_adapter.import_tasks(["tasks.flan"])


@pytest.fixture
def root(tmp_path, anywhere, monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    (tmp_path / "cot").mkdir()
    (tmp_path / "cot" / "gsm8k_train.tsv").write_text("q\ta\tr\n" * 3)
    (tmp_path / "cot" / "qed_train.tsv").write_text("")
    return tmp_path


def test_status_counts_and_names_what_is_broken(root, capsys):
    assert run("status", "--tasks=tasks.flan") == 0
    out = capsys.readouterr().out
    assert "cot             9        1        7       1" in out
    assert "total       1,838        1    1,836       1" in out
    assert f"broken   cot cot_qed: {root / 'cot' / 'qed_train.tsv'}; is empty" in out
    assert "cot_gsm8k" not in out


def test_status_of_each_task(root, capsys):
    assert run("status", "--tasks=tasks.flan", "--verbose") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("present ", "missing ", "broken ")) for line in lines) == 1_838
    (line,) = [line for line in lines if " cot_esnli:" in line]
    assert line == f"missing  cot cot_esnli: {root}; esnli_train.tsv or esnli.tsv in cot/"


def test_status_as_json_reads_where_told(root, capsys):
    (root / "cot" / "gsm8k_train.tsv").write_text("no tabs\n")
    assert run("status", "--tasks=tasks.flan", "--json", "--verify") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tally"]["cot"] == {"present": 0, "missing": 7, "broken": 2}
    (entry,) = [task for task in record["tasks"] if task["task"] == "cot_gsm8k"]
    assert entry["state"] == "broken"
    assert "line 1" in entry["why"]


def test_status_against_the_shared_data(anywhere, monkeypatch, capsys):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(shared_path("data")))
    assert run("status", "--tasks=tasks.flan") == 0
    out = capsys.readouterr().out
    assert "niv2        1,556    1,556        0       0" in out
    assert "total       1,838    1,681      157       0" in out


def test_fetch_lists_what_there_is(capsys):
    assert run("fetch") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(downloads.DOWNLOADS)


def test_fetch_of_an_unknown_name(capsys):
    assert run("fetch", "niv3") == 2
    assert "no download is called 'niv3'. Did you mean 'niv2'?" in capsys.readouterr().err


def test_fetch_makes_the_data_root_and_tells_how_it_checked(tmp_path, monkeypatch, capsys):
    asked = []

    def fetch(item, root):
        asked.append((item.name, root))
        return [f"{item.name}: fetched"]

    monkeypatch.setattr(download, "fetch", fetch)
    root = tmp_path / "new" / "root"
    assert run("fetch", "bbh", "gsm8k", f"--data_dir={root}") == 0
    assert asked == [("bbh", root), ("gsm8k", root)]
    assert root.is_dir()
    assert capsys.readouterr().out == "bbh: fetched\ngsm8k: fetched\n"


def test_fetch_writes_to_no_bucket(monkeypatch):
    address = "gs://bucket/data"
    monkeypatch.setenv("T5LITE_DATA_DIR", address)
    for data_dir in (None, address):
        with pytest.raises(ValueError, match=rf"T5LITE_DATA_DIR\) {address}: .*on this machine"):
            data_verbs.fetch(["bbh"], data_dir=data_dir)


def test_fetch_without_a_data_root(monkeypatch):
    monkeypatch.delenv("T5LITE_DATA_DIR", raising=False)
    with pytest.raises(ValueError, match="no data folder is set"):
        data_verbs.fetch(["bbh"])
