"""What pretraining took, beside the tokens that were read."""

import pytest

from t5lite.configuration import config
from t5lite.models.parameters import count_params
from t5lite.planning.pretraining import pretraining


@pytest.mark.parametrize(
    ("name", "tokens"),
    # 780 billion tokens of PaLM, and Pythia's 143,000 steps of 1,024 rows of 2,048.
    [("palm/540b", 780e9), ("palm/8b", 780e9), ("pythia/12b", 143_000 * 1024 * 2048)],
)
def test_six_operations_a_parameter_and_token(name, tokens):
    parsed = config.parse([f"models/{name}.gin"])
    model = parsed.parameter("train", "model")
    assert pretraining(model).flops == pytest.approx(6 * count_params(model) * tokens, rel=0.1)


def test_flans_share_of_pretraining():
    """Its tuning of the XXL took 7.6e19 operations, 0.2% (arXiv:2210.11416, table 2)."""
    model = config.parse(["models/t5_1_1/xxl.gin"]).parameter("train", "model")
    assert round(100 * 7.6e19 / pretraining(model).flops, 1) == 0.2


def test_of_other_models_it_is_not_known():
    assert pretraining(config.parse(["models/mini/small.gin"]).parameter("train", "model")) is None
