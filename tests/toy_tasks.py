"""Three small tasks that train in seconds; a task module as `--tasks` takes it."""

import functools
import random


def _register() -> None:
    import seqio

    from t5lite.data.tasks.seqio_adapter import output_features

    def exact_match(targets, predictions):
        right = sum(t == p for t, p in zip(targets, predictions, strict=True))
        return {"accuracy": right / len(targets)}

    def examples(split, shuffle_files, seed=None, *, kind):
        import tensorflow as tf

        del shuffle_files, seed
        rng = random.Random(f"{kind}/{split}")
        rows = [_example(kind, rng) for _ in range(60 if split == "train" else 12)]
        return tf.data.Dataset.from_tensor_slices(
            {"inputs": [r[0] for r in rows], "targets": [r[1] for r in rows]}
        )

    for kind in ("copy", "first", "longer"):
        seqio.TaskRegistry.add(
            f"toy_{kind}",
            source=seqio.FunctionDataSource(
                functools.partial(examples, kind=kind), splits=["train", "validation"]
            ),
            preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            output_features=output_features(),
            metric_fns=[exact_match],
        )
    seqio.MixtureRegistry.add("toy", [("toy_copy", 1.0), ("toy_first", 2.0), ("toy_longer", 0.5)])


def _example(kind: str, rng: random.Random) -> tuple[str, str]:
    word = "".join(rng.choice("abcdef") for _ in range(rng.randint(1, 8)))
    if kind == "copy":
        return f"copy: {word}", word
    if kind == "first":
        return f"first: {word}", word[0]
    other = "".join(rng.choice("abcdef") for _ in range(rng.randint(9, 12)))
    return f"longer: {word} or {other}", other


_register()
