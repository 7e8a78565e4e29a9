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
from typing import Any, TextIO, get_args

import jax
import numpy as np
from jax.experimental import multihost_utils
from tqdm import tqdm

from t5lite.checkpoints import LoadedModel, load_model_dir
from t5lite.data.local_files import read_jsonl, require
from t5lite.data.seqio_door import import_tasks, load_eval_tasks
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.decoder import Decoder, Generation, Ranking
from t5lite.decoding.journal import Journal
from t5lite.decoding.ranking import RankBy
from t5lite.decoding.stopping import cut, pieces
from t5lite.evaluate import check_vocabulary, vocabulary_name
from t5lite.sharding import MeshConfig, make_mesh

log = logging.getLogger(__name__)

# Fields an answer adds to its record; the last two where there are several.
ANSWER_FIELDS = ("prediction", "score", "predictions", "scores")

# A chunk is what a killed run loses, and what is sorted by length into batches.
_BATCHES_PER_CHUNK = 16


@dataclasses.dataclass(frozen=True)
class Question:
    """One thing to answer.

    Attributes:
      record: What it came as.
      tokens: Its prompt's token ids.
      options: The answers to choose from, as text; none where one is to be written.
    """

    record: Mapping[str, Any]
    tokens: np.ndarray
    options: Sequence[str] = ()


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
    options_field: str | None = None,
    rank_by: RankBy = "sum",
    batch_size: int = 32,
    decoding: DecodingConfig | None = None,
    step: int | None = None,
    mesh: MeshConfig | None = None,
    progress: bool = True,
) -> pathlib.Path:
    """Answers every line of a JSONL file, or every example of a Task; behind `t5lite infer`.

    Each output line is the input line with two fields more: `prediction`, and `score`, the
    prediction's log-likelihood in nats under the model. Where several answers are asked for,
    `predictions` and `scores` hold them all, the first being `prediction`. Where the lines hold
    options, the likeliest one is the prediction, and `scores` are those of all options in their
    order. Lines keep their order. A killed run, started again with the same arguments, goes on
    where it stopped and ends with the bytes of a run that was never stopped.

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
      options_field: The field of `input` that holds the answers to choose from, a list of texts;
        None to generate. An option is scored with the end token after it.
      rank_by: What options are compared by; see `Decoder.rank`.
      batch_size: Examples decoded at once, over all devices.
      decoding: How to decode; greedy when None. No part of it serves a choice among options.
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
    _check_ranking(options_field, rank_by, input)
    decoding = decoding or DecodingConfig()
    devices = make_mesh(mesh or MeshConfig())
    model = load_model_dir(model_dir, step, mesh=devices)
    decoder = _decoder(model, batch_size=batch_size, mesh=devices)
    if input is not None:
        questions = _questions_of_file(
            input, model, field=inputs_field, options_field=options_field
        )
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
        "options": [options_field, rank_by],
        "batch_size": batch_size,
        "source": str(pathlib.Path(input).absolute()) if input else [mixture_or_task_name, split],
        "questions_sha256": _digest(questions),
    }
    return _answer_all(
        questions,
        model,
        decoder,
        decoding=decoding,
        rank_by=rank_by,
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
      decoding: How to decode; greedy when None. Sampling differs from prompt to prompt. Several
        answers, and that of a beam search, are printed when they are done, one a line.
      step: Which checkpoint; the latest when None.
      stdin: Standard input when None.
      stdout: Standard output when None.
    """
    stdin, stdout = stdin or sys.stdin, stdout or sys.stdout
    decoding = decoding or DecodingConfig()
    model = load_model_dir(model_dir, step)
    decoder = _decoder(model, batch_size=1, mesh=None)
    params = decoder.prepare(model.params)
    texts = itertools.chain.from_iterable(
        _lines(stdin, stdout) if prompt == "-" else [prompt] for prompt in (prompts or ["-"])
    )
    for index, text in enumerate(texts):
        tokens, was_cut = _prompt_tokens(text, model)
        if was_cut:
            _warn_cut(1, 1, model)
        if decoding.num_branches > 1:
            (answers,) = decoder.generate(params, [tokens], config=decoding, indices=[index])
            for answer in answers:
                stdout.write(_text(answer, model, decoding) + "\n")
            continue
        stream = decoder.stream(params, tokens, config=decoding, index=index)
        for piece in pieces(
            stream, decode=model.vocabulary.decode, stop_strings=decoding.stop_strings
        ):
            stdout.write(piece)
            stdout.flush()
        stdout.write("\n")


def _check_ranking(options_field: str | None, rank_by: str, input: str | None) -> None:
    if rank_by not in get_args(RankBy):
        raise ValueError(
            f"flag --rank_by (macro RANK_BY) is {rank_by!r}; it must be "
            f"{' or '.join(get_args(RankBy))}."
        )
    if options_field is not None and input is None:
        raise ValueError(
            f"--options_field={options_field} names a field of --input's lines, and the examples "
            "of a task have none; give --input, or leave --options_field out."
        )


def _decoder(model: LoadedModel, *, batch_size: int, mesh: jax.sharding.Mesh | None) -> Decoder:
    return Decoder(
        model.config,
        converter=model.converter,
        eos_ids=model.vocabulary.eos_ids,
        batch_size=batch_size,
        longest_input=_longest_prompt(model) + len(model.prompt_prefix),
        decode=model.vocabulary.decode,
        mesh=mesh,
    )


def _questions_of_file(
    path: str, model: LoadedModel, *, field: str, options_field: str | None
) -> list[Question]:
    """Reads and tokenises all of a JSONL file, so that a bad line is found before the work."""
    questions, num_cut = [], 0
    for where, record in read_jsonl(pathlib.Path(path), wanted_by="flag --input"):
        text = require(record, field, str, where=where, remedy="name the field with --inputs_field")
        options: Sequence[str] = ()
        if options_field is not None:
            options = _options(record, options_field, where=where)
        for name in ANSWER_FIELDS:
            if name in record:
                raise ValueError(
                    f"{where}: field {name!r} is there already, and the answer would replace it; "
                    "rename it in the input."
                )
        tokens, was_cut = _prompt_tokens(text, model)
        num_cut += was_cut
        questions.append(Question(record, tokens, options))
    if not questions:
        raise ValueError(f"{path} (flag --input) holds no lines to answer.")
    if num_cut:
        _warn_cut(num_cut, len(questions), model)
    return questions


def _options(record: Mapping[str, Any], field: str, *, where: str) -> list[str]:
    options = require(
        record, field, list, where=where, remedy="name the field with --options_field"
    )
    if not options or not all(isinstance(option, str) and option for option in options):
        raise ValueError(
            f"{where}: field {field!r} holds {options!r}; it must be a list of one or more texts."
        )
    return options


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
            tokens = np.array([*model.prompt_prefix, *example.inputs], np.int32)
            questions.append(Question(record, tokens))
    if not questions:
        raise ValueError(f"split {split!r} of {name!r} (flag --split) holds no examples.")
    return questions


def _prompt_tokens(text: str, model: LoadedModel) -> tuple[np.ndarray, bool]:
    """A prompt's ids as in training, and whether it had to be cut to the model's length."""
    # An encoder's input ends with the end token; a decoder goes on writing after its prompt.
    end = [model.vocabulary.eos_id] if model.converter == "encoder_decoder" else []
    tokens = model.vocabulary.encode(text)
    longest = _longest_prompt(model) - len(end)
    prompt = [*model.prompt_prefix, *tokens[:longest], *end]
    return np.array(prompt, np.int32), len(tokens) > longest


def _warn_cut(num_cut: int, total: int, model: LoadedModel) -> None:
    log.warning(
        "%d of %d prompts are longer than the %d tokens the model was trained on, and were cut",
        num_cut,
        total,
        _longest_prompt(model),
    )


def _longest_prompt(model: LoadedModel) -> int:
    """In tokens, without the prefix. A model trained on targets alone takes prompts as long."""
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
    rank_by: RankBy,
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
        params = decoder.prepare(model.params)
        for start in range(num_done, len(questions), chunk_size):
            chunk = questions[start : start + chunk_size]
            tokens = [question.tokens for question in chunk]
            if chunk[0].options:
                options = [_option_tokens(question, model) for question in chunk]
                rankings = decoder.rank(params, tokens, options, by=rank_by, on_batch=bar.update)
                records = list(map(_chosen, chunk, rankings))
            else:
                indices = range(start, start + len(chunk))
                generations = decoder.generate(
                    params, tokens, config=decoding, indices=indices, on_batch=bar.update
                )
                records = [
                    _answered(question, answers, model, decoding)
                    for question, answers in zip(chunk, generations, strict=True)
                ]
            if journal:
                journal.append(records)
        if journal:
            journal.finish()
    return pathlib.Path(output)


def _option_tokens(question: Question, model: LoadedModel) -> list[list[int]]:
    encode, end = model.vocabulary.encode, model.vocabulary.eos_id
    return [[*encode(option), end] for option in question.options]


def _chosen(question: Question, ranking: Ranking) -> dict[str, Any]:
    scores = ranking.scores.tolist()
    return {
        **question.record,
        "prediction": question.options[ranking.best],
        "score": scores[ranking.best],
        "scores": scores,
    }


def _answered(
    question: Question,
    answers: Sequence[Generation],
    model: LoadedModel,
    decoding: DecodingConfig,
) -> dict[str, Any]:
    texts = [_text(answer, model, decoding) for answer in answers]
    scores = [answer.log_likelihood for answer in answers]
    record = {**question.record, "prediction": texts[0], "score": scores[0]}
    if len(answers) > 1:
        record |= {"predictions": texts, "scores": scores}
    return record


def _text(answer: Generation, model: LoadedModel, decoding: DecodingConfig) -> str:
    return cut(model.vocabulary.decode(answer.tokens.tolist()), decoding.stop_strings)


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
