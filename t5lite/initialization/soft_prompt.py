"""What a soft prompt starts from: rows of the base's token embedding (Lester, arXiv:2104.08691)."""

from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.models.adapter_config import PromptTuning
from t5lite.models.config import TransformerConfig
from t5lite.models.parameters import flatten_names, unflatten_names
from t5lite.training.state import TrainState

# As in the paper, section 3.2: SentencePiece's ids are sorted by how likely their pieces are.
_COMMON = 5000
_TABLE, _PROMPT = "token_embedder/embedding", "token_embedder/soft_prompt"


def start_soft_prompt(
    state: TrainState,
    config: TransformerConfig,
    *,
    vocabulary: Vocabulary,
    seed: int,
    shardings: Any,
) -> TrainState:
    """Gives a state whose soft prompt, if its model has one, is what `PromptTuning.init` says.

    Args:
      state: with the base's parameters.
      config: its model's.
      vocabulary: the run's.
      seed: of which rows are drawn.
      shardings: a TrainState of shardings.

    Raises:
      ValueError: `PromptTuning.text` has no tokens.
    """
    adapter = next((a for a in config.adapters if isinstance(a, PromptTuning)), None)
    if adapter is None or adapter.init == "random":
        return state
    flat = flatten_names(state.params)
    rows_P = soft_prompt_rows(adapter, vocabulary, seed=seed)
    where, dtype = flatten_names(shardings.params)[_PROMPT], flat[_PROMPT].dtype
    take = jax.jit(lambda table_VE: table_VE[rows_P].astype(dtype), out_shardings=where)
    return state._replace(params=unflatten_names(flat | {_PROMPT: take(flat[_TABLE])}))


def soft_prompt_rows(
    adapter: PromptTuning, vocabulary: Vocabulary, *, seed: int
) -> npt.NDArray[np.int64]:
    """Ids `[P]` of the tokens that a soft prompt starts as.

    Raises:
      ValueError: `PromptTuning.text` has no tokens.
    """
    if adapter.init == "text":
        ids = np.asarray(vocabulary.encode(adapter.text or ""), np.int64)
        if not len(ids):
            raise ValueError(
                f"PromptTuning.text is {adapter.text!r}, which has no tokens in the run's "
                "vocabulary. Write another."
            )
        return np.resize(ids, adapter.num_tokens)
    num_ids = min(vocabulary.vocab_size, _COMMON)
    rng = np.random.default_rng(seed)
    return rng.choice(num_ids, adapter.num_tokens, replace=adapter.num_tokens > num_ids)
