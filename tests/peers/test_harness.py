"""Ranked and written answers beside lm-evaluation-harness: the same files, the same weights.

The harness loads what t5lite exports, and reads the questions from a local file by a task of its
own kind. Ours has no end token behind an option, for the harness scores none.
"""

import json
import pathlib
import shutil

import numpy as np
import pytest
import yaml

from t5lite import cli
from t5lite.checkpoints.load import load_model_dir
from t5lite.convert import export_hf
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.ranking import num_bytes
from t5lite.files.json_files import write_lines
from t5lite.inference.options import text_choices
from t5lite.inference.prompts import answer_text, make_generator
from t5lite.models.position_config import Learned
from tests.conftest import shared_path
from tests.models.tiny import encoder_decoder, family, sharp_params
from tests.tasks.eval.suite_folder import write

pytest.importorskip("torch")
pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: pip install lm_eval")
pytestmark = pytest.mark.peers

import lm_eval.tasks  # noqa: E402
from lm_eval import simple_evaluate  # noqa: E402
from lm_eval.api.task import ConfigurableTask  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

from tasks.eval.registration import TASKS  # noqa: E402
from tasks.metrics import last_word  # noqa: E402

SUBJECT = "college_physics"
NUM_QUESTIONS = 4
MAX_NEW_TOKENS = 12


def llama(folder):
    """SentencePiece, with a start token."""
    shutil.copy(shared_path("weights", "stories260k", "tok512.model"), folder / "tokenizer.model")
    return {"tokenizer_class": "LlamaTokenizer", "legacy": False, "add_bos_token": True}


def gpt2(folder):
    """Byte-level BPE, with nothing around a text."""
    shutil.copy(
        shared_path("weights", "tokenizers", "gpt2_tokenizer.json"), folder / "tokenizer.json"
    )
    roles = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
    return {"tokenizer_class": "PreTrainedTokenizerFast", **roles}


def t5(folder):
    """SentencePiece, with an end token behind an encoder's text."""
    shutil.copy(shared_path("data", "vocab", "t5_spiece.model"), folder / "spiece.model")
    return {"tokenizer_class": "T5Tokenizer"}


MODELS = {
    "llama": (family("llama", d_model=24, vocab_size=512), llama),
    "gpt2": (
        family("gpt2", d_model=24, d_kv=8, vocab_size=50257, positions=Learned(max_positions=1024)),
        gpt2,
    ),
    # Embeddings are tied: the harness ties those of any T5 (docs/decoding.md).
    "t5": (
        encoder_decoder(
            vocab_size=32128, num_decoder_layers=2, tied_embeddings=True, scale_logits=True
        ),
        t5,
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def pair(request, tmp_path_factory):
    """A random model with a real tokenizer, as t5lite has it and as the harness loads it."""
    config, write_tokenizer = MODELS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    export_hf(config, sharp_params(config), folder / "source")
    settings = write_tokenizer(folder / "source")
    (folder / "source" / "tokenizer_config.json").write_text(json.dumps(settings))
    for src, dst in (("source", "ours"), ("ours", "exported")):
        arguments = ["convert", str(folder / src), str(folder / dst), "--noverify"]
        assert cli.main(arguments) == 0
    theirs = HFLM(
        pretrained=str(folder / "exported"),
        device="cpu",
        dtype="float32",
        batch_size=4,
        max_length=config.max_positions or 4096,
    )
    return load_model_dir(folder / "ours"), theirs


@pytest.fixture(autouse=True)
def data(monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(shared_path("data")))


def questions(name):
    """The shortest questions of a Task, as lines of the harness's file."""
    examples = sorted(TASKS[name]("test"), key=lambda example: len(example.inputs))
    return [
        {
            "inputs": example.inputs,
            "options": list(example.options),
            "target": example.targets,
        }
        | ({"gold": example.options.index(example.targets)} if example.options else {})
        for example in examples[:NUM_QUESTIONS]
    ]


def shows_shots(model):
    """One does; the others' prompts, in small vocabularies or encoded, would take much longer."""
    return model.config.max_positions is not None


def harness(lm, records, folder, **config):
    """What the harness found, question by question."""
    path = folder / "questions.jsonl"
    write_lines(path, records)
    task = ConfigurableTask(
        config={
            "task": "local",
            "dataset_path": "json",
            "dataset_kwargs": {
                "data_files": {"test": str(path)},
                "cache_dir": str(folder / "cache"),
            },
            "test_split": "test",
            "doc_to_text": "inputs",
            **config,
        }
    )
    # Its own tasks are thousands of files.
    manager = TaskManager(include_defaults=False)
    found = simple_evaluate(lm, tasks=[task], task_manager=manager, bootstrap_iters=0)
    return sorted(found["samples"]["local"], key=lambda sample: sample["doc_id"])


@pytest.mark.parametrize(
    ("pair", "layout"),
    [("llama", "text"), ("gpt2", "letters"), ("gpt2", "text"), ("t5", "text")],
    indirect=["pair"],
)
def test_log_likelihoods_are_the_harness_question_by_question(pair, layout, tmp_path):
    model, lm = pair
    asked = questions(f"mmlu_{SUBJECT}_{5 if shows_shots(model) else 0}shot_{layout}")
    samples = harness(
        lm,
        asked,
        tmp_path,
        output_type="multiple_choice",
        doc_to_choice="options",
        doc_to_target="gold",
        metric_list=[
            {"metric": name, "aggregation": "mean", "higher_is_better": True}
            for name in ("acc", "acc_bytes", "acc_mutual_info")
        ],
    )
    is_continued = model.config.architecture == "decoder_only"
    choices = [
        text_choices(
            record["inputs"],
            record["options"],
            vocabulary=model.vocabulary,
            is_continued=is_continued,
            delimiter=" ",
        )
        for record in asked
    ]
    generator = make_generator(model, batch_size=4)
    prompts = [model.converter.prompt(choice.prompt) for choice in choices]
    options = [choice.options for choice in choices]
    found = {
        by: generator.rank(
            *(model.params, prompts, options),
            by=by,
            num_bytes=[num_bytes(record["options"]) for record in asked],
        )
        for by in ("sum", "mean_byte", "unconditional")
    }
    for sample, by_sum, by_byte, alone, record in zip(samples, *found.values(), asked, strict=True):
        (scores_O, alone_O) = np.split(
            np.array([response[0][0] for response in sample["resps"]]), 2
        )
        np.testing.assert_allclose(by_sum.scores, scores_O, atol=1e-3)
        np.testing.assert_allclose(alone.scores, scores_O - alone_O, atol=1e-3)
        assert sample["acc_mutual_info"] == (alone.best == record["gold"])
        assert sample["acc"] == (by_sum.best == record["gold"])
        assert sample["acc_bytes"] == (by_byte.best == record["gold"])


def test_written_answers_are_the_harness(pair, tmp_path):
    model, lm = pair
    asked = questions(f"bbh_navigate_{3 if shows_shots(model) else 0}shot")
    decoding = DecodingConfig(max_decode_length=MAX_NEW_TOKENS, stop_strings=("a", "\n"))
    samples = harness(
        lm,
        asked,
        tmp_path,
        output_type="generate_until",
        doc_to_target="target",
        generation_kwargs={
            "until": list(decoding.stop_strings),
            "max_gen_toks": MAX_NEW_TOKENS,
            "do_sample": False,
        },
        metric_list=[{"metric": "exact_match"}],
    )
    prompts = [
        model.converter.prompt(model.vocabulary.encode(record["inputs"])) for record in asked
    ]
    found = make_generator(model, batch_size=4).generate(model.params, prompts, config=decoding)
    answers = [answer_text(answer, model, decoding) for (answer,) in found]
    theirs = [sample["resps"][0][0] for sample in samples]
    if model.config.architecture == "encoder_decoder":
        # The harness lets an encoder-decoder write as many tokens more as the prompt has.
        theirs = [text[: len(answer)] for text, answer in zip(theirs, answers, strict=True)]
    assert answers == theirs
    assert all(answers)


_ARC = {"id": "1", "question": "What is hot?", "answerKey": "B"}
_ARC_CHOICES = {"text": ["ice", "fire", "the sea"], "label": ["A", "B", "C"]}
_SCIQ = {"question": "What boils?", "support": " Water boils at sea.", "correct_answer": "water"}
_SCIQ |= {"distractor1": "sand", "distractor2": "the iron", "distractor3": "salt"}
_PIQA = {"goal": "Dry a shirt.", "sol1": "Hang it up.", "sol2": "Wet it."}
# As lm-evaluation-harness has the rows, and what the official files hold.
_ENDS = (("Ann", "grey"), ("Eve", "unfathomable"), ("she", "2014"))
_PASSAGES = [{"text": f"The sea that {name} saw was as {word}"} for name, word in _ENDS]
ZERO_SHOT = {
    "lambada_openai": (
        _PASSAGES,
        {"lambada/lambada_test.jsonl": "\n".join(map(json.dumps, _PASSAGES))},
    ),
    "piqa": (
        [_PIQA | {"label": 1}],
        {"piqa/valid.jsonl": json.dumps(_PIQA), "piqa/valid-labels.lst": "1"},
    ),
    "arc_easy": (
        [_ARC | {"choices": _ARC_CHOICES}],
        {
            "arc/ARC-Easy/ARC-Easy-Test.jsonl": json.dumps(
                _ARC
                | {
                    "question": {
                        "stem": _ARC["question"],
                        "choices": [
                            {"text": text, "label": label}
                            for text, label in zip(*_ARC_CHOICES.values(), strict=True)
                        ],
                    }
                }
            )
        },
    ),
    "sciq": ([_SCIQ], {"sciq/test.json": json.dumps([_SCIQ])}),
}


@pytest.mark.parametrize("pair", ["gpt2"], indirect=True)
@pytest.mark.parametrize("name", ZERO_SHOT)
def test_zero_shot_questions_are_those_of_the_harness(pair, name, tmp_path, monkeypatch):
    model, lm = pair
    rows, files = ZERO_SHOT[name]
    for path, text in files.items():
        write(tmp_path / path, text)
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    examples = TASKS[f"{name}_0shot"](TASKS[f"{name}_0shot"].splits[-1])
    choices = [
        text_choices(
            *(example.inputs, example.options),
            vocabulary=model.vocabulary,
            is_continued=True,
            delimiter=example.parts.target_delimiter,
        )
        for example in examples
    ]
    prompts = [model.converter.prompt(choice.prompt) for choice in choices]
    options = [choice.options for choice in choices]
    ours = make_generator(model, batch_size=4).rank(model.params, prompts, options)
    (file,) = pathlib.Path(lm_eval.tasks.__file__).parent.glob(f"*/{name}.yaml")
    protocol = yaml.safe_load(file.read_text())
    kept = ("doc_to_text", "doc_to_target", "doc_to_choice", "output_type", "metric_list")
    how = {field: protocol[field] for field in kept if field in protocol}
    samples = harness(lm, rows, tmp_path, **how)
    for sample, found, example in zip(samples, ours, examples, strict=True):
        scores = [response[0][0] for response in sample["resps"]]
        np.testing.assert_allclose(found.scores, scores, atol=1e-3)
        is_right = example.options[found.best] == example.targets
        assert sample["acc"] == (is_right if len(scores) > 1 else found.is_greedy[0])
    if name == "lambada_openai":
        mean = np.mean([sample["resps"][0][0][0] for sample in samples])
        words = [example.targets for example in examples]
        log_likelihoods = [found.log_likelihoods[0] for found in ours]
        are_greedy = [found.is_greedy[0] for found in ours]
        aux_values = {"is_greedy": are_greedy, "log_likelihoods": log_likelihoods}
        measured = last_word(words, words, aux_values)
        assert measured["perplexity"] == pytest.approx(np.exp(-mean), rel=5e-3)


@pytest.mark.parametrize("pair", ["gpt2"], indirect=True)
def test_the_harness_scores_another_text_where_a_token_reaches_over_the_border(pair):
    model, lm = pair
    _, theirs = lm._encode_pair("hel", "lo")
    assert lm.tok_decode(theirs) != "lo"
    ours = text_choices("hel", ["lo"], vocabulary=model.vocabulary, is_continued=True)
    assert lm.tok_decode(ours.options[0]) == "lo"
    assert lm.tok_decode(ours.prompt) == "hel"
