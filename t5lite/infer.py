"""Inference: answers to the lines of a JSONL file, or to a Task's examples."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import jax
import numpy as np
from jax.experimental import multihost_utils

from t5lite.checkpoints.load import LoadedModel, latest_provenance, provenance
from t5lite.data.tasks.seqio_adapter import (
    import_tasks,
    load_eval_tasks,
    task_vocabulary,
)
from t5lite.data.tasks.task_modules import were_imported
from t5lite.data.vocabularies.load import format_vocabulary
from t5lite.decoding.compiled import Prepared
from t5lite.decoding.config import DecodingConfig
from t5lite.decoding.journal import Journal
from t5lite.decoding.prompt_batches import OnBatch
from t5lite.decoding.ranking import RankBy, num_bytes
from t5lite.decoding.sequence_generator import Generation, Ranking, SequenceGenerator
from t5lite.files import strict_json
from t5lite.files.local_paths import storage_path
from t5lite.inference.evaluator import check_vocabulary
from t5lite.inference.prompts import (
    answer_text,
    answer_was_cut,
    decoding_for,
    make_generator,
)
from t5lite.inference.questions import Question, QuestionReader
from t5lite.initialization.adapted_model import load_adapters, load_model, own_folder
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.messages.progress import progress_bar
from t5lite.messages.ranges import Count, Size
from t5lite.messages.value_types import numbers_checked
from t5lite.models.checks import check_choice

log = logging.getLogger(__name__)

# A chunk is what a killed run loses, and what is sorted by length into batches.
_BATCHES_PER_CHUNK = 16


@numbers_checked
def infer(
    *,
    model_dir: str,
    output: str,
    adapter: str | None = None,
    adapters: Mapping[str, str] | None = None,
    input: str | None = None,
    mixture_or_task_name: str | None = None,
    split: str = "validation",
    task_modules: Sequence[str] = (),
    data_dir: str | None = None,
    inputs_field: str = "inputs",
    options_field: str | None = None,
    rank_by: RankBy | None = None,
    batch_size: Size = 32,
    use_chat_template: bool = False,
    system_prompt: str | None = None,
    decoding: DecodingConfig | None = None,
    step: Count | None = None,
    attention_implementation: str = "auto",
    mesh: MeshConfig | None = None,
    progress: bool = True,
) -> pathlib.Path:
    """Answers every line of a JSONL file, or every example of a Task; behind `t5lite infer`.

    Each output line is the input line with two fields more: `prediction`, and `score`, the
    prediction's log-likelihood in nats under the model. Where several answers are asked for,
    `predictions` and `scores` hold them all, the first being `prediction`. One that is cut because
    it was too long has `was_cut`, true, beside it. Where the lines hold
    options, the likeliest one is the prediction, and `scores` are those of all options in their
    order. Lines keep their order. A killed run, started again with the same arguments, resumes
    where it stopped and ends with the bytes of a run that was never stopped.

    Args:
      model_dir: Folder that `t5lite train` wrote, or a checkpoint of any format that holds its
        tokenizer too.
      output: JSONL file to write; see `decoding.journal` for the files beside it.
      adapter: Folder of a run that trained adapters of the model in `model_dir`. None where
        `model_dir` is such a folder itself, or a whole model.
      adapters: In its place several such folders, of LoRA, by names: a line whose field `adapter`
        holds a name is answered with that one, and one without by the model alone.
      input: JSONL file to read; blank lines are skipped.
      mixture_or_task_name: Answer these registered examples instead; their lines hold `task`,
        `index`, `inputs` and `targets`, and `id` where the Task gives one.
      split: The Tasks' split.
      task_modules: Task modules to import first; for `input` only where the model's vocabulary is
        a class that they bring.
      data_dir: Root of the Tasks' files; None leaves `T5LITE_DATA_DIR` as it is.
      inputs_field: The field of `input` that holds the prompt: a text, or a list of messages,
        which the model's chat template writes. Lines without it may hold `messages`,
        `conversations` or `conversation`, and beside any `system` and `tools`.
      options_field: The field of `input` that holds the answers to choose from, a list of texts;
        None to generate. An option is scored with the end token after it, and by a decoder-only
        model as the continuation of the prompt's text, blanks at its end included.
      rank_by: What options are compared by; see `decoding.ranking.RankBy`. None is `"sum"`.
      batch_size: Examples decoded at once, over all devices.
      use_chat_template: Put prompts that are texts as conversations that the model's chat template
        writes, a Task's exemplars as turns.
      system_prompt: What these conversations begin with; None for nothing, which leaves it to the
        chat template.
      decoding: How to decode; greedy when None. A choice among options has none.
      step: Which checkpoint, of the adapters where there are any; the latest when None.
      attention_implementation: What computes attention over prompts; see TransformerConfig.
      mesh: How the devices share the work; the default `MeshConfig` when None.
      progress: Show a progress bar (on process 0).

    Returns:
      Path of the output.

    Raises:
      ValueError: Not exactly one of `input` and `mixture_or_task_name`; a setting that the others
        leave without effect; a malformed line (file,
        line and field are named); or `output` was made with other settings.
    """
    if (input is None) == (mixture_or_task_name is None):
        raise ValueError(
            f"give either --input=FILE.jsonl or --mixture=NAME; found input={input!r} and "
            f"mixture_or_task_name={mixture_or_task_name!r}."
        )
    _check_ranking(options_field, rank_by, input=input, decoding=decoding)
    if adapters:
        _check_adapters(adapter, step, input=input, options_field=options_field)
    devices = make_mesh(mesh or MeshConfig())
    model, folder, adapters = _load(
        *(model_dir, step),
        adapter=adapter,
        adapters=adapters or {},
        mesh=devices,
        attention_implementation=attention_implementation,
    )
    reader = QuestionReader(
        model=model, use_chat_template=use_chat_template, system_prompt=system_prompt
    )
    source: Any = [mixture_or_task_name, split]
    if mixture_or_task_name is not None:
        reader, questions = _of_tasks(
            *(reader, mixture_or_task_name),
            split=split,
            task_modules=task_modules,
            data_dir=data_dir,
            model_dir=folder,
        )
    else:
        assert input is not None
        reader = _with_texts(reader, task_modules, data_dir=data_dir)
        questions = reader.of_file(
            input, field=inputs_field, options_field=options_field, adapters=list(adapters)
        )
        source = str(storage_path(input, name="--input").absolute())
    answering = _Answering.of(
        *(reader.model, questions),
        decoding=decoding,
        rank_by=rank_by or "sum",
        batch_size=batch_size,
        has_adapters=bool(adapters),
        mesh=devices,
    )
    settings = {
        **provenance(folder, model.step),
        "decoding": dataclasses.asdict(answering.decoding),
        "options": [options_field, answering.rank_by],
        "batch_size": batch_size,
        "source": source,
        "questions_sha256": _digest(questions),
    }
    if adapters:
        settings["adapters"] = {n: latest_provenance(f) for n, f in adapters.items()}
    return _answer_all(questions, answering, output=output, settings=settings, progress=progress)


def _load(
    model_dir: str,
    step: int | None,
    *,
    adapter: str | None,
    adapters: Mapping[str, str],
    mesh: jax.sharding.Mesh,
    attention_implementation: str,
) -> tuple[LoadedModel, str, dict[str, str]]:
    """Loads the model, with one adapter or several beside each other.

    Returns:
      The model, the folder that says how it was trained, and those of several adapters by name.
    """
    if not adapters:
        folder, base = own_folder(model_dir, adapter)
        model = load_model(
            *(folder, step),
            base=base,
            mesh=mesh,
            attention_implementation=attention_implementation,
        )
        return model, folder, {}
    folders = {name: own_folder(model_dir, f)[0] for name, f in adapters.items()}
    model = load_adapters(
        *(model_dir, folders), mesh=mesh, attention_implementation=attention_implementation
    )
    return model, next(iter(folders.values())), folders


def _with_texts(
    reader: QuestionReader, task_modules: Sequence[str], *, data_dir: str | None
) -> QuestionReader:
    """Gives the model the texts of its ids, where only a Task of the modules knows them.

    Raises:
      ValueError: no Task of these modules has the model's vocabulary.
    """
    model = reader.model
    if model.vocabulary.has_texts or not task_modules:
        return reader
    import_tasks(task_modules, data_dir=data_dir)
    vocabulary = task_vocabulary(model.vocabulary)
    if vocabulary is None:
        raise ValueError(
            f"no Task of {', '.join(task_modules)} (--tasks) has the model's vocabulary, "
            f"{model.vocabulary.spec()}, which only a Task gives texts to."
        )
    return dataclasses.replace(reader, model=dataclasses.replace(model, vocabulary=vocabulary))


def _of_tasks(
    reader: QuestionReader,
    name: str,
    *,
    split: str,
    task_modules: Sequence[str],
    data_dir: str | None,
    model_dir: str,
) -> tuple[QuestionReader, list[Question]]:
    """The questions of a mixture's Tasks, and the reader of them, whose model has their vocabulary.

    Raises:
      ValueError: there are none of that name, or their ids mean other tokens to the model.
    """
    model = reader.model
    vocabulary = None if were_imported(task_modules) else format_vocabulary(model.vocabulary)
    import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    lengths = model.converter.task_feature_lengths
    tasks = load_eval_tasks(name, split=split, task_feature_lengths=lengths)
    for task in tasks:
        check_vocabulary(task.vocabulary, model, of=task.name, model_dir=model_dir)
    # Some vocabularies have texts beside their Tasks only.
    model = dataclasses.replace(model, vocabulary=tasks[0].vocabulary)
    reader = dataclasses.replace(reader, model=model)
    questions = reader.of_tasks(tasks)
    if not questions:
        raise ValueError(f"split {split!r} of {name!r} (flag --split) holds no examples.")
    return reader, questions


def _check_adapters(
    adapter: str | None, step: int | None, *, input: str | None, options_field: str | None
) -> None:
    """Refuses what goes with one adapter at a time only."""
    given = {
        "--adapter": adapter,
        "--step": step,
        "--options_field": options_field,
        "--mixture": None if input is not None else "",
    }
    if found := [flag for flag, value in given.items() if value is not None]:
        raise ValueError(
            f"--adapters (macro ADAPTERS) answers the lines of --input with the latest checkpoints "
            f"of several adapters, and does not go with {found[0]}: give --adapter, one at a time."
        )


def _check_ranking(
    options_field: str | None,
    rank_by: str | None,
    *,
    input: str | None,
    decoding: DecodingConfig | None,
) -> None:
    if rank_by is not None:
        check_choice("flag --rank_by (macro RANK_BY)", rank_by, get_args(RankBy))
    if options_field is not None and input is None:
        raise ValueError(
            f"--options_field={options_field} names a field of --input's lines, and the examples "
            "of a task have none; give --input, or leave --options_field out."
        )
    if rank_by is not None and options_field is None:
        raise ValueError(
            f"flag --rank_by={rank_by} compares options, and there are none: name the field that "
            "holds them with --options_field, or leave --rank_by out."
        )
    if options_field is not None and decoding is not None and decoding.changes:
        found = ", ".join(f"{name}={value!r}" for name, value in decoding.changes.items())
        raise ValueError(
            f"--options_field={options_field} chooses among options, and generates nothing; leave "
            f"out what says how to generate (DecodingConfig: {found})."
        )


def _digest(questions: Iterable[Question]) -> str:
    digest = hashlib.sha256()
    for question in questions:
        digest.update(strict_json.dumps(question.record).encode())
        for tokens in (question.tokens, *question.option_tokens):
            digest.update(tokens.tobytes() + b"\n")
        digest.update(repr(question.end_ids).encode())
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class _Answering:
    """How questions are answered.

    Attributes:
      model: what answers them.
      generator: its programs.
      decoding: how answers are generated.
      rank_by: what options are compared by.
      has_adapters: whether each question says which of several adapters answers it.
    """

    model: LoadedModel
    generator: SequenceGenerator
    decoding: DecodingConfig
    rank_by: RankBy
    has_adapters: bool

    @classmethod
    def of(
        cls,
        model: LoadedModel,
        questions: Sequence[Question],
        *,
        decoding: DecodingConfig | None,
        rank_by: RankBy,
        batch_size: int,
        has_adapters: bool,
        mesh: jax.sharding.Mesh,
    ) -> _Answering:
        """Chooses it for all questions.

        Raises:
          ValueError: the model cannot answer one of them so.
        """
        generator = make_generator(
            model,
            batch_size=batch_size,
            end_ids=[token for question in questions for token in question.end_ids],
            mesh=mesh,
        )
        asked = [question.tokens for question in questions if not question.options]
        is_chat = any(question.end_ids for question in questions)
        decoding = decoding_for(decoding, model.config, asked, is_chat=is_chat)
        generator.check(asked, config=decoding)
        ranked = [question for question in questions if question.options]
        generator.check_scoring(
            [question.tokens for question in ranked],
            [question.option_tokens for question in ranked],
            by=rank_by,
        )
        return cls(model, generator, decoding, rank_by, has_adapters)

    def records(
        self, params: Prepared, chunk: Sequence[Question], *, start: int, on_batch: OnBatch
    ) -> list[dict[str, Any]]:
        """The output's lines for questions of one kind, the first of which has index `start`."""
        tokens = [question.tokens for question in chunk]
        if chunk[0].options:
            rankings = self.generator.rank(
                *(params, tokens, [question.option_tokens for question in chunk]),
                by=self.rank_by,
                num_bytes=[num_bytes(question.options) for question in chunk],
                on_batch=on_batch,
            )
            return list(map(_chosen, chunk, rankings))
        generations = self.generator.generate(
            *(params, tokens),
            config=self.decoding,
            indices=range(start, start + len(chunk)),
            adapters=[question.adapter for question in chunk] if self.has_adapters else None,
            on_batch=on_batch,
        )
        return [
            _answered(question, answers, self.model, self.decoding)
            for question, answers in zip(chunk, generations, strict=True)
        ]


def _answer_all(
    questions: Sequence[Question],
    answering: _Answering,
    *,
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
        bar = progress_bar(
            total=len(questions),
            initial=num_done,
            desc="infer",
            unit="ex",
            disable=not (progress and is_main),
        )
        stack.enter_context(bar)
        params = answering.generator.prepare(answering.model.params)
        num_cut = 0
        for start in range(num_done, len(questions), chunk_size):
            chunk = questions[start : start + chunk_size]
            records = answering.records(params, chunk, start=start, on_batch=bar.update)
            num_cut += sum("was_cut" in record for record in records)
            if journal:
                journal.append(records)
        if num_cut:
            log.warning(
                "%d answers were cut after %d tokens, and have was_cut beside them; see "
                "--max_decode_length",
                *(num_cut, answering.decoding.decode_length),
            )
        if journal:
            journal.finish()
    return storage_path(output, name="--output")


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
    texts = [answer_text(answer, model, decoding) for answer in answers]
    scores = [answer.log_likelihood for answer in answers]
    record = {**question.record, "prediction": texts[0], "score": scores[0]}
    if answer_was_cut(answers[0].tokens.tolist(), model, decoding):
        record["was_cut"] = True
    if len(answers) > 1:
        record |= {"predictions": texts, "scores": scores}
    return record


def _from_process_0(value: int) -> int:
    """What process 0 has, on every process."""
    if jax.process_count() == 1:
        return value
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))
