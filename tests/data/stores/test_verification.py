"""Damaged stores are found while training begins, and nothing is saved before."""

import threading

import pytest

from t5lite.data.stores.verification import StoreVerification
from t5lite.files.hashes import VERIFY_VARIABLE
from tests.data import test_pipeline
from tests.data.fakes import MemoryStore


class Damaged:
    def __init__(self):
        self.may_go_on = threading.Event()

    def check_tokens(self):
        self.may_go_on.wait()
        raise ValueError("store x is damaged")


def test_damage_is_an_error_as_soon_as_it_is_known_and_before_anything_is_saved():
    damaged = Damaged()
    verification = StoreVerification([damaged])
    verification.check()
    damaged.may_go_on.set()
    with pytest.raises(ValueError, match="store x is damaged"):
        verification.finish()
    with pytest.raises(ValueError, match="store x is damaged"):
        verification.check()


def test_nothing_is_read_where_it_is_turned_off(monkeypatch):
    monkeypatch.setenv(VERIFY_VARIABLE, "off")
    StoreVerification([Damaged()]).finish()


@pytest.mark.parametrize("fails", [False, True])
def test_training_data_stop_at_a_damaged_store(fails, monkeypatch):
    def check_tokens(store):
        raise ValueError("store x is damaged")

    monkeypatch.setattr(MemoryStore, "check_tokens", check_tokens)
    data = test_pipeline.make_data()
    if fails:  # Making a batch fails of what is damaged before it was compared.
        data._batches = iter(map(int, ["x"]))
    with data, pytest.raises(ValueError, match="store x is damaged"):
        for _ in data:
            data.verified()
