"""A model as judge of two models' answers; behind `t5lite preference judge`.

Its replies are kept as JSON Lines, by the hash of what was asked of whom. What was asked before is
not asked again, so a killed run goes on, and a finished one is repeated without the model.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import logging
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from t5lite.checkpoints.checkpointer import FOLDER as CHECKPOINTS
from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.checkpoints.load import LoadedModel
from t5lite.checkpoints.model_dir import DESCRIPTION_FILE, ModelDescription
from t5lite.convert.cached import model_folder
from t5lite.data.sources.local_files import require
from t5lite.data.vocabularies.chat_template import Message
from t5lite.data.vocabularies.load import vocabulary_from_spec
from t5lite.evaluation.preference.judge_requests import (
    LETTERS,
    Reply,
    Request,
    requests_of,
    verdict_of,
)
from t5lite.evaluation.preference.judgments import (
    IDENTICAL,
    PERSON,
    Judgment,
    read_judgments,
)
from t5lite.evaluation.preference.pairs import Pairs, read_pairs
from t5lite.files import strict_json
from t5lite.files.appended_lines import AppendedLines
from t5lite.files.hashes import FileHashes
from t5lite.files.local_paths import storage_path
from t5lite.files.whole_file import write_whole
from t5lite.inference.options import chat_choices, text_choices
from t5lite.inference.prompts import (
    Prompt,
    chat_format,
    chat_prompt,
    make_generator,
    room_for,
    text_prompt,
)
from t5lite.initialization.adapted_model import load_model
from t5lite.mesh import MeshConfig, make_mesh
from t5lite.messages.progress import progress_bar

log = logging.getLogger(__name__)

# What is sorted by length into batches, and what a killed run loses at most.
_BATCHES_PER_CHUNK = 16


@dataclasses.dataclass(frozen=True)
class _Judge:
    """A model that was found, and need not be loaded."""

    folder: pathlib.Path
    step: int
    is_chat: bool
    identity: str


def judge(
    answers_a: str,
    answers_b: str,
    *,
    model_dir: str,
    output: str,
    inputs_field: str = "inputs",
    step: int | None = None,
    batch_size: int = 8,
    vocabulary: str | None = None,
    cache_dir: str | None = None,
    progress: bool = True,
) -> None:
    """Lets a model say which answers are better, and writes its judgments.

    `OUTPUT.requests.jsonl` keeps its replies.

    Args:
      answers_a: A model's answers, as `pairs.read_pairs` reads them.
      answers_b: Another's to the same prompts.
      model_dir: The judge: a model folder, or a checkpoint of any format. One that has a chat
        template is asked in a conversation.
      output: JSONL file of judgments, written anew.
      inputs_field: The field that holds the prompt.
      step: The judge's checkpoint; the latest when None.
      batch_size: Requests answered at once, over all devices.
      vocabulary: The judge's, where its checkpoint holds none.
      cache_dir: Where conversions of checkpoints are kept.
      progress: Whether to show a progress bar.

    Raises:
      ValueError: As `pairs.read_pairs`; or the judge cannot be read; or every request is too long
        for it; or the output holds what a person said.
    """
    _check_output(storage_path(output, name="--output"))
    compared = read_pairs(answers_a, answers_b, inputs_field=inputs_field)
    folder = model_folder(model_dir, vocabulary=vocabulary, cache_dir=cache_dir)
    found = _find(folder, step)
    asked = {
        pair.digest: requests_of(pair, judge=found.identity, is_chat=found.is_chat)
        for pair in compared.pairs
        if not pair.is_identical
    }
    requests = {request.digest: request for both in asked.values() for request in both}
    with AppendedLines(f"{output}.requests.jsonl", name="--output") as lines:
        replies = dict(_kept(lines))
        left = [request for digest, request in requests.items() if digest not in replies]
        if left:
            _ask(left, found, lines, batch_size=batch_size, progress=progress)
            replies = dict(_kept(lines))
    by_pair = {
        pair: tuple(replies[request.digest] for request in both) for pair, both in asked.items()
    }
    _write(
        compared,
        by_pair,
        judge=storage_path(model_dir, name="--model_dir").name,
        output=storage_path(output, name="--output"),
    )
    _say(by_pair, num_asked=len(left), output=output)


def _check_output(output: pathlib.Path) -> None:
    """Refuses to write over the work of a person, which cannot be done again at once."""
    is_there = output.exists() and output.stat().st_size
    if is_there and any(j.judge == PERSON for j in read_judgments(output)):
        raise ValueError(f"--output {output} holds a person's judgments; choose another file")


def _find(folder: pathlib.Path, step: int | None) -> _Judge:
    """What must be known of the judge to know what was asked of it before."""
    description = ModelDescription.load(folder)
    checkpointer = Checkpointer(folder, read_only=True)
    step = checkpointer.step_or_latest(step)
    checkpointer.close()
    has_template = (
        description.chat_template or vocabulary_from_spec(description.vocabulary).chat_template
    )
    checkpoint = folder / CHECKPOINTS / str(step)
    hashes = (
        FileHashes.read(folder) or FileHashes.of(folder, [DESCRIPTION_FILE]),
        FileHashes.read(checkpoint) or FileHashes.of(checkpoint),
    )
    text = strict_json.dumps([sorted(found.files.items()) for found in hashes])
    identity = hashlib.sha256(text.encode()).hexdigest()
    return _Judge(folder, step, has_template is not None, identity)


def _kept(lines: AppendedLines) -> Iterator[tuple[str, Reply]]:
    """Replies by the digests of their requests."""
    for where, record in lines.records:
        yield require(record, "request", str, where=where), Reply.read(record, where=where)


def _ask(
    requests: Sequence[Request],
    found: _Judge,
    lines: AppendedLines,
    *,
    batch_size: int,
    progress: bool,
) -> None:
    mesh = make_mesh(MeshConfig())
    model = load_model(found.folder, found.step, mesh=mesh)
    generator = make_generator(model, batch_size=batch_size, mesh=mesh)
    params = generator.prepare(model.params)
    chunk_size = batch_size * _BATCHES_PER_CHUNK
    with progress_bar(
        total=len(requests), desc="judge", unit="request", disable=not progress
    ) as bar:
        for start in range(0, len(requests), chunk_size):
            chunk = requests[start : start + chunk_size]
            prompts = [_prompt(request, model, is_chat=found.is_chat) for request in chunk]
            options = [_letters(request, model, is_chat=found.is_chat) for request in chunk]
            fits = [
                index
                for index, prompt in enumerate(prompts)
                if not prompt.was_cut and _has_room(prompt, options[index], model)
            ]
            rankings = generator.rank(
                params,
                [prompts[index].tokens for index in fits],
                [options[index] for index in fits],
                on_batch=bar.update,
            )
            bar.update(len(chunk) - len(fits))
            scores = {
                index: ranking.scores.tolist()
                for index, ranking in zip(fits, rankings, strict=True)
            }
            lines.append(
                [
                    {
                        "request": request.digest,
                        "pair": request.pair,
                        "first": request.first,
                        "log_likelihoods": scores.get(index),
                        "num_tokens": len(prompts[index].tokens),
                    }
                    for index, request in enumerate(chunk)
                ]
            )


def _prompt(request: Request, model: LoadedModel, *, is_chat: bool) -> Prompt:
    if is_chat:
        return chat_prompt(_messages(request), model)
    return text_prompt(request.text, model)


def _letters(request: Request, model: LoadedModel, *, is_chat: bool) -> list[np.ndarray]:
    """The tokens of each letter where it would stand; what ends an answer is not among them."""
    if is_chat:
        opening = chat_format(model).prompt(_messages(request))
        choices = chat_choices(opening, LETTERS, vocabulary=model.vocabulary)
    else:
        choices = text_choices(
            request.text,
            LETTERS,
            vocabulary=model.vocabulary,
            is_continued=model.config.architecture == "decoder_only",
            delimiter=" ",
        )
    return [np.array(ids, np.int32) for ids in choices.options]


def _messages(request: Request) -> list[Message]:
    return [{"role": "user", "content": request.text}]


def _has_room(prompt: Prompt, letters: Sequence[np.ndarray], model: LoadedModel) -> bool:
    room = room_for(model.config, [prompt.tokens], is_given=True)
    return room is None or room >= max(map(len, letters))


def _write(
    compared: Pairs, replies: Mapping[str, Sequence[Reply]], *, judge: str, output: pathlib.Path
) -> None:
    """Writes the judgments in the order of the pairs; those that could not be made are left out."""
    lines = []
    for pair in compared.pairs:
        if pair.is_identical:
            judgment = Judgment.of(pair, compared, verdict="tie", judge=IDENTICAL)
            lines.append(judgment.record())
            continue
        both = replies[pair.digest]
        if (verdict := verdict_of(both)) is not None:
            judgment = Judgment.of(pair, compared, verdict=verdict, judge=judge)
            scores = {
                f"log_likelihoods_{side}_first": reply.log_likelihoods
                for side, reply in zip("ab", both, strict=True)
            }
            lines.append(judgment.record() | scores)
    if not lines:
        raise ValueError(
            f"the judge can read none of the {len(compared.pairs)} pairs of answers, which are "
            "longer than its prompts may be; take one with a longer context"
        )
    write_whole(output, "".join(strict_json.dumps(line) + "\n" for line in lines))


def _say(replies: Mapping[str, Sequence[Reply]], *, num_asked: int, output: str) -> None:
    verdicts = collections.Counter(verdict_of(both) for both in replies.values())
    if num_long := verdicts.pop(None, 0):
        longest = max(reply.num_tokens for both in replies.values() for reply in both)
        log.warning(
            "%d of %d pairs are longer than the judge's prompts may be (%d tokens), and are not "
            "judged",
            num_long,
            len(replies),
            longest,
        )
    chosen = collections.Counter(
        reply.chosen for both in replies.values() for reply in both if reply.log_likelihoods
    )
    print(
        f"{verdicts.total():,} pairs judged: {output}. {num_asked:,} requests were asked now. In "
        f"{chosen[0]:,} of {chosen.total():,} the answer shown first was preferred; "
        f"{verdicts['a'] + verdicts['b']:,} pairs have the same verdict in both orders. "
        f"`t5lite preference report {output}` shows the result."
    )
