"""One prompt everywhere: what training saw is what every verb asks, and what is exported.

Tokens are compared, not answers: the decoder is replaced by one that notes what it is asked.
"""

import dataclasses
import functools
import io
import json

import numpy as np
import pytest

from t5lite.checkpoints.load import load_model_dir
from t5lite.convert.convert import convert
from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import open_train_data
from t5lite.data.tasks import seqio_adapter
from t5lite.data.vocabularies.load import parse_vocabulary
from t5lite.decoding.sequence_generator import Generation, Ranking, SequenceGenerator
from t5lite.evaluate import evaluate
from t5lite.generate import generate
from t5lite.infer import infer
from t5lite.inference.eval_config import EvalConfig
from t5lite.inference.evaluator import Evaluator
from t5lite.models.position_config import Learned
from tests.conftest import shared_path
from tests.convert.test_families import CONFIGS
from tests.data.tokenizer_folders import chat_folder
from tests.decoding import model_dirs
from tests.models.tiny import family

seqio = pytest.importorskip("seqio")

TEXTS = ["what is the cat", "a", "two  words", "What comes next? 1, 2,"]
LENGTHS = {"inputs": 40, "targets": 12}

# Family, converter, its start token, vocabulary.
CASES = {
    "t5": ("encoder_decoder", None, "sentencepiece"),
    "byt5": ("encoder_decoder", None, "bytes"),
    "t5_tokenizer": ("encoder_decoder", None, "tokenizer"),
    "llama": ("decoder_only", 1, "tokenizer"),
    "llama_bytes": ("decoder_only", 3, "bytes"),
    "gpt2": ("decoder_only", 2, "tokenizer"),
    "opt": ("decoder_only", 1, "sentencepiece"),
    "gpt_neox": ("decoder_only", 0, "tokenizer"),
    "palm": ("decoder_only", 0, "bytes"),
    "prefix_lm": ("prefix_lm", 5, "tokenizer"),
}
EXPORTED = [name for name in CASES if name not in ("palm", "prefix_lm")]


@pytest.fixture(scope="module")
def vocabularies(tmp_path_factory):
    """Names of vocabularies, each with a Task `one_prompt_<kind>` that ends its features."""
    folder = tmp_path_factory.mktemp("tokenizer")
    chat_folder(folder)
    names = {
        "bytes": "bytes",
        "tokenizer": str(folder),
        "sentencepiece": str(shared_path("data", "vocab", "t5_spiece.model")),
    }
    for kind, name in names.items():
        vocabulary = seqio_adapter.to_seqio(parse_vocabulary(name))
        seqio.TaskRegistry.add(
            f"one_prompt_{kind}",
            source=seqio.FunctionDataSource(_examples, splits=["train", "validation"]),
            preprocessors=[seqio.preprocessors.tokenize, seqio.preprocessors.append_eos],
            output_features={n: seqio.Feature(vocabulary) for n in ("inputs", "targets")},
            metric_fns=[_accuracy],
        )
    return names


def _examples(split, shuffle_files, seed=None):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"inputs": TEXTS, "targets": ["x"] * len(TEXTS)})


def _accuracy(targets, predictions):
    return {"accuracy": float(np.mean([t == p for t, p in zip(targets, predictions, strict=True)]))}


@dataclasses.dataclass
class Run:
    """A run of a case: its data, and the folder of its model."""

    data_config: DataConfig
    vocabulary: str
    folder: str

    @functools.cached_property
    def data(self):
        with open_train_data(self.data_config) as data:
            return data, next(data).features


@pytest.fixture(scope="module", params=CASES)
def run(request, vocabularies, tmp_path_factory):
    name = request.param
    converter, bos_id, kind = CASES[name]
    folder = tmp_path_factory.mktemp(name)
    made = Run(
        DataConfig(
            mixture_or_task_name=f"one_prompt_{kind}",
            task_feature_lengths=LENGTHS,
            batch_size=len(TEXTS),
            converter=converter,
            bos_id=bos_id,
            pack=False,
            shuffle=False,
            cache_dir=str(tmp_path_factory.getbasetemp() / "cache"),
            num_build_workers=1,
            prefetch_batches=0,
        ),
        vocabularies[kind],
        str(folder),
    )
    vocabulary = parse_vocabulary(made.vocabulary)
    if name == "palm":
        config = family("palm")
    elif converter == "encoder_decoder":
        config = CONFIGS["t5"]
    else:
        config = CONFIGS.get(name, CONFIGS["llama"])
    changes = {"vocab_size": vocabulary.vocab_size}
    if isinstance(config.positions, Learned):
        changes["positions"] = dataclasses.replace(config.positions, max_positions=64)
    config = dataclasses.replace(config, **changes)
    model_dirs.save(folder, made.data[0].converter, vocabulary=vocabulary, config=config)
    return made


def trained_prompts(run):
    """The prompts inside the rows of the run's first batch."""
    data, features = run.data
    if data.converter.architecture == "encoder_decoder":
        rows = features["encoder_input_tokens"]
        lengths = [np.flatnonzero(row)[-1] + 1 for row in rows]
    else:
        rows = features["decoder_input_tokens"]
        # The first target is predicted where the prompt's last token is read.
        lengths = features["decoder_loss_weights"].argmax(axis=1) + 1
    return [row[:length].tolist() for row, length in zip(rows, lengths, strict=True)]


@pytest.fixture
def asked(monkeypatch):
    """Replaces what decoders do; gives the list of all prompts they were asked with."""
    prompts = []

    def note(inputs):
        prompts.extend(np.asarray(tokens).tolist() for tokens in inputs)

    def generate(self, params, inputs, **_):
        note(inputs)
        return [[Generation(np.array([5], np.int32), 0.0, 0.0)]] * len(inputs)

    def score(self, params, inputs, targets, **_):
        note(inputs)
        return np.zeros(len(inputs)), np.ones(len(inputs))

    def rank(self, params, inputs, options, **_):
        note(inputs)
        zeros = [np.zeros(len(row)) for row in options]
        return [Ranking(0, zeros_O, zeros_O, zeros_O == 0) for zeros_O in zeros]

    def stream(self, params, inputs, **_):
        note([inputs])
        return iter([5])

    for method in (generate, score, rank, stream):
        monkeypatch.setattr(SequenceGenerator, method.__name__, method)
    monkeypatch.setattr(SequenceGenerator, "prepare", lambda self, params: params)

    def take():
        taken = list(prompts)
        prompts.clear()
        return taken

    return take


def test_every_verb_asks_what_training_saw(run, asked, tmp_path):
    wanted = trained_prompts(run)
    task = run.data_config.mixture_or_task_name
    model = load_model_dir(run.folder)
    config = EvalConfig(name="e", mixture_or_task_name=task, task_feature_lengths=LENGTHS)

    Evaluator(config, model.config, converter=run.data[0].converter).run(model.params)
    assert asked() == wanted * 2  # generated, then scored
    evaluate(model_dir=run.folder, evals=[config], output_dir=str(tmp_path))
    assert asked() == wanted * 2
    infer(model_dir=run.folder, output=str(tmp_path / "task.jsonl"), mixture_or_task_name=task)
    assert asked() == wanted
    lines = tmp_path / "lines.jsonl"
    records = [{"inputs": text, "options": ["x", "y"]} for text in TEXTS]
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    infer(model_dir=run.folder, output=str(tmp_path / "file.jsonl"), input=str(lines))
    assert asked() == wanted
    infer(
        model_dir=run.folder,
        output=str(tmp_path / "ranked.jsonl"),
        input=str(lines),
        options_field="options",
    )
    assert asked() == wanted
    generate(model_dir=run.folder, prompts=TEXTS, stdout=io.StringIO())
    assert asked() == wanted


@pytest.mark.peers
def test_so_does_transformers_on_what_is_exported(request, run, tmp_path):
    transformers = pytest.importorskip("transformers")
    name = request.node.callspec.params["run"]
    if name not in EXPORTED:
        with pytest.raises(ValueError, match="transformers has no"):
            convert(run.folder, str(tmp_path / "hf"), verified=False)
        return
    convert(run.folder, str(tmp_path / "hf"), verified=False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "hf")
    assert [tokenizer(text).input_ids for text in TEXTS] == trained_prompts(run)
    # And what was exported is asked so when it comes back.
    convert(str(tmp_path / "hf"), str(tmp_path / "back"), verified=False)
    mine, back = load_model_dir(run.folder).converter, load_model_dir(tmp_path / "back").converter
    assert (back.prompt_prefix, back.prompt_suffix) == (mine.prompt_prefix, mine.prompt_suffix)
