"""A model folder as a teacher: requests are rows of batches of the generator that infer uses."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import logging
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from t5lite.files import strict_json
from t5lite.synthetic_data.teachers.requests import Choice, Reply, Request
from t5lite.synthetic_data.teachers.teacher import TeacherError

if TYPE_CHECKING:
    from t5lite.checkpoints.load import LoadedModel
    from t5lite.data.features.feature_converters import Tokens
    from t5lite.decoding.config import DecodingConfig
    from t5lite.decoding.sequence_generator import Generation, SequenceGenerator
    from t5lite.inference.prompts import Prompt

log = logging.getLogger(__name__)

# Batches of one call: their requests are sorted by length, and a killed run loses them.
_BATCHES_PER_CALL = 4


class LocalModel:
    """A model on the devices of this machine.

    Its draws depend on a request's digest alone, so the same request is answered alike in another
    run, beside others.

    Attributes:
      name: Made of the hashes of its weights, its sizes and its chat template, not of its path.
      batch_size: Requests of a call: some batches.
    """

    def __init__(self, folder: str, *, batch_size: int, cache_dir: str | None = None) -> None:
        """Finds the model, which is loaded for the first request.

        Args:
          folder: A model folder, or a checkpoint of any format that `eval --model_dir` takes.
          batch_size: Rows answered at once, over all devices.
          cache_dir: Where conversions of checkpoints are kept.

        Raises:
          ValueError: There is no model.
        """
        from t5lite.convert.cached import model_folder

        self._folder = model_folder(folder, cache_dir=cache_dir, named_by="--teacher")
        self._rows = batch_size
        self.name = _name_of(self._folder)
        self.batch_size = batch_size * _BATCHES_PER_CALL
        self._loaded: _Loaded | None = None
        self._said_json = False

    async def reply(self, requests: Sequence[Request]) -> list[Reply | TeacherError]:
        """See `Teacher`."""
        if self._loaded is None:
            self._loaded = _Loaded(self._folder, rows=self._rows)
        self._check(requests)
        replies: dict[int, Reply | TeacherError] = {}
        kinds: dict[Any, list[int]] = {}
        for index, request in enumerate(requests):
            kinds.setdefault(_kind(request), []).append(index)
        for indices in kinds.values():
            # Ctrl-C is heard between two kinds.
            await asyncio.sleep(0)
            found = self._loaded.answer([requests[index] for index in indices], teacher=self.name)
            replies |= zip(indices, found, strict=True)
        return [replies[index] for index in range(len(requests))]

    async def close(self) -> None:
        """See `Teacher`."""
        self._loaded = None

    def _check(self, requests: Sequence[Request]) -> None:
        for request in requests:
            for name in ("presence_penalty", "frequency_penalty"):
                if getattr(request, name):
                    raise ValueError(
                        f"--teacher: a model folder has no {name}, and is asked with "
                        f"{getattr(request, name):g}; set it to 0, or ask an endpoint"
                    )
            if request.json_object and not self._said_json:
                self._said_json = True
                log.warning(
                    "a model folder is asked for JSON in words alone: nothing makes it write any"
                )


def _name_of(folder: pathlib.Path) -> str:
    """Tells a model from others by what it is: the hashes of its files, without those of places."""
    from t5lite.checkpoints.checkpointer import FOLDER, Checkpointer
    from t5lite.checkpoints.model_dir import ModelDescription
    from t5lite.files.hashes import FileHashes

    description = ModelDescription.load(folder)
    checkpointer = Checkpointer(folder, read_only=True)
    checkpoint = folder / FOLDER / str(checkpointer.step_or_latest(None))
    checkpointer.close()
    hashes = FileHashes.read(checkpoint) or FileHashes.of(checkpoint)
    # A conversion made again has the same files, but for the one that says where it was written.
    names = [n for n in hashes.named("state/") if not n.endswith("/commit_success.txt")]
    parts = [
        [(name, hashes.files[name]) for name in names],
        dataclasses.asdict(description.model),
        description.chat_template,
    ]
    text = strict_json.dumps(parts, sort_keys=True, default=repr)
    return f"t5lite-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _kind(request: Request) -> tuple[Any, ...]:
    """What requests must have in common to be answered by one program."""
    is_drawn = request.temperature > 0
    return request.max_tokens, request.stop, is_drawn and (request.top_p, request.n)


class _Loaded:
    """A model with its parameters on the devices."""

    def __init__(self, folder: pathlib.Path, *, rows: int) -> None:
        from t5lite.initialization.adapted_model import load_model
        from t5lite.mesh import MeshConfig, make_mesh

        self._rows = rows
        self._mesh = make_mesh(MeshConfig())
        self._model: LoadedModel = load_model(folder, mesh=self._mesh)
        self._prepared: Any = None
        self._compiled: set[Any] = set()

    def answer(self, requests: Sequence[Request], *, teacher: str) -> list[Reply | TeacherError]:
        """Answers requests of one kind."""
        from t5lite.inference.prompts import make_generator

        first = requests[0]
        config = _decoding(first)
        prompts = [self._prompt(request) for request in requests]
        reasons = [self._why_too_long(first, prompt) for prompt in prompts]
        replies: list[Reply | TeacherError] = [
            TeacherError("prompt too long", is_final=True, said=why) for why in reasons
        ]
        fits = [index for index, why in enumerate(reasons) if not why]
        if not fits:
            return replies
        generator = make_generator(
            self._model,
            batch_size=max(1, self._rows // config.num_return_sequences),
            end_ids=[token for index in fits for token in prompts[index].end_ids],
            mesh=self._mesh,
        )
        if self._prepared is None:
            self._prepared = generator.prepare(self._model.params)
        self._say_compiling([prompts[index].tokens for index in fits], generator, config)
        is_drawn = config.strategy == "sample"
        answers = generator.generate(
            self._prepared,
            [prompts[index].tokens for index in fits],
            config=config,
            indices=[_draw_of(requests[index].digest(teacher)) for index in fits],
            temperatures=[requests[index].temperature for index in fits] if is_drawn else None,
        )
        for index, found in zip(fits, answers, strict=True):
            replies[index] = self._reply(requests[index], prompts[index], found, config)
        return replies

    def _say_compiling(
        self, prompts: Sequence[Tokens], generator: SequenceGenerator, config: DecodingConfig
    ) -> None:
        """Says which sizes of batches are new, each of which takes a while once."""
        batches = generator.batches
        for size in batches.sizes(batches.plan(prompts), prompts):
            if (size, config) not in self._compiled:
                self._compiled.add((size, config))
                log.info(
                    "the teacher's program for %d prompts of %d tokens and answers of %d is "
                    "compiled, once",
                    *(size.num_rows, size.prefix_length + size.prompt_length),
                    config.decode_length,
                )

    def _reply(
        self,
        request: Request,
        prompt: Prompt,
        answers: Sequence[Generation],
        config: DecodingConfig,
    ) -> Reply:
        from t5lite.inference.prompts import answer_text, answer_was_cut

        choices = tuple(
            Choice(
                answer_text(answer, self._model, config),
                was_cut=answer_was_cut(answer.tokens.tolist(), self._model, config),
            )
            for answer in answers
        )
        if len(choices) < request.n:  # The likeliest answer, as often as it is wanted.
            choices *= request.n
        return Reply(choices, len(prompt.tokens), sum(len(answer.tokens) for answer in answers))

    def _prompt(self, request: Request) -> Prompt:
        """A conversation by the model's template, or its texts one after the other without one."""
        from t5lite.inference.prompts import chat_prompt, text_prompt

        if request.prompt is not None:
            return text_prompt(request.prompt, self._model)
        if self._model.chat_template is None:
            text = "\n\n".join(turn.content for turn in request.messages)
            return text_prompt(text, self._model)
        turns = [dataclasses.asdict(turn) for turn in request.messages]
        return chat_prompt(turns, self._model)

    def _why_too_long(self, request: Request, prompt: Prompt) -> str:
        """Why a prompt leaves no room for an answer; "" where it does."""
        from t5lite.inference.prompts import room_for

        if prompt.was_cut:
            most = self._model.converter.longest_prompt
            return f"more than the {most} tokens that the model reads"
        room = room_for(self._model.config, [prompt.tokens])
        if room is None or room >= request.max_tokens:
            return ""
        return (
            f"its {len(prompt.tokens)} tokens leave no room for {request.max_tokens} of an "
            f"answer among {self._model.config.max_answered_positions} positions"
        )


def _decoding(request: Request) -> DecodingConfig:
    from t5lite.decoding.config import DecodingConfig

    how: dict[str, Any] = {"max_decode_length": request.max_tokens, "stop_strings": request.stop}
    if request.temperature == 0:
        return DecodingConfig(**how)
    return DecodingConfig(
        strategy="sample", top_p=request.top_p, num_return_sequences=request.n, **how
    )


def _draw_of(digest: str) -> int:
    """A number that a row's draws are made from: 31 bits of its request's digest."""
    return int(digest[:8], 16) >> 1
