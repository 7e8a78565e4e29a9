"""Token stores built on Apache Beam, by its runner for one machine."""

import sys

import pytest

from t5lite.configuration import flags
from t5lite.data.stores import build
from tests.data.stores.test_build import MODULES, SUMS, contents

pytest.importorskip("seqio")
RUNNER = ["--runner=DirectRunner"]


def cache(name, folder, **options):
    return build.cache(
        name,
        split="train",
        task_modules=MODULES,
        cache_dir=folder,
        num_workers=1,
        progress=False,
        **options,
    )


def test_stores_are_those_of_a_build_without_beam(tmp_path):
    pytest.importorskip("apache_beam")
    plain = cache("sample_sums", tmp_path / "plain")
    assert cache("sample_sums", tmp_path / "beam", beam_options=RUNNER) == plain
    assert contents(tmp_path / "beam") == contents(tmp_path / "plain")
    assert plain.num_built == len(SUMS)
    again = cache("sample_sums", tmp_path / "beam", beam_options=RUNNER)
    assert again.num_built == 0


def test_an_error_on_a_worker_names_its_task(tmp_path):
    pytest.importorskip("apache_beam")
    with pytest.raises(Exception, match=r"'sample_empty'.*gave no example in split 'train'"):
        cache("sample_empty", tmp_path, beam_options=RUNNER)
    assert not list(tmp_path.rglob("meta.json"))


def test_without_beam_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ValueError, match=r"'apache_beam' is not installed.*t5lite\[beam\]"):
        cache(SUMS[0], tmp_path, beam_options=RUNNER)


def test_the_flag_takes_beams_options():
    given = ["cache", "mini", "--beam=--runner=FlinkRunner --parallelism=8"]
    assert flags.make_parser().parse_args(given).beam == ["--runner=FlinkRunner", "--parallelism=8"]
    assert flags.make_parser().parse_args(given[:2]).beam is None
