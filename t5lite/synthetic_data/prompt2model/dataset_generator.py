"""Examples of a task, written by a teacher: Prompt2Model's dataset generator (arXiv 2308.12261).

Its devices against sameness and errors (section 3.3 of the paper) are switches of
`GenerationConfig`. All that is drawn comes from its seed and from the answers so far, and answers
stay on disk: a run that was killed is run again, finds the answers that it has paid for, and goes
on to the same examples.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
import random
from collections.abc import Iterator, Mapping, Sequence

from t5lite.messages.progress import progress_bar
from t5lite.synthetic_data.prompt2model.generated_dataset import (
    GENERATED_FILE,
    GeneratedDataset,
    GeneratedExample,
    GenerationConfig,
    write_examples,
)
from t5lite.synthetic_data.prompt2model.held_out import HeldOut
from t5lite.synthetic_data.prompt2model.meta_templates import META_TEMPLATES, MetaTemplate
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec
from t5lite.synthetic_data.prompt2model.self_consistency import Ballot
from t5lite.synthetic_data.provenance import Origin, Verdict, write_trace
from t5lite.synthetic_data.teachers.asking import Answered, Asking
from t5lite.synthetic_data.teachers.forecast import Expected
from t5lite.synthetic_data.teachers.requests import Choice, Request

_MOST_SHOWN = 10  # as the paper's code
_PREFIX = "generated_"  # of ids


@dataclasses.dataclass(frozen=True)
class _Question:
    """A request with what it was made from."""

    request: Request
    template: MetaTemplate
    shown: tuple[str, ...]


def generate_dataset(
    spec: PromptSpec,
    asking: Asking,
    *,
    folder: pathlib.Path,
    config: GenerationConfig,
    held_out: Mapping[str, Sequence[str]] | None = None,
) -> GeneratedDataset:
    """Asks a teacher for examples until there are enough, and writes them.

    Args:
      spec: The task.
      asking: The teacher.
      folder: Gets `generated.jsonl` ({"id", "input", "output"} a line) and `trace.jsonl`.
      config: How it is asked.
      held_out: Inputs that must not be generated, by the name of their set; those of the
        demonstrations never may.

    Raises:
      ValueError: Instruction and demonstrations alone are longer than `max_prompt_tokens`, or a
        request failed with all its retries.
    """
    generator = _Generator(spec, asking, config, held_out or {})
    stopped = ""
    with progress_bar(
        total=config.num_examples, desc="generate", unit=" examples", disable=False
    ) as bar:
        while not stopped and (missing := config.num_examples - len(generator.kept)) > 0:
            stopped = generator.why_not_on() or generator.ask(missing)
            bar.update(min(len(generator.kept), config.num_examples) - bar.n)
    dataset = generator.result(stopped)
    folder.mkdir(parents=True, exist_ok=True)
    write_trace(folder, dataset.origins)  # with the last verdicts
    write_examples(folder / GENERATED_FILE, dataset.examples)
    return dataset


def expected_requests(spec: PromptSpec, config: GenerationConfig) -> list[Expected]:
    """What `--dry_run` counts: as many requests as there would be if every answer were kept.

    The example shows five examples besides the demonstrations, which is half of the most.
    """
    calls = math.ceil(config.num_examples / config.answers_per_request)
    num_shown = _MOST_SHOWN // 2 if config.shows_generated else 0
    shown = (spec.demonstrations * num_shown)[:num_shown]
    text = META_TEMPLATES[1 if config.varies_template else 0].prompt(spec, generated=shown)
    request = _request(text, config, temperature=config.initial_temperature)
    at_most = calls if config.max_calls is None else min(calls, config.max_calls)
    return [Expected("examples, if each answer is kept", at_most, request)]


def _request(text: str, config: GenerationConfig, *, temperature: float) -> Request:
    return Request.of_text(
        text,
        temperature=temperature,
        max_tokens=config.max_tokens,
        n=config.answers_per_request,
        json_object=True,
    )


class _Generator:
    """The state of a generation: a function of its config and of the answers so far."""

    def __init__(
        self,
        spec: PromptSpec,
        asking: Asking,
        config: GenerationConfig,
        held_out: Mapping[str, Sequence[str]],
    ) -> None:
        self._spec, self._asking, self._config = spec, asking, config
        demonstrations = [one.input for one in spec.demonstrations]
        self._held_out = HeldOut(held_out, same_words={"the demonstrations": demonstrations})
        self._ballot = Ballot()
        self._origins: list[Origin] = []  # without the verdicts that more answers may change
        self._examples: list[GeneratedExample] = []
        self._asked: collections.Counter[Request] = collections.Counter()
        self._calls = self._fruitless = 0
        self.kept: list[GeneratedExample] = []
        self._budget_spent = False

    def why_not_on(self) -> str:
        """Why nothing more is asked; "" while it is."""
        config = self._config
        if config.max_calls is not None and self._calls >= config.max_calls:
            return f"max_calls {config.max_calls} is used up"
        if self._fruitless >= config.max_fruitless_calls:
            return f"the last {self._fruitless} requests brought no new example"
        return ""

    def ask(self, missing: int) -> str:
        """Asks for so many examples, or as many as one batch brings.

        Returns:
          That the budget is spent; "" while it is not.
        """
        config = self._config
        number = min(config.max_batch_size, math.ceil(missing / config.answers_per_request))
        if config.max_calls is not None:
            number = min(number, config.max_calls - self._calls)
        questions = [self._question(self._calls + index) for index in range(number)]
        answers = self._asking.ask([one.request for one in questions], desc=None)
        spent, before = "", len(self.kept)
        for question, answered in zip(questions, answers, strict=True):
            if answered.reply is None and not answered.budget_spent:
                raise ValueError(
                    f"a request for examples failed: {answered.problem}. What was answered is "
                    "kept: the same command goes on."
                )
            if answered.reply is None:
                # A larger budget asks this batch again, and the rest of it is used then.
                spent, self._budget_spent = answered.problem, True
                break
            self._calls += 1
            self._read(question, answered)
        self.kept = [one for one, verdicts in self._decided() if _all_kept(verdicts)]
        self._fruitless = 0 if len(self.kept) > before else self._fruitless + number
        return spent

    def result(self, stopped: str) -> GeneratedDataset:
        """All answers with their last verdicts."""
        kept, verdicts = [], {}
        for example, found in self._decided():
            if _all_kept(found):
                kept.append(example)
                if len(kept) > (most := self._config.num_examples):
                    found.append(Verdict("number", False, f"{most} were wanted"))
            verdicts[example.id] = tuple(found)
        return GeneratedDataset(
            examples=tuple(kept[: self._config.num_examples]),
            origins=tuple(
                dataclasses.replace(one, verdicts=one.verdicts + verdicts.get(one.id, ()))
                for one in self._origins
            ),
            calls=self._calls,
            stopped=stopped,
            budget_spent=self._budget_spent,
        )

    def _question(self, call: int) -> _Question:
        """The request of a number, from what is known when its batch begins."""
        config = self._config
        rng = random.Random(f"{config.seed}/{call}")
        template = META_TEMPLATES[call % len(META_TEMPLATES) if config.varies_template else 0]
        most = min(rng.randint(1, _MOST_SHOWN), len(self.kept)) if config.shows_generated else 0
        while True:
            shown = rng.sample(self.kept, most)
            text = template.prompt(self._spec, generated=shown)
            request = _request(text, config, temperature=self._temperature())
            tokens = request.count_tokens()
            if tokens <= config.max_prompt_tokens:
                break
            if not most:
                raise ValueError(
                    f"the instruction and its {len(self._spec.demonstrations)} demonstrations "
                    f"come to {tokens} tokens; shorten them, or raise "
                    f"GenerationConfig.max_prompt_tokens above {config.max_prompt_tokens}"
                )
            most = rng.randint(0, most - 1)
        # The same question is put again for other answers than those on disk.
        again = dataclasses.replace(request, attempt=self._asked[request])
        self._asked[request] += 1
        return _Question(again, template, tuple(one.id for one in shown))

    def _temperature(self) -> float:
        config = self._config
        first, last = config.initial_temperature, config.max_temperature
        share = min(len(self.kept) / config.num_examples, 1) if config.anneals_temperature else 0
        return first + (last - first) * share

    def _read(self, question: _Question, answered: Answered) -> None:
        """Adds the answers to one request."""
        assert answered.reply is not None
        choices = answered.reply.choices
        found = [self._example(choice) for choice in choices]
        leaks = self._held_out.leaks(["" if isinstance(one, str) else one.input for one in found])
        for index, (one, leak) in enumerate(zip(found, leaks, strict=True)):
            name = f"{_PREFIX}{len(self._origins):05}"
            if isinstance(one, str):
                fields = {"text": choices[index].text}
                verdicts = [Verdict("answer", False, one)]
            else:
                fields = {"input": one.input, "output": one.output}
                verdicts = [Verdict("answer", True), Verdict("held out", not leak, leak)]
                if not leak:
                    self._examples.append(GeneratedExample(one.input, one.output, name))
                    self._ballot.add(one.input, one.output)
            origin = Origin(
                id=name,
                example=fields,
                request=answered.digest,
                choice=index,
                template=question.template.name,
                demonstrations=question.shown,
                verdicts=tuple(verdicts),
            )
            self._origins.append(origin)

    def _example(self, choice: Choice) -> Demonstration | str:
        """The example in an answer, or why there is none."""
        record = self._asking.read_json(choice, {"input": str, "output": str})
        if isinstance(record, str):
            return record
        one = Demonstration(record["input"].strip(), record["output"].strip())
        for field in ("input", "output"):
            if not getattr(one, field):
                self._asking.note(f"empty {field}")
                return f"empty {field}"
        return one

    def _decided(self) -> Iterator[tuple[GeneratedExample, list[Verdict]]]:
        """Every example with what vote and duplicates make of it, as of now."""
        first: dict[tuple[str, str], str] = {}
        for one in self._examples:
            verdicts: list[Verdict] = []
            if self._config.votes:
                votes, of = self._ballot.votes(one.input, one.output)
                wins = self._ballot.winner(one.input) == one.output
                verdicts.append(Verdict("vote", wins, f"{votes} of {of} say so"))
            if self._config.drops_duplicates and _all_kept(verdicts):
                same = first.setdefault((one.input, one.output), one.id)
                is_first = same == one.id
                verdicts.append(Verdict("duplicate", is_first, "" if is_first else f"of {same}"))
            yield one, verdicts


def _all_kept(verdicts: Sequence[Verdict]) -> bool:
    return all(verdict.kept for verdict in verdicts)
