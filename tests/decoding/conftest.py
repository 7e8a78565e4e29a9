import pytest

from t5lite.decoding import compiled


@pytest.fixture(params=[True, False], ids=["unstacked", "stacked"])
def unstacked(request, monkeypatch):
    """Layers as on a CPU, and as on other devices."""
    monkeypatch.setattr(compiled, "_unstacks", lambda: request.param)
    for cached in (compiled.functions, compiled.prepare_fn):
        cached.cache_clear()
    yield request.param
    for cached in (compiled.functions, compiled.prepare_fn):
        cached.cache_clear()
