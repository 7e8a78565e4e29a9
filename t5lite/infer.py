"""Inference: answers to the lines of a JSONL file, to a Task's examples, or to typed prompts."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import logging
import pathlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import jax
import numpy as np
from jax.experimental import multihost_utils
from tqdm import tqdm

from t5lite.checkpoints import LoadedModel, load_model_dir
from t5lite.data.local_files import read_jsonl, require
from t5lite.data.seqio_door import import_tasks, load_eval_tasks
from t5lite.decoding.decoder import Decoder, Generation
from t5lite.decoding.journal import Journal
from t5lite.decoding.sampling import DecodingConfig
from t5lite.evaluate import check_vocabulary, vocabulary_name
from t5lite.sharding import MeshConfig, make_mesh

log = logging.getLogger(__name__)

# Fields an answer adds to its record.
ANSWER_FIELDS = ("prediction", "score")

# A chunk is what a killed run loses, and what is sorted by length into batches.
_BATCHES_PER_CHUNK = 16


@dataclasses.dataclass(frozen=True)
class Question:
    """One thing to answer: the record it came as, and its prompt's token ids."""

    record: Mapping[str, Any]
    tokens: np.ndarray


def infer(
    *,
    model_dir: str,
    output: str,
    input: str | None = None,
    mixture_or_task_name: str | None = None,
    split: str = "validation",
    task_modules: Sequence[str] = (),
    data_dir: str | None = None,
    inputs_field: str = "inputs",
    batch_size: int = 32,
    decoding: DecodingConfig | None = None,
    step: int | None = None,
    mesh: MeshConfig | None = None,
    progress: bool = True,
) -> pathlib.Path:
    """Answers every line of a JSONL file, or every example of a Task; behind `t5lite infer`.

    Each output line is the input line with two fields more: `prediction`, and `score`, the
    prediction's log-likelihood in nats under the model. Lines keep their order. A killed run,
    started again with the same arguments, goes on where it stopped and ends with the bytes of a
    run that was never stopped.

    Args:
      model_dir: Folder that `t5lite train` wrote.
      output: JSONL file to write; see `decoding.journal` for the files beside it.
      input: JSONL file to read; blank lines are skipped.
      mixture_or_task_name: Answer these registered examples instead; their lines hold `task`,
        `index`, `inputs` and `targets`.
      split: The Tasks' split.
      task_modules: Registry modules to import first.
      data_dir: Root of the Tasks' files; None leaves `T5LITE_DATA_DIR` as it is.
      inputs_field: The field of `input` that holds the prompt.
      batch_size: Examples decoded at once, over all devices.
      decoding: How to decode; greedy when None.
      step: Which checkpoint; the latest when None.
      mesh: How the devices share the work; the default `MeshConfig` when None.
      progress: Show a progress bar (on process 0).

    Returns:
      Path of the output.

    Raises:
      ValueError: Not exactly one of `input` and `mixture_or_task_name`; a malformed line (file,
        line and field are named); or `output` was made with other settings.
    """
    if (input is None) == (mixture_or_task_name is None):
        raise ValueError(
            f"give either --input or --mixture_or_task_name; found input={input!r} and "
            f"mixture_or_task_name={mixture_or_task_name!r}."
        )
    decoding = decoding or DecodingConfig()
    devices = make_mesh(mesh or MeshConfig())
    model = load_model_dir(model_dir, step, mesh=devices)
    decoder = _decoder(model, batch_size=batch_size, mesh=devices)
    if input is not None:
        questions = _questions_of_file(input, model, field=inputs_field)
    else:
        assert mixture_or_task_name is not None
        import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary_name(model.vocabulary))
        questions = _questions_of_tasks(
            mixture_or_task_name, model, split=split, model_dir=model_dir
        )
    settings = {
        "model_dir": str(pathlib.Path(model_dir).absolute()),
        "step": model.step,
        "decoding": dataclasses.asdict(decoding),
        "batch_size": batch_size,
        "source": str(pathlib.Path(input).absolute()) if input else [mixture_or_task_name, split],
        "questions_sha256": _digest(questions),
    }
    return _answer_all(
        questions,
        model,
        decoder,
        decoding=decoding,
        output=output,
        settings=settings,
        progress=progress,
    )


def generate_text(
    *,
    model_dir: str,
    prompts: Sequence[str] = (),
    decoding: DecodingConfig | None = None,
    step: int | None = None,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
) -> None:
    """Prints the answer to each prompt as it is generated; behind `t5lite generate`.

    Args:
      model_dir: Folder that `t5lite train` wrote.
      prompts: What to ask, one answer each. `-` stands for the lines of `stdin`, and so does no
        prompt at all; on a terminal that is a conversation without memory.
      decoding: How to decode; greedy when None. Sampling differs from prompt to prompt.
      step: Which checkpoint; the latest when None.
      stdin: Standard input when None.
      stdout: Standard output when None.
    """
    stdin, stdout = stdin or sys.stdin, stdout or sys.stdout
    decoding = decoding or DecodingConfig()
    model = load_model_dir(model_dir, step)
    decoder = _decoder(model, batch_size=1, mesh=None)
    texts = itertools.chain.from_iterable(
        _lines(stdin, stdout) if prompt == "-" else [prompt] for prompt in (prompts or ["-"])
    )
    for index, text in enumerate(texts):
        tokens, was_cut = _prompt_tokens(text, model)
        if was_cut:
            _warn_cut(1, 1, model)
        stream = decoder.stream(model.params, tokens, config=decoding, index=index)
        for piece in _text_as_it_comes(stream, model):
            stdout.write(piece)
            stdout.flush()
        stdout.write("\n")


def _decoder(model: LoadedModel, *, batch_size: int, mesh: jax.sharding.Mesh | None) -> Decoder:
    return Decoder(
        model.config,
        converter=model.converter,
        eos_id=model.vocabulary.eos_id,
        batch_size=batch_size,
        longest_input=_longest_prompt(model),
        mesh=mesh,
    )


def _questions_of_file(path: str, model: LoadedModel, *, field: str) -> list[Question]:
    """Reads and tokenises all of a JSONL file, so that a bad line is found before the work."""
    questions, num_cut = [], 0
    for where, record in read_jsonl(pathlib.Path(path), wanted_by="flag --input"):
        text = require(record, field, str, where=where, remedy="name the field with --inputs_field")
        for name in ANSWER_FIELDS:
            if name in record:
                raise ValueError(
                    f"{where}: field {name!r} is there already, and the answer would replace it; "
                    "rename it in the input."
                )
        tokens, was_cut = _prompt_tokens(text, model)
        num_cut += was_cut
        questions.append(Question(record, tokens))
    if not questions:
        raise ValueError(f"{path} (flag --input) holds no lines to answer.")
    if num_cut:
        _warn_cut(num_cut, len(questions), model)
    return questions


def _questions_of_tasks(
    name: str, model: LoadedModel, *, split: str, model_dir: str
) -> list[Question]:
    tasks = load_eval_tasks(
        name, split=split, task_feature_lengths=model.task_feature_lengths, max_examples=None
    )
    questions = []
    for task in tasks:
        check_vocabulary(task.vocabulary, model, of=task.name, model_dir=model_dir)
        for index, example in enumerate(task.examples):
            record = {
                "task": task.name,
                "index": index,
                "inputs": example.inputs_text,
                "targets": example.targets_text,
            }
            questions.append(Question(record, np.asarray(example.inputs, np.int32)))
    if not questions:
        raise ValueError(f"split {split!r} of {name!r} (flag --split) holds no examples.")
    return questions


def _prompt_tokens(text: str, model: LoadedModel) -> tuple[np.ndarray, bool]:
    """A prompt's ids as in training, and whether it had to be cut to the model's length."""
    # An encoder's input ends with the end token; a decoder goes on writing after its prompt.
    end = [model.vocabulary.eos_id] if model.converter == "encoder_decoder" else []
    tokens = model.vocabulary.encode(text)
    longest = _longest_prompt(model) - len(end)
    return np.array(tokens[:longest] + end, np.int32), len(tokens) > longest


def _warn_cut(num_cut: int, total: int, model: LoadedModel) -> None:
    log.warning(
        "%d of %d prompts are longer than the %d tokens the model was trained on, and were cut",
        num_cut,
        total,
        _longest_prompt(model),
    )


def _longest_prompt(model: LoadedModel) -> int:
    """In tokens. A language model trained on targets alone takes prompts as long as those."""
    lengths = model.task_feature_lengths
    return lengths.get("inputs", lengths["targets"])


def _digest(questions: Iterable[Question]) -> str:
    digest = hashlib.sha256()
    for question in questions:
        digest.update(json.dumps(question.record).encode())
        digest.update(question.tokens.tobytes() + b"\n")
    return digest.hexdigest()


def _answer_all(
    questions: Sequence[Question],
    model: LoadedModel,
    decoder: Decoder,
    *,
    decoding: DecodingConfig,
    output: str,
    settings: Mapping[str, Any],
    progress: bool,
) -> pathlib.Path:
    """Answers a chunk at a time; process 0 writes what all processes compute."""
    chunk_size = settings["batch_size"] * _BATCHES_PER_CHUNK
    is_main = jax.process_index() == 0
    with contextlib.ExitStack() as stack:
        journal = None
        if is_main:
            journal = Journal(
                output, settings=settings, num_lines=len(questions), chunk_size=chunk_size
            )
            stack.enter_context(journal)
        num_done = _from_process_0(journal.num_done if journal else 0)
        bar = tqdm(
            total=len(questions),
            initial=num_done,
            desc="infer",
            unit="ex",
            disable=not (progress and is_main),
        )
        stack.enter_context(bar)
        for start in range(num_done, len(questions), chunk_size):
            chunk = questions[start : start + chunk_size]
            generations = decoder.generate(
                model.params,
                [question.tokens for question in chunk],
                config=decoding,
                indices=range(start, start + len(chunk)),
                on_batch=bar.update,
            )
            if journal:
                journal.append(
                    [
                        _answered(question, generation, model)
                        for question, generation in zip(chunk, generations, strict=True)
                    ]
                )
        if journal:
            journal.finish()
    return pathlib.Path(output)


def _answered(question: Question, generation: Generation, model: LoadedModel) -> dict[str, Any]:
    text = model.vocabulary.decode(generation.tokens.tolist())
    return {**question.record, "prediction": text, "score": generation.log_likelihood}


def _from_process_0(value: int) -> int:
    """What process 0 has, on every process."""
    if jax.process_count() == 1:
        return value
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def _lines(stdin: TextIO, stdout: TextIO) -> Iterator[str]:
    """Lines without their ends; asks for each where a person types them."""
    while True:
        if stdin.isatty():
            stdout.write("> ")
            stdout.flush()
        line = stdin.readline()
        if not line:
            return
        if line.strip():
            yield line.rstrip("\n")


def _text_as_it_comes(tokens: Iterable[int], model: LoadedModel) -> Iterator[str]:
    """Pieces of text that together are the text of all tokens.

    A token alone may have no text (half a character) or other text than in its place (a leading
    space), so all tokens so far are decoded each time, and what is new is shown.
    """
    so_far: list[int] = []
    shown = text = ""
    for token in tokens:
        so_far.append(token)
        text = model.vocabulary.decode(so_far)
        if text.startswith(shown) and not text.endswith("\ufffd"):
            yield text[len(shown) :]
            shown = text
    if text != shown:
        yield text[len(shown) :] if text.startswith(shown) else "\n" + text
