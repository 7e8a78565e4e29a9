"""T5X's own checkpoints through t5lite to transformers, which gives the logits that T5X gave."""

import numpy as np
import pytest

from t5lite.convert.convert import convert
from t5lite.convert.names import stack
from t5lite.convert.t5x import open_checkpoint
from tests.conftest import shared_path
from tests.convert import t5x_trees as trees
from tests.convert.test_t5x import TINY, assert_same_params, golden_tree

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.peers


def their_logits(folder, inputs, decoder_tokens):
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    # Version 5 sets it for every umT5, whose logits it scales by it; version 4 and T5X do not.
    model.config.tie_word_embeddings = False
    inputs = torch.tensor(inputs, dtype=torch.long)
    with torch.no_grad():
        output = model(
            input_ids=inputs,
            attention_mask=(inputs > 0).long(),
            decoder_input_ids=torch.tensor(decoder_tokens, dtype=torch.long),
        )
    return type(model).__name__, output.logits.numpy()


def to_hf(source, folder):
    convert(str(source), str(folder), to="hf", verified=False, progress=False)
    return folder


def test_tiny_t5x_checkpoint(tmp_path):
    golden = np.load(shared_path("weights", "golden", "t5x_tiny.npz"))
    folder = to_hf(shared_path(*TINY), tmp_path / "hf")
    _, result = their_logits(folder, golden["enc"], golden["dec"])
    np.testing.assert_allclose(result, golden["logits"], atol=1e-4)
    # And back.
    convert(str(folder), str(tmp_path / "t5x"), to="t5x", verified=False, progress=False)
    source, again = open_checkpoint(shared_path(*TINY)), open_checkpoint(tmp_path / "t5x")
    assert again.config == source.config
    assert_same_params(stack(again.arrays), stack(source.arrays))


def test_scanned_t5x_checkpoint(tmp_path):
    golden = golden_tree("t5x_scanned")
    source = trees.write_folder(tmp_path / "checkpoint_2", golden["target"])
    folder = to_hf(source, tmp_path / "hf")
    batch = golden["batch"]
    model_class, result = their_logits(folder, batch["enc"], batch["dec"])
    assert model_class == "UMT5ForConditionalGeneration"
    np.testing.assert_allclose(result, golden["logits"][""], atol=1e-4)
    convert(str(folder), str(tmp_path / "t5x"), to="t5x", verified=False, progress=False)
    assert_same_params(
        stack(open_checkpoint(tmp_path / "t5x").arrays), stack(open_checkpoint(source).arrays)
    )
