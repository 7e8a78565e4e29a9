"""A run whose texts are longer than its checkpoint's table of positions, which is interpolated."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from t5lite.convert import export_hf
from t5lite.initialization.longer_positions import interpolated
from t5lite.initialization.restore import RestoreConfig, open_initial
from t5lite.models.parameters import flatten_names
from t5lite.models.position_config import Learned
from t5lite.training.state import TrainState
from tests.models.tiny import family, sharp_params

TABLE = "decoder/position_embedder/embedding"
OPT = family("opt", d_model=24, d_kv=8, num_decoder_layers=1, norm_epsilon=1e-5)
LONGER = dataclasses.replace(OPT, positions=Learned(max_positions=97, offset=2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("opt") / "hf"
    export_hf(OPT, sharp_params(OPT), path)
    return str(path)


def test_a_longer_table_is_made_of_the_checkpoints(folder):
    initial = open_initial(RestoreConfig(path=folder, interpolate_positions=True))
    initial.check_model(LONGER)
    fresh = sharp_params(LONGER, seed=1)
    state = TrainState(step=jnp.int32(0), params=fresh, opt_state=())
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    restored = initial.restore_into(state, jax.tree.map(lambda _: device, state))
    found, before = flatten_names(restored.params), flatten_names(sharp_params(OPT))
    table, old = found.pop(TABLE), before.pop(TABLE)
    np.testing.assert_array_equal(table[:2], old[:2])
    places = np.linspace(0, 39, 97)
    expected = [np.interp(places, np.arange(40), column) for column in old[2:].T]
    np.testing.assert_allclose(table[2:], np.transpose(expected), atol=1e-6)
    for name, value in before.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_it_is_asked_for_and_never_silent(folder):
    with pytest.raises(
        ValueError, match=r"max_positions: 40 .*, 97 in(.|\n)*interpolate_positions"
    ):
        open_initial(RestoreConfig(path=folder)).check_model(LONGER)
    asking = open_initial(RestoreConfig(path=folder, interpolate_positions=True))
    with pytest.raises(ValueError, match=r"max_positions is 40 in this run, 40 in the checkpoint"):
        asking.check_model(OPT)
    with pytest.raises(ValueError, match="for tables of learned positions"):
        asking.check_model(family("t5_lm"))
    with pytest.raises(ValueError, match=r"positions\.offset: 2 in the checkpoint, 0 in this run"):
        asking.check_model(dataclasses.replace(OPT, positions=Learned(max_positions=97)))
    with pytest.raises(ValueError, match="interpolate_positions, or restore the parameters only"):
        RestoreConfig(path=folder, interpolate_positions=True, restore_optimizer=True)


@pytest.mark.peers
@pytest.mark.parametrize(("before", "after", "offset"), [(40, 97, 2), (3, 4, 0), (1, 5, 2)])
def test_it_is_torchs(before, after, offset):
    torch = pytest.importorskip("torch")
    table = np.random.default_rng(0).normal(size=(offset + before, 5)).astype(np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.tensor(table[offset:].T[None]), size=after, mode="linear", align_corners=True
    )
    ours = interpolated(table, num_rows=offset + after, offset=offset)
    np.testing.assert_array_equal(ours[:offset], table[:offset])
    np.testing.assert_allclose(ours[offset:], theirs[0].T.numpy(), atol=1e-5)
