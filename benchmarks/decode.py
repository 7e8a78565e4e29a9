"""Generating text: t5lite beside Hugging Face transformers and torch, same weights, same prompts.

    python benchmarks/decode.py --models t5_small llama_42m --batch_sizes 1 8 32

Makes each model with random weights, writes it as a Hugging Face folder, and lets both generate
from it, in turns, so that whatever else the machine does slows both. Every answer is held to one
length on both sides (random models have no idea of an end). Loading, compiling and a first run are
not counted; reading the prompts is. The best of the turns is given, in output tokens a second:
tokens of answers, however many beams it took. `same` is the share of answers that are the same id
for id; random models have near ties, which rounding decides.
"""

import argparse
import os
import tempfile
import time

import numpy as np

from t5lite.models.position_config import Rotary

DECODER = {
    "architecture": "decoder_only",
    "num_encoder_layers": 0,
    "scale_attention": True,
    "positions": Rotary(),
    "mlp_activations": ("silu", "linear"),
    "initializer": "normal",
    "norm_epsilon": 1e-5,
}
MODELS = {
    "t5_small": {  # T5 1.0, 60M parameters
        "vocab_size": 32128,
        "d_model": 512,
        "d_ff": 2048,
        "d_kv": 64,
        "num_heads": 8,
        "num_encoder_layers": 6,
        "num_decoder_layers": 6,
        "mlp_activations": ("relu",),
        "tied_embeddings": True,
        "scale_logits": True,
    },
    "llama_42m": DECODER  # the shape of stories42M
    | {
        "vocab_size": 32000,
        "d_model": 512,
        "d_ff": 1376,
        "d_kv": 64,
        "num_heads": 8,
        "num_decoder_layers": 8,
        "tied_embeddings": True,
    },
    "llama_135m": DECODER  # the shape of SmolLM2-135M
    | {
        "vocab_size": 49152,
        "d_model": 576,
        "d_ff": 1536,
        "d_kv": 64,
        "num_heads": 9,
        "num_kv_heads": 3,
        "num_decoder_layers": 30,
        "positions": Rotary(theta=100000.0),
        "tied_embeddings": True,
    },
}
EOS = {"encoder_decoder": 1, "decoder_only": 2}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS)[:2])
    parser.add_argument("--batch_sizes", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--beams", nargs="+", type=int, default=[1, 4], help="1 is greedy")
    parser.add_argument("--prompt_tokens", type=int, default=64)
    parser.add_argument("--new_tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3, help="turns that are counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch")
    parser.add_argument("--device", default="cpu", help="of both: cpu, or cuda")
    return parser.parse_args()


class Ours:
    """t5lite's `SequenceGenerator`."""

    def __init__(self, config, params, args):
        from t5lite.data.features.feature_converters import make_feature_converter
        from t5lite.decoding.sequence_generator import SequenceGenerator

        self._make = lambda batch_size: SequenceGenerator(
            config,
            converter=make_feature_converter(
                config.architecture,
                task_feature_lengths={"inputs": args.prompt_tokens, "targets": args.new_tokens},
                eos_id=EOS[config.architecture],
            ),
            eos_ids=(EOS[config.architecture],),
            batch_size=batch_size,
        )
        self._params = self._make(1).prepare(params)
        self._args = args

    def run(self, prompts, num_beams):
        from t5lite.decoding.config import DecodingConfig

        length = self._args.new_tokens
        beam = {"strategy": "beam", "num_beams": num_beams, "length_penalty_style": "hugging_face"}
        decoding = DecodingConfig(
            max_decode_length=length,
            min_decode_length=length - 1,
            **(beam if num_beams > 1 else {}),
        )
        found = self._make(len(prompts)).generate(self._params, prompts, config=decoding)
        return [answer.tokens.tolist() for (answer,) in found]


class Theirs:
    """transformers' `generate`."""

    def __init__(self, folder, args):
        import torch
        import transformers

        torch.set_num_threads(args.threads)
        config = transformers.AutoConfig.from_pretrained(folder)
        self._start = 1 if config.is_encoder_decoder else args.prompt_tokens
        self._eos = EOS["encoder_decoder" if config.is_encoder_decoder else "decoder_only"]
        auto = transformers.AutoModelForCausalLM
        if config.is_encoder_decoder:
            auto = transformers.AutoModelForSeq2SeqLM
        self._model = auto.from_pretrained(folder).eval().to(args.device)
        self._torch = torch
        self._args = args

    def run(self, prompts, num_beams):
        ids = self._torch.tensor(np.array(prompts)).long().to(self._args.device)
        length = self._args.new_tokens
        with self._torch.inference_mode():
            output = self._model.generate(
                input_ids=ids,
                attention_mask=self._torch.ones_like(ids),
                max_new_tokens=length,
                min_new_tokens=length,
                num_beams=num_beams,
                do_sample=False,
                eos_token_id=self._eos,
                pad_token_id=self._eos,
            )
        return output[:, self._start :].tolist()


def best_seconds(run, repeats=5):
    """Of a first run, not counted, and some more."""
    run()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return min(taken)


def machine_speeds():
    """Float32 operations a second of a matrix product, and bytes a second of a sum."""
    import jax
    import jax.numpy as jnp
    import torch

    side, length = 2048, 2**26
    product, total = jax.jit(jnp.matmul), jax.jit(jnp.sum)
    ours = jnp.ones((side, side)), jnp.ones(length)
    device = ours[0].device.platform.replace("gpu", "cuda")
    theirs = torch.ones(side, side, device=device), torch.ones(length, device=device)
    products = (
        lambda: product(ours[0], ours[0]).block_until_ready(),
        lambda: float((theirs[0] @ theirs[0])[0, 0]),
    )
    sums = (lambda: total(ours[1]).block_until_ready(), lambda: float(theirs[1].sum()))
    return (
        2 * side**3 / min(map(best_seconds, products)),
        4 * length / min(map(best_seconds, sums)),
    )


def bound(config, speeds, args, *, batch_size):
    """Most output tokens a second of greedy decoding; see the module."""
    from t5lite.models.parameters import flatten_names, param_shapes

    operations, bandwidth = speeds
    sizes = {name: leaf.size for name, leaf in flatten_names(param_shapes(config)).items()}
    # Cross-attention reads its keys and values off the prompt, once.
    of_prompt = ("encoder/", "decoder/layers/encoder_decoder_attention/key/")
    of_prompt += ("decoder/layers/encoder_decoder_attention/value/",)
    if config.architecture == "decoder_only":
        of_prompt = ("decoder/layers/",)
    prompt = sum(size for name, size in sizes.items() if name.startswith(of_prompt))
    step = sum(sizes.values())
    if config.architecture == "encoder_decoder":
        step -= prompt
    if not config.tied_embeddings:
        step -= sizes["token_embedder/embedding"]
    steps = max(4 * step / bandwidth, 2 * batch_size * step / operations) * args.new_tokens
    seconds = steps + 2 * batch_size * args.prompt_tokens * prompt / operations
    return batch_size * args.new_tokens / seconds


def measure(sides, prompts, num_beams, repeats):
    """Seconds of each side's best turn, and the share of answers that agree."""
    answers = [side.run(prompts, num_beams) for side in sides]
    # The last token may be an end here and not there.
    same = np.mean([one[:-1] == other[: len(one) - 1] for one, other in zip(*answers, strict=True)])
    seconds = [[], []]
    for _ in range(repeats):
        for side, taken in zip(sides, seconds, strict=True):
            began = time.perf_counter()
            side.run(prompts, num_beams)
            taken.append(time.perf_counter() - began)
    return [min(taken) for taken in seconds], same


def bench(name, args, speeds):
    import jax

    from t5lite.convert import export_hf
    from t5lite.models.config import TransformerConfig
    from t5lite.models.parameters import count_params, init_params

    config = TransformerConfig(**MODELS[name])
    params = jax.jit(init_params, static_argnums=0)(config, jax.random.key(0))
    with tempfile.TemporaryDirectory() as folder:
        export_hf(config, params, folder)
        sides = [Ours(config, params, args), Theirs(folder, args)]
    rng = np.random.default_rng(0)
    print(f"\n{name}: {count_params(config) / 1e6:.0f}M parameters, float32")
    print(
        f"{'batch':>5}  {'beams':>5}  {'t5lite tok/s':>12}  {'HF tok/s':>9}  {'ratio':>5}  "
        f"{'bound':>7}  same"
    )
    for num_beams in args.beams:
        for batch_size in args.batch_sizes:
            shape = (batch_size, args.prompt_tokens)
            prompts = list(rng.integers(3, config.vocab_size, shape, dtype=np.int32))
            seconds, same = measure(sides, prompts, num_beams, args.repeats)
            ours, theirs = (batch_size * args.new_tokens / taken for taken in seconds)
            most = ""
            if num_beams == 1:
                most = f"{bound(config, speeds, args, batch_size=batch_size):.1f}"
            print(
                f"{batch_size:5}  {num_beams:5}  {ours:12.1f}  {theirs:9.1f}  {ours / theirs:5.2f}"
                f"  {most:>7}  {same:4.0%}",
                flush=True,
            )


def main():
    args = parse_arguments()
    os.environ["JAX_PLATFORMS"] = args.device
    import jax
    import torch
    import transformers

    versions = {module.__name__: module.__version__ for module in (jax, torch, transformers)}
    print(f"{args.prompt_tokens} prompt tokens, {args.new_tokens} new ones, {os.cpu_count()} cores")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    speeds = machine_speeds()
    print(f"products {speeds[0] / 1e9:.0f} GFLOP/s, sums {speeds[1] / 1e9:.0f} GB/s, float32")
    for name in args.models:
        bench(name, args, speeds)


if __name__ == "__main__":
    main()
