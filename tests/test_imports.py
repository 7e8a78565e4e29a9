"""What may be imported by what: no TensorFlow under models, nothing heavy under `t5lite --help`."""

import subprocess
import sys
import textwrap

from tests.conftest import REPOSITORY

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ImportError(name + " is blocked by this test")

sys.meta_path.insert(0, Block())
"""


def run_blocked(names: set[str], code: str) -> subprocess.CompletedProcess:
    program = BLOCK.format(names=sorted(names)) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


WITHOUT_TENSORFLOW = (
    "t5lite.models.parameters",
    "t5lite.sharding",
    "t5lite.training.step",
    "t5lite.decoding.sequence_generator",
    "t5lite.checkpoints.checkpointer",
    "t5lite.data.pipeline",
    "t5lite.train",
    "t5lite.evaluate",
    "t5lite.infer",
    "t5lite.generate",
    "t5lite.data.vocabularies.hf_vocabulary",
    "t5lite.convert.gguf_tokenizer",
    "t5lite.convert.hf.tokenizer",
    "t5lite.configuration.config",
)
HEAVY = {"jax", "flax", "numpy", "tensorflow", "seqio", "orbax", "gin", "matplotlib"}
VERBS = ("train", "eval", "infer", "generate", "tasks", "data", "cache", "config")


def test_the_block_blocks():
    assert "blocked" in run_blocked({"tensorflow"}, "import tensorflow").stderr


def test_everything_but_tasks_imports_without_tensorflow_seqio_and_torch():
    imports = "\n".join(f"import {module}" for module in WITHOUT_TENSORFLOW)
    blocked = {"tensorflow", "seqio", "tensorflow_text", "clu", "torch", "transformers"}
    done = run_blocked(blocked, imports)
    assert done.returncode == 0, done.stderr


def test_help_of_every_verb_imports_nothing_heavy():
    code = f"""
    from t5lite.cli import main
    for words in [[], *([verb] for verb in {VERBS})]:
        try:
            main([*words, "--help"])
        except SystemExit as end:
            assert end.code == 0, words
    """
    done = run_blocked(HEAVY, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: t5lite") == len(VERBS) + 1
