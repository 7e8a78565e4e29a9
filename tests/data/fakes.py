"""A token store in memory, small corpora of random examples, and what kills a worker process."""

import hashlib
import signal

import numpy as np

from t5lite.data.corpus import Corpus


class MemoryStore:
    """What a `TokenStore` offers to the pipeline, without files."""

    def __init__(self, examples, *, features=("inputs", "targets"), dtype=np.uint16):
        self.features = features
        self.num_examples = len(examples)
        flat = [np.asarray(example[name], dtype) for example in examples for name in features]
        self.offsets = np.cumsum([0, *map(len, flat)]).astype(np.int64)
        self.tokens = np.concatenate([np.zeros(0, dtype), *flat])

    @property
    def made_of(self):
        return {"tokens": hashlib.sha256(self.tokens.tobytes()).hexdigest()}

    labels, label_counts, label_N = (), (), np.zeros(0, np.uint32)
    is_chat = False

    def check_tokens(self):
        pass

    def length_counts(self, feature):
        column = self.features.index(feature)
        return np.bincount(np.diff(self.offsets)[column :: len(self.features)])


class KillsItsReader(str):
    """A module's name that kills the process which it is sent to, before that imports anything."""

    __slots__ = ()

    def __reduce__(self):
        return signal.raise_signal, (signal.SIGKILL,)


def random_examples(num_examples, *, seed=0, inputs=30, targets=10, first_token=2):
    """Examples with lengths in [1, inputs] and [1, targets], ending in 1 (eos)."""
    rng = np.random.default_rng(seed)
    return [
        {
            name: [*rng.integers(first_token, 200, rng.integers(longest)), 1]
            for name, longest in (("inputs", inputs), ("targets", targets))
        }
        for _ in range(num_examples)
    ]


def random_stores(sizes, **options):
    """One store of random examples for each size."""
    return [
        MemoryStore(random_examples(size, seed=seed, **options)) for seed, size in enumerate(sizes)
    ]


def make_corpus(stores, feature_lengths, *, eos_id=1):
    """A corpus of tasks named task0, task1, ..."""
    names = [f"task{i}" for i in range(len(stores))]
    return Corpus(stores, task_names=names, feature_lengths=feature_lengths, eos_id=eos_id)
