"""The two assemblies, `EncoderDecoder` and `DecoderOnly`, over one set of layers.

Shapes: B batch, T target length, S source length, P prompt length, N new tokens of a row, D
d_model, E width of the token embedding, G heads of keys and values, K d_kv, V vocabulary.

A cache is a dict of arrays, batch on axis `CACHE_BATCH_AXIS` in each:
  self_key, self_value    [layers, B, G, slots, K], or unstacked (see `layer_loop`)
  prefix_key, prefix_value  [layers, R, G, P, K], likewise; where rows share a prefix, each of R for
                          B / R neighbours: its P slots count before those of `self_key`
  prompt_key, prompt_value  [N, 1, G, P, K], likewise, of the N layers that look at an adapter's
                          prompt beside the text, the same for all rows
  cross_key, cross_value  [layers, B, G, S, K], likewise; encoder-decoder only
  cross_mask              [1, B, S]              encoder-decoder only
  key_position            [1, B, slots]          position held by each slot, -1 for none
  next_position           [1, B]                 position of the next token
  next_slot               [1, B]                 where it is written, the same for all rows
All rows write the same slot, so prompts of unequal length need no scatter: a short prompt leaves
unused slots behind it, and positions, not slots, decide the bias or rotation.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from t5lite.models.adapters import attach
from t5lite.models.config import TransformerConfig
from t5lite.models.layer_loop import empty_slots
from t5lite.models.layers import Embedding, constrain, split_key
from t5lite.models.masks import Mask
from t5lite.models.positions import BiasByDistance
from t5lite.models.stacks import Stack

Batch = Mapping[str, Any]
Cache = dict[str, Any]

CACHE_BATCH_AXIS = 1


class _LanguageModel(nnx.Module):
    """What both assemblies share: embedding, decoder, output projection, cached steps."""

    def __init__(self, config: TransformerConfig):
        self.token_embedder = Embedding(config)
        self.decoder = Stack(config, "decoder")
        self.config = config

    def output_kernel(self) -> jax.Array:
        """The float32 matrix [E, V] that `output_states` are multiplied with to give logits."""
        if self.config.tied_embeddings:
            return self.token_embedder.embedding[...].astype(jnp.float32).T
        return self.decoder.logits_dense.kernel[...].astype(jnp.float32)

    def _scaled(self, x_BTE: jax.Array) -> jax.Array:
        x_BTE = x_BTE.astype(jnp.float32)
        return x_BTE * self.config.d_model**-0.5 if self.config.scale_logits else x_BTE

    def _project(self, x_BTE: jax.Array) -> jax.Array:
        """Float32 logits [B, T, V]."""
        x_BTE = self._scaled(x_BTE)
        if self.config.tied_embeddings:
            logits_BTV = self.token_embedder.attend(x_BTE)
        else:
            logits_BTV = self.decoder.logits_dense(x_BTE)
        return constrain(logits_BTV, ("batch", "length", "activation_vocab"))

    def logits(self, batch: Batch, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """Float32 logits [B, T, V] of every target position; see `hidden_states`."""
        return self._project(self.hidden_states(batch, dropout_key=dropout_key))

    def output_states(self, batch: Batch, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """What logits are made of, float32 [B, T, E]: they are its product with `output_kernel`."""
        return self._scaled(self.hidden_states(batch, dropout_key=dropout_key))

    def hidden_states(self, batch: Batch, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """The decoder's output [B, T, E] at every target position; see the assemblies."""
        raise NotImplementedError

    def _empty_cache(self, batch_size: int, num_slots: int) -> Cache:
        config = self.config
        shape = (batch_size, config.kv_heads, num_slots, config.d_kv)
        keys, values = (
            empty_slots(self.decoder.layers, config.num_decoder_layers, shape, dtype=config.dtype)
            for _ in range(2)
        )
        prompts = {}
        if self.decoder.prompts is not None:
            prompts = _named("prompt", self.decoder.prompt_keys_values())
        return {
            **prompts,
            "self_key": keys,
            "self_value": values,
            "key_position": jnp.full((1, batch_size, num_slots), -1, jnp.int32),
            "next_position": jnp.zeros((1, batch_size), jnp.int32),
            "next_slot": jnp.zeros((1, batch_size), jnp.int32),
        }

    def _positions(self, batch: Batch, stack: str) -> jax.Array:
        """Where in its text each token of `{stack}_input_tokens` stands, [1 or B, L]."""
        if (position_BL := batch.get(f"{stack}_positions")) is not None:
            return position_BL
        # Distances within a packed example are the same as alone; places are not.
        if self.config.max_answered_positions is not None and f"{stack}_segment_ids" in batch:
            raise ValueError(
                f"a batch with {stack}_segment_ids needs {stack}_positions too: this model's "
                "positions are learned, or scaled by the length of texts"
            )
        return jnp.arange(batch[f"{stack}_input_tokens"].shape[1])[None]

    def _in_window(
        self, seen_BQS: jax.Array, position_BQ: jax.Array, key_position_BS: jax.Array
    ) -> jax.Array:
        """Leaves of the slots seen those that are not too far behind for `attention_window`."""
        window = self.config.attention_window
        if window is None:
            return seen_BQS
        return seen_BQS & (position_BQ[:, :, None] - key_position_BS[:, None] < window)

    def step(self, tokens_B: jax.Array, cache: Cache) -> tuple[jax.Array, Cache]:
        """Reads one more token a row.

        Args:
          tokens_B: The tokens chosen from the previous logits.
          cache: What `prefill` or the previous `step` gave.

        Returns:
          Float32 logits [B, V] of the token after it, and the cache for the next step. A cache
          holds `max_decode_length - 1` steps; its last slot is overwritten by any more.
        """
        position_B1 = cache["next_position"][0][:, None]
        behind_BS = cache["key_position"][0] >= 0
        slot = jnp.arange(behind_BS.shape[1])
        seen_B1S = (behind_BS | (slot == cache["next_slot"][0, 0]))[:, None, :]
        logits_B1V, cache = self.extend(
            tokens_B[:, None], cache, position_BN=position_B1, seen_BNS=seen_B1S
        )
        return logits_B1V[:, 0], {**cache, "next_position": cache["next_position"] + 1}

    def extend(
        self, tokens_BN: jax.Array, cache: Cache, *, position_BN: jax.Array, seen_BNS: jax.Array
    ) -> tuple[jax.Array, Cache]:
        """Reads more tokens a row at once, which need not follow one another.

        They may be branches that share what is behind them: the beams of a search, several draws,
        the answers to choose from. What each sees makes it a branch, so branches share one cache,
        of which nothing is repeated, and nothing moves when one branch takes another's place.

        Args:
          tokens_BN: The tokens; they take the next N slots.
          cache: What `prefill`, `step` or `extend` gave. Its `next_position` is left as it is.
          position_BN: Where in its text each token stands; [B, 1] where that is the same for all.
          seen_BNS: Boolean, which slots each token sees: its own, and those behind it.

        Returns:
          Float32 logits [B, N, V] of the tokens after these, and the cache with these in it.
        """
        slot = cache["next_slot"][0, 0]
        written_BN = jnp.broadcast_to(position_BN, tokens_BN.shape)
        key_position_BS = jax.lax.dynamic_update_slice(
            cache["key_position"][0], written_BN, (0, slot)
        )
        seen_BNS = self._in_window(seen_BNS, position_BN, key_position_BS)
        x_BNE, past = self.decoder(
            self.token_embedder(tokens_BN),
            past=(cache["self_key"], cache["self_value"]),
            prefix=_pair(cache, "prefix"),
            prompts=_pair(cache, "prompt"),
            position_BL=position_BN,
            length_BL=_text_lengths(cache),
            slot=slot - _num_before(cache),
            mask=seen_BNS[:, None],
            bias_fn=lambda bias: bias.at_positions(position_BN, key_position_BS),
            **_cross_arguments(cache),
        )
        cache = {
            **cache,
            **_named("self", past),
            "key_position": key_position_BS[None],
            "next_slot": cache["next_slot"] + tokens_BN.shape[1],
        }
        return self._project(x_BNE), cache


class EncoderDecoder(_LanguageModel):
    """An encoder that reads inputs and a causal decoder that looks at it: T5."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config)
        self.encoder = Stack(config, "encoder")

    def hidden_states(self, batch: Batch, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """The decoder's output [B, T, E] at every target position.

        Args:
          batch: `encoder_input_tokens` [B, S] and `decoder_input_tokens` [B, T]; when packed also
            `encoder_segment_ids`, `encoder_positions`, `decoder_segment_ids` and
            `decoder_positions`.
          dropout_key: Key for dropout; None for none.

        Raises:
          ValueError: one of the two segment ids is there without the other, or without positions
            that the model needs.
        """
        keys = split_key(dropout_key, 2)
        tokens_BT, sources_BS = batch["decoder_input_tokens"], batch["encoder_input_tokens"]
        length, source_length = tokens_BT.shape[1], sources_BS.shape[1]
        if _is_packed(batch):
            segments_BT = batch["decoder_segment_ids"]
            mask = Mask.of_text(length, is_causal=True, segments_BL=segments_BT)
            cross_mask = Mask(
                query_length=length,
                key_length=source_length,
                segments=(segments_BT, batch["encoder_segment_ids"]),
            )
        else:
            mask = Mask.of_text(length, is_causal=True)
            cross_mask = Mask(query_length=length, key_length=source_length, keys_BS=sources_BS > 0)
        x_BTE, _ = self.decoder(
            self.token_embedder(tokens_BT),
            position_BL=self._positions(batch, "decoder"),
            mask=mask,
            encoded_BSD=self.encode(batch, dropout_key=keys[0]),
            cross_mask=cross_mask,
            dropout_key=keys[1],
        )
        return x_BTE

    def encode(self, batch: Batch, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """The encoder's output [B, S, D] for `logits`' batch, targets not needed."""
        tokens_BS = batch["encoder_input_tokens"]
        segments_BS = batch.get("encoder_segment_ids")
        mask = Mask.of_text(
            tokens_BS.shape[1],
            is_causal=False,
            segments_BL=segments_BS,
            keys_BL=tokens_BS > 0 if segments_BS is None else None,
        )
        x_BSD, _ = self.encoder(
            self.token_embedder(tokens_BS),
            position_BL=self._positions(batch, "encoder"),
            mask=mask,
            dropout_key=dropout_key,
        )
        return x_BSD

    def prefill(self, batch: Batch, *, max_decode_length: int) -> tuple[jax.Array, Cache]:
        """Encodes the inputs and gives the first generated token's logits.

        Args:
          batch: `encoder_input_tokens` [B, S], not packed.
          max_decode_length: Longest output in tokens, the first included.

        Returns:
          Float32 logits [B, V] after the start token (id 0), and the cache.

        Raises:
          ValueError: the batch is packed.
        """
        _refuse_packed(batch)
        tokens_BS = batch["encoder_input_tokens"]
        cache = {
            **self._empty_cache(tokens_BS.shape[0], max_decode_length),
            **_named("cross", self.decoder.cross_keys_values(self.encode(batch))),
            "cross_mask": (tokens_BS > 0)[None],
        }
        return self.step(jnp.zeros_like(tokens_BS[:, 0]), cache)


class DecoderOnly(_LanguageModel):
    """The decoder stack alone: a causal language model, or a prefix one."""

    def hidden_states(self, batch: Batch, *, dropout_key: jax.Array | None = None) -> jax.Array:
        """The decoder's output [B, T, E] at every position.

        Args:
          batch: `decoder_input_tokens` [B, T]; when packed, or padded on the left, also
            `decoder_segment_ids` and `decoder_positions`; for a prefix language model
            `decoder_causal_attention`, 1 where positions of the same example see one another
            both ways.
          dropout_key: Key for dropout; None for none.

        Raises:
          ValueError: segment ids are there without positions that the model needs.
        """
        tokens_BT = batch["decoder_input_tokens"]
        mask = Mask.of_text(
            tokens_BT.shape[1],
            is_causal=True,
            window=self.config.attention_window,
            segments_BL=batch.get("decoder_segment_ids"),
            prefix_BL=batch.get("decoder_causal_attention"),
        )
        x_BTE, _ = self.decoder(
            self.token_embedder(tokens_BT),
            position_BL=self._positions(batch, "decoder"),
            mask=mask,
            dropout_key=dropout_key,
        )
        return x_BTE

    def prefill(self, batch: Batch, *, max_decode_length: int) -> tuple[jax.Array, Cache]:
        """Reads the prompts and gives the first generated token's logits.

        Args:
          batch: `decoder_input_tokens` [B, P], left-aligned, and `prompt_lengths` [B], at least 1;
            what stands behind a prompt is not looked at. `decoder_causal_attention` [B, P] as in
            `logits`. `text_lengths` [B], where it is known how long a prompt and its answer are:
            under a `LengthScaling` they may then be longer than the original length. `prefix`,
            where all prompts go on from one text that was read before: the cache that its own
            `prefill` with `max_decode_length` 1 gave, of rows that are all alike, as many as divide
            B.
          max_decode_length: Longest output in tokens, prompt not counted.

        Returns:
          Float32 logits [B, V] after each row's last prompt token, and the cache.

        Raises:
          ValueError: the batch is packed.
        """
        _refuse_packed(batch)
        tokens_BP = batch["decoder_input_tokens"]
        batch_size, prompt_length = tokens_BP.shape
        place_P = jnp.arange(prompt_length)
        last_B = batch["prompt_lengths"] - 1
        cache = self._empty_cache(batch_size, prompt_length + max_decode_length - 1)
        if "text_lengths" in batch:
            cache["text_length"] = batch["text_lengths"][None]
        num_before, position_BP, bias_fn = 0, place_P[None], None
        if (both_ways_BP := batch.get("decoder_causal_attention")) is not None:
            both_ways_BP = jnp.pad(both_ways_BP, ((0, 0), (0, max_decode_length - 1)))
        if (prefix := batch.get("prefix")) is not None:
            num_before = prefix["key_position"].shape[-1]
            cache = _going_on_from(prefix, cache)
            # What stands behind a prompt has the place of its last token, which is in any table.
            position_BP = cache["next_position"][0][:, None] + jnp.minimum(place_P, last_B[:, None])
        num_slots = cache["key_position"].shape[-1]
        held_BP = jnp.where(place_P <= last_B[:, None], position_BP, -1)
        key_position_BS = jax.lax.dynamic_update_slice(
            cache["key_position"][0], held_BP, (0, num_before)
        )
        own_mask = dataclasses.replace(
            Mask.of_text(
                prompt_length,
                is_causal=True,
                window=self.config.attention_window,
                prefix_BL=both_ways_BP,
            ),
            key_length=num_slots - num_before,
        )
        mask: Mask | jax.Array = own_mask
        if prefix is not None:
            before_BS = key_position_BS[:, :num_before]
            before_BPS = jnp.repeat((before_BS >= 0)[:, None], prompt_length, axis=1)
            before_BPS = self._in_window(before_BPS, position_BP, before_BS)
            own_BPS = own_mask.dense()[:, 0]
            own_BPS = jnp.repeat(own_BPS, batch_size // own_BPS.shape[0], axis=0)
            mask = jnp.concatenate([before_BPS, own_BPS], axis=-1)[:, None]

            def bias_fn(of_distance: BiasByDistance) -> jax.Array:
                return of_distance.at_positions(position_BP, key_position_BS)

        x_BPE, past = self.decoder(
            self.token_embedder(tokens_BP),
            past=(cache["self_key"], cache["self_value"]),
            prefix=_pair(cache, "prefix"),
            prompts=_pair(cache, "prompt"),
            position_BL=position_BP,
            length_BL=_text_lengths(cache),
            slot=jnp.int32(0),
            mask=mask,
            bias_fn=bias_fn,
        )
        cache |= _named("self", past) | {
            "key_position": key_position_BS[None],
            "next_position": cache["next_position"] + last_B[None] + 1,
            "next_slot": cache["next_slot"] + prompt_length,
        }
        last_B1E = jnp.take_along_axis(x_BPE, last_B[:, None, None], axis=1)
        return self._project(last_B1E)[:, 0], cache


Model = EncoderDecoder | DecoderOnly


def build(config: TransformerConfig) -> Model:
    """The module of a config, its parameters still abstract; `parameters.bind` gives values."""
    is_alone = config.architecture == "decoder_only"
    model = DecoderOnly(config) if is_alone else EncoderDecoder(config)
    stacks = [model.decoder, *([model.encoder] if isinstance(model, EncoderDecoder) else [])]
    attach(model, config, embedder=model.token_embedder, stacks=stacks)
    return model


def _going_on_from(prefix: Cache, empty: Cache) -> Cache:
    """An empty cache behind one that its rows share."""
    num_rows, num_slots = prefix["key_position"].shape[1:]
    each = empty["key_position"].shape[CACHE_BATCH_AXIS] // num_rows
    position, next_position = (
        jnp.repeat(prefix[name], each, axis=CACHE_BATCH_AXIS)
        for name in ("key_position", "next_position")
    )
    return {
        **empty,
        "prefix_key": prefix["self_key"],
        "prefix_value": prefix["self_value"],
        "key_position": jnp.concatenate([position, empty["key_position"]], axis=-1),
        "next_position": next_position,
        "next_slot": jnp.full_like(empty["next_slot"], num_slots),
    }


def _pair(cache: Cache, name: str) -> tuple[Any, Any] | None:
    """Keys and values of one kind that a cache holds; None where it holds none."""
    return (cache[f"{name}_key"], cache[f"{name}_value"]) if f"{name}_key" in cache else None


def _text_lengths(cache: Cache) -> jax.Array | None:
    """Length [B, 1] of the texts that a cache is of; None where they may yet grow."""
    return cache["text_length"][0][:, None] if "text_length" in cache else None


def _num_before(cache: Cache) -> int:
    """Slots of a cache's prefix."""
    return cache["prefix_key"].shape[-2] if "prefix_key" in cache else 0


def _named(name: str, keys_values: Any) -> Cache:
    return dict(zip((f"{name}_key", f"{name}_value"), keys_values, strict=True))


def _cross_arguments(cache: Cache) -> dict:
    if (cross := _pair(cache, "cross")) is None:
        return {}
    return {
        "cross": cross,
        "cross_mask": cache["cross_mask"][0][:, None, None, :],
    }


def _is_packed(batch: Batch) -> bool:
    present = [n for n in ("encoder_segment_ids", "decoder_segment_ids") if n in batch]
    if len(present) == 1:
        raise ValueError(
            f"a packed batch needs encoder_segment_ids and decoder_segment_ids, got {present[0]}"
        )
    return bool(present)


def _refuse_packed(batch: Batch) -> None:
    packed = [name for name in batch if name.endswith("_segment_ids")]
    if packed:
        raise ValueError(
            f"generation takes one example a row, got a packed batch ({', '.join(packed)}); "
            "leave the segment ids out"
        )
