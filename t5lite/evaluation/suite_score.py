"""What a model scores on one suite, how it was asked, and what lacks to the whole suite."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from t5lite.evaluation.estimates import Estimate
from t5lite.evaluation.finished import FinishedEvaluation, TaskScore, mean_score
from t5lite.evaluation.suites import Suite

_LAYOUTS = {"": "", "_letters": "letters A to D", "_text": "options' texts"}
_RANKINGS = {
    "sum": "log-likelihood",
    "mean": "log-likelihood a token",
    "mean_byte": "log-likelihood a byte",
    "unconditional": "log-likelihood less that without the question",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuiteScore:
    """One evaluation of one suite.

    Attributes:
      suite: The column of the table.
      evaluation: Where the scores are from.
    """

    suite: Suite
    evaluation: FinishedEvaluation

    @functools.cached_property
    def members(self) -> Mapping[str, TaskScore]:
        """What was found of each subject, subtask or language that was there, in order."""
        found = {}
        for task, score in self.evaluation.tasks.items():
            if place := self.suite.place(task):
                found[place[0]] = score
        return {member: found[member] for member in self.suite.baselines if member in found}

    @property
    def score(self) -> Estimate:
        """The unweighted mean of the members, in percent."""
        return mean_score([*self.members.values()])

    @property
    def has_interval(self) -> bool:
        """Whether every member has one."""
        return all(member.has_interval for member in self.members.values())

    @property
    def missing(self) -> tuple[str, ...]:
        """Members without a score."""
        return tuple(member for member in self.suite.members if member not in self.members)

    def total(self, count: str) -> int:
        """The sum of a field of `TaskScore` over the members."""
        return sum(getattr(member, count) for member in self.members.values())

    @property
    def gaps(self) -> list[str]:
        """Why this is not the score of the whole suite; empty where it is."""
        gaps = []
        if self.missing:
            there, all_of_it = len(self.members), len(self.suite.members)
            is_most = there > all_of_it / 2
            named = ", ".join(self.missing if is_most else self.members)
            which = f"{'without' if is_most else 'only'} {named}"
            gaps.append(f"{there} of {all_of_it} {self.suite.member_noun} ({which})")
        wanted = self.suite.num_examples.get(self.evaluation.split)
        found = self.total("num_examples")
        most = self.evaluation.config.get("max_examples_per_task")
        if not self.missing and wanted is not None and found < wanted:
            gaps.append(f"{found:,} of {wanted:,} examples")
        if most is not None and (wanted is None or found < wanted):
            gaps.append(f"at most {most:,} examples of each")
        if skipped := self.total("num_skipped"):
            gaps.append(f"{skipped:,} examples skipped")
        return gaps

    @functools.cached_property
    def asked(self) -> str:
        """How the questions were put and answered, in words."""
        config = self.evaluation.config
        if not config:
            return "not recorded"
        layouts = {(self.suite.place(task) or ("", ""))[1] for task in self.evaluation.tasks}
        named = [_LAYOUTS[layout] for layout in sorted(layouts) if _LAYOUTS[layout]]
        return ", ".join([*named, *how_asked(config, num_shots=self.suite.num_shots)])

    @property
    def deviations(self) -> list[str]:
        """What was done otherwise than in the paper."""
        config, suite = self.evaluation.config, self.suite
        found = []
        if self.evaluation.split != suite.split:
            found.append(f"split {self.evaluation.split}, published {suite.split}")
        num_shots = config.get("num_shots")
        if num_shots is not None and num_shots != suite.num_shots:
            found.append(f"{num_shots} shots, published {suite.num_shots}")
        if config.get("rank_by") is not None:
            found.append("options ranked, published generated")
        if config.get("use_chat_template"):
            found.append("chat template, published none")
        if (config.get("decoding") or {}).get("num_return_sequences", 1) > 1:
            found.append("self-consistency, published one chain")
        if cut := self.total("num_cut"):
            most = (config.get("decoding") or {}).get("max_decode_length")
            where = "at the length limit" if most is None else f"at {most:,} tokens"
            found.append(f"{cut:,} answers cut off {where}")
        if dropped := self.total("num_dropped_exemplars"):
            found.append(f"{dropped:,} demonstrations dropped for want of room")
        return found


def how_asked(config: Mapping[str, Any], *, num_shots: int | None = None) -> list[str]:
    """What an `EvalConfig`, read from `metrics.json`, says of the way of asking.

    Args:
      config: Its fields.
      num_shots: Demonstrations that the Task gives, where the config leaves them to it.
    """
    words = []
    ranked = config.get("rank_by")
    decoding = config.get("decoding") or {}
    if ranked is not None:
        end = "with" if config.get("rank_end_token", True) else "without"
        words.append(f"ranked by {_RANKINGS.get(ranked, ranked)}, {end} end token")
    else:
        words.append(f"generated, {_decoding(decoding)}")
    shots = config.get("num_shots")
    shots = num_shots if shots is None else shots
    if shots is not None:
        words.append(f"{shots}-shot")
    if config.get("use_chat_template"):
        system = "with" if config.get("system_prompt") else "no"
        words.append(f"chat template, {system} system prompt")
    return words


def _decoding(decoding: Mapping[str, Any]) -> str:
    strategy = decoding.get("strategy", "greedy")
    answers = decoding.get("num_return_sequences", 1)
    if strategy == "beam":
        return f"beam search of {decoding.get('num_beams')}"
    if strategy != "sample":
        return str(strategy)
    drawn = f"temperature {decoding.get('temperature')}"
    return f"majority of {answers} samples, {drawn}" if answers > 1 else f"sampled, {drawn}"
