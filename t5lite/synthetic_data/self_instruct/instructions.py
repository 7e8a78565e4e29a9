"""The first step: rounds of requests for instructions, each filtered against all that are there.

A round is done when its line stands in rounds.jsonl. One that was killed is put again: what it
asked is drawn by its number, the answers are on disk, and so it ends with the same lines.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import random
from collections.abc import Iterator, Sequence

from t5lite.files.appended_lines import AppendedLines
from t5lite.messages.progress import Bar, progress_bar
from t5lite.synthetic_data.provenance import Origin, Trace, Verdict
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct import parsing, prompts
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.parsing import Fields
from t5lite.synthetic_data.self_instruct.rouge_filter import Nearest, RougeFilter
from t5lite.synthetic_data.self_instruct.seeds import SeedTask
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.asking import Answered, Asking
from t5lite.synthetic_data.teachers.requests import Choice, Request

ROUGE_L = "rouge_l"
FORMAT = "format"


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a step ended.

    Attributes:
      is_done: Whether it came to where it was to come.
      why: In words, of what the user may want to know; "" for nothing.
    """

    is_done: bool
    why: str = ""


@dataclasses.dataclass(frozen=True)
class _Asked:
    """A request, with the ids of what it shows."""

    request: Request
    shown: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """An instruction that the teacher wrote, and where."""

    id: str
    fields: Fields
    request: str
    shown: tuple[str, ...]


def write_instructions(
    asking: Asking,
    seeds: Sequence[SeedTask],
    config: SelfInstructConfig,
    *,
    folder: pathlib.Path,
    trace: Trace,
    workers: int = 1,
) -> Ended:
    """Asks for instructions until there are enough, or no new ones come.

    Args:
      asking: The teacher.
      seeds: Whose instructions requests show.
      config: How many, and how they are asked for and filtered.
      folder: Where `ROUNDS` and `INSTRUCTIONS` are.
      trace: Gets every candidate with the verdicts on it.
      workers: Threads that compare texts.

    Raises:
      ValueError: As `Asking.ask`; or a file of the folder is malformed.
    """
    with (
        AppendedLines(folder / files.ROUNDS, name="--output") as rounds,
        AppendedLines(folder / files.INSTRUCTIONS, name="--output") as kept_lines,
        progress_bar(
            total=config.num_instructions, desc="instructions", unit="kept", disable=False
        ) as bar,
    ):
        files.checked(rounds.records, files.ROUNDS)
        files.checked(kept_lines.records, files.INSTRUCTIONS)
        # Those of a round that was killed before its own line was written come again.
        while kept_lines.records and kept_lines.records[-1][1]["round"] >= len(rounds.records):
            kept_lines.take_back()
        kept = [KeptInstruction(**record) for _, record in kept_lines.records]
        pool = _Pool(seeds, kept, config, workers=workers)
        while not (ended := _ended([record for _, record in rounds.records], pool, config)):
            number = len(rounds.records)
            _show(bar, pool, number)
            first = number * config.requests_per_round
            asked = [
                _request(seeds, pool.kept, config, number=first + index)
                for index in range(config.requests_per_round)
            ]
            answers = asking.ask([one.request for one in asked], desc=None)
            if any(answer.budget_spent for answer in answers):
                return Ended(
                    False, f"The budget was spent in round {number}, which begins again then."
                )
            new, origins, counts = _filter(asked, answers, pool, config, asking, round=number)
            trace.add(origins)
            kept_lines.append([_record(one) for one in new])
            rounds.append([{"round": number, "requests": len(asked), **counts}])
        _show(bar, pool, len(rounds.records))
        return ended


class _Pool:
    """Seeds and what was kept, with their ROUGE-L filter."""

    def __init__(
        self,
        seeds: Sequence[SeedTask],
        kept: Sequence[KeptInstruction],
        config: SelfInstructConfig,
        *,
        workers: int,
    ) -> None:
        self.kept = list(kept)
        tasks: list[SeedTask | KeptInstruction] = [*seeds, *kept]
        self._names = [task.id for task in tasks]
        self._filter = RougeFilter(
            [task.instruction for task in tasks],
            max_rouge_l=config.max_rouge_l,
            alphabet=config.alphabet,
            workers=workers,
        )

    def add_new(self, candidates: Sequence[_Candidate]) -> Iterator[tuple[_Candidate, Verdict]]:
        """Adds those that are new to the names; yields each with its verdict."""
        texts = [candidate.fields.instruction or "" for candidate in candidates]
        for candidate, (is_new, nearest) in zip(
            candidates, self._filter.add_new(texts), strict=True
        ):
            yield candidate, Verdict(ROUGE_L, kept=is_new, why=self._why(nearest))
            if is_new:
                self._names.append(candidate.id)

    def _why(self, nearest: Nearest) -> str:
        if nearest.index is None:
            return "no word in common with any"
        return f"ROUGE-L {nearest.rouge_l:.3f} with {self._names[nearest.index]}"


def _ended(
    rounds: Sequence[dict[str, int]], pool: _Pool, config: SelfInstructConfig
) -> Ended | None:
    """How the step ends after these rounds; None if it goes on."""
    if len(pool.kept) >= config.num_instructions:
        return Ended(True)
    idle = 0
    for record in reversed(rounds):
        if record["kept"]:
            break
        idle += 1
    missing = f"{len(pool.kept):,} of the {config.num_instructions:,} instructions are there"
    if idle >= config.max_rounds_without_new:
        return Ended(
            True,
            f"The last {idle} rounds brought no new instruction, so that asking ended; {missing}.",
        )
    if config.max_rounds is not None and len(rounds) >= config.max_rounds:
        return Ended(True, f"{len(rounds)} rounds were asked, as many as wanted; {missing}.")
    return None


def _request(
    seeds: Sequence[SeedTask],
    kept: Sequence[KeptInstruction],
    config: SelfInstructConfig,
    *,
    number: int,
) -> _Asked:
    """The request of this number in the run; what it shows is drawn by the number."""
    rng = random.Random(f"{config.seed}/{number}")
    if config.whole_tasks:
        tasks = rng.sample(list(seeds), min(len(seeds), config.num_demonstrations))
        request = prompts.whole_task_request(tasks, config, attempt=number)
        return _Asked(request, tuple(task.id for task in tasks))
    shown: list[SeedTask | KeptInstruction] = []
    shown += rng.sample(list(kept), min(len(kept), config.num_machine_demonstrations))
    shown += rng.sample(list(seeds), min(len(seeds), config.num_demonstrations - len(shown)))
    rng.shuffle(shown)
    texts = [task.instruction for task in shown]
    # The number tells the request from one that happens to show the same.
    request = prompts.instruction_request(texts, config, attempt=number)
    return _Asked(request, tuple(task.id for task in shown))


def _filter(
    asked: Sequence[_Asked],
    answers: Sequence[Answered],
    pool: _Pool,
    config: SelfInstructConfig,
    asking: Asking,
    *,
    round: int,
) -> tuple[list[KeptInstruction], list[Origin], dict[str, object]]:
    """Puts what was answered through the filters; the pool grows by what is kept.

    Returns:
      What is kept; all candidates with their verdicts; what rounds.jsonl says of the round.
    """
    candidates: list[_Candidate] = []
    counts: collections.Counter[str] = collections.Counter(not_answered=0, cut=0, no_list=0)
    for index, (one, answer) in enumerate(zip(asked, answers, strict=True)):
        if answer.reply is None:
            counts["not_answered"] += 1
            continue
        choice = answer.reply.choices[0]
        items = _items(choice, config)
        counts["cut"] += choice.was_cut
        counts["no_list"] += not items
        candidates += [
            _Candidate(
                f"machine_{round:05d}_{index:02d}_{place:02d}", item, answer.digest, one.shown
            )
            for place, item in enumerate(items)
        ]
    asking.note("answers cut short", counts["cut"])
    asking.note("answers without an instruction", counts["no_list"])
    verdicts = {c.id: _verdicts(c, config) for c in candidates}
    passed = [c for c in candidates if all(verdict.kept for verdict in verdicts[c.id])]
    for candidate, verdict in pool.add_new(passed):
        verdicts[candidate.id] += (verdict,)
        if verdict.kept:
            pool.kept.append(_kept(candidate, round))
    origins = [_origin(candidate, verdicts[candidate.id]) for candidate in candidates]
    new = pool.kept[len(pool.kept) - sum(origin.kept for origin in origins) :]
    dropped = collections.Counter(one.left_out_by for one in origins if not one.kept)
    record = {**counts, "candidates": len(candidates), "kept": len(new), "dropped": dict(dropped)}
    return new, origins, record


def _items(choice: Choice, config: SelfInstructConfig) -> list[Fields]:
    """What an answer lists, less what was cut."""
    if choice.was_cut and config.cut_answers == "drop":
        return []
    goes_on = config.prompt_form == "continuation"
    if config.whole_tasks:
        items = parsing.read_whole_tasks(choice.text, goes_on=goes_on)
    else:
        listed = parsing.read_list(choice.text, goes_on=goes_on)
        items = [Fields(instruction=text) for text in listed]
    return items[:-1] if choice.was_cut else items


def _verdicts(candidate: _Candidate, config: SelfInstructConfig) -> tuple[Verdict, ...]:
    """Of all filters but ROUGE-L, which knows the others too."""
    found: tuple[Verdict, ...] = ()
    if config.whole_tasks:
        has_output = candidate.fields.output is not None
        found = (Verdict(FORMAT, kept=has_output, why="" if has_output else "no output"),)
        if not has_output:
            return found
    instruction = candidate.fields.instruction or ""
    return found + config.heuristics.verdicts(instruction, alphabet=config.alphabet)


def _kept(candidate: _Candidate, round: int) -> KeptInstruction:
    fields = candidate.fields
    return KeptInstruction(
        id=candidate.id,
        instruction=fields.instruction or "",
        round=round,
        request=candidate.request,
        input=fields.input,
        output=fields.output,
    )


def _record(kept: KeptInstruction) -> dict[str, object]:
    return {name: v for name, v in dataclasses.asdict(kept).items() if v is not None}


def _origin(candidate: _Candidate, verdicts: tuple[Verdict, ...]) -> Origin:
    fields = dataclasses.asdict(candidate.fields)
    return Origin(
        id=candidate.id,
        example={name: text for name, text in fields.items() if text is not None},
        request=candidate.request,
        demonstrations=candidate.shown,
        verdicts=verdicts,
    )


def _show(bar: Bar, pool: _Pool, num_rounds: int) -> None:
    bar.n = min(len(pool.kept), bar.total)
    bar.set_postfix_str(f"rounds {num_rounds:,}")
