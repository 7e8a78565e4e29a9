"""The reference's data sets, as its `datasets/` folder has them: inputs, labels, teachers' answers.

    esnli/esnli_train.json        a JSON object a line, as `datasets` writes them
    esnli/llm/train_CoT_0.json    a list of PaLM's answers, file after file in the rows' order
    gpt-neox/esnli/train.json     the same of GPT-NeoX, in one file
    svamp/SVAMP.json              SVAMP as its authors give it, where there is no svamp_train.json

(github.com/google-research/distilling-step-by-step, `data_utils.py`.) Answers are read as there,
but a record whose answer cannot be read is left out, where the reference trains on blanks. Its two
texts of NLI are joined by T5's end token, ours by the words that T5 knows from its own training.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from t5lite.data.sources import local_files
from t5lite.messages.value_types import check_fields, check_type

from ..rationale_forms import Record

# What the reference trains on to choose by, where a set has no such split: one in ten.
_VALIDATION_ONE_IN = 10
_RAW_SVAMP, _SVAMP_TRAIN = "SVAMP.json", 800
_NLI_LABELS = ("entailment", "neutral", "contradiction")
# Of a teacher's answer: rationale and label, or None where there is none.
Parsed = tuple[str, str] | None


@dataclasses.dataclass(frozen=True)
class Layout:
    """How one set is laid out.

    Attributes:
      splits: ours to theirs.
      fields: what a line holds, with types.
      make: input and label of a line; raises KeyError for a label that is none.
      parse: reads a teacher's answer.
      human: the field of a person's rationale; "" where there is none.
    """

    splits: Mapping[str, str]
    fields: Mapping[str, Any]
    make: Callable[[Mapping[str, Any]], tuple[str, str]]
    parse: Callable[[str], Parsed]
    human: str = ""


@dataclasses.dataclass(frozen=True)
class LayoutReader:
    """Reads a set with the rationales of one source.

    Attributes:
      root: the folder of all sets.
      name: of the set.
      source: `llm` (PaLM), `gpt-neox` or `human`.
    """

    root: pathlib.Path
    name: str
    source: str

    def __call__(self, split: str) -> list[Record]:
        """The records of a split.

        Raises:
          ValueError: a file is missing or malformed, or there are more answers than rows; names
            it.
        """
        layout = LAYOUTS[self.name]
        is_cut = "validation" not in layout.splits and split != "test"
        theirs = layout.splits.get(split, "train")
        path = self.root / self.name / f"{self.name}_{theirs}.json"
        wanted_by = f"{self.name}, split {split!r}"
        raw = self.root / self.name / _RAW_SVAMP
        if self.name == "svamp" and raw.is_file() and not path.is_file():
            lines = _split_svamp(raw, theirs, wanted_by=wanted_by)
        else:
            lines = list(local_files.read_jsonl(path, wanted_by=wanted_by))
        answers = [] if self.source == "human" else self._answers(theirs, num_rows=len(lines))
        records = []
        for index, (where, line) in enumerate(lines):
            record = self._record(line, where=where, index=index, answers=answers)
            held_back = local_files.keyed_hash("distilling", record.input) % _VALIDATION_ONE_IN == 0
            if not is_cut or held_back == (split == "validation"):
                records.append(record)
        return records

    def _record(
        self, line: Mapping[str, Any], *, where: str, index: int, answers: list[str]
    ) -> Record:
        layout = LAYOUTS[self.name]
        for field in layout.fields:
            if line.get(field) is None:
                raise ValueError(f"{where}: field {field!r} is missing")
        check_fields(line, layout.fields, name=where)
        try:
            text, label = layout.make(line)
        except (KeyError, IndexError) as error:
            raise ValueError(f"{where}: {error}; the set's layout is another") from error
        parsed = layout.parse(answers[index]) if index < len(answers) else None
        rationale, teacher_label = parsed or (None, None)
        if self.source == "human":
            rationale = str(line.get(layout.human) or "").strip() or None
        return Record(
            id=str(index),
            input=text,
            label=label,
            teacher_label=teacher_label,
            rationale=rationale,
        )

    def _answers(self, split: str, *, num_rows: int) -> list[str]:
        """The teacher's answers to the first rows of a split, or to all."""
        if self.source == "gpt-neox":
            paths = [self.root / self.source / self.name / f"{split}.json"]
        else:
            paths = _numbered(self.root / self.name / self.source, split)
        answers: list[str] = []
        for path in paths:
            found = local_files.read_json(path, wanted_by=f"{self.name}, answers of the teacher")
            answers += local_files.require_strings({"answers": found}, "answers", where=str(path))
            if len(answers) > num_rows:
                raise ValueError(
                    f"{path} ends with answer {len(answers):,}, and {self.name}_{split}.json has "
                    f"{num_rows:,} rows. Take both from the same copy of the data."
                )
        return answers


def sources(root: pathlib.Path, name: str) -> list[str]:
    """Whose rationales of a set lie in a folder of all sets; PaLM's first."""
    folders = {"llm": root / name / "llm", "gpt-neox": root / "gpt-neox" / name}
    found = [source for source, folder in folders.items() if folder.is_dir()]
    # Without any, its labels may be learned, and a teacher asked.
    return [*found, "human"] if LAYOUTS[name].human else found or ["llm"]


def _split_svamp(
    path: pathlib.Path, split: str, *, wanted_by: str
) -> list[tuple[str, Mapping[str, Any]]]:
    """SVAMP as its authors give it, in the order and the split that the reference makes of it."""
    records = local_files.read_json(path, wanted_by=wanted_by)
    check_type(records, list[dict[str, Any]], name=str(path))
    # NumPy keeps what this generator draws.
    order = np.random.RandomState(seed=0).permutation(len(records))
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for index in order[:_SVAMP_TRAIN] if split == "train" else order[_SVAMP_TRAIN:]:
        where = f"{path}, record {index + 1}"
        body, question, label = (
            local_files.require(records[index], field, str, where=where)
            for field in ("Body", "Question", "Equation")
        )
        rows.append((where, {"input": f"{body}\n{question}", "label": label}))
    return rows


def _numbered(folder: pathlib.Path, split: str) -> list[pathlib.Path]:
    """`train_CoT_0.json` and those that follow, none left out; or no answers at all."""
    found = {
        int(number[1]): path
        for path in folder.glob(f"{split}_CoT_*.json")
        if (number := re.fullmatch(rf"{split}_CoT_(\d+)\.json", path.name))
    }
    if missing := sorted(set(range(len(found))) - set(found)):
        raise ValueError(
            f"{folder / f'{split}_CoT_{missing[0]}.json'} is missing, without which nothing says "
            "which row an answer is of. Unpack all of the reference's datasets."
        )
    return [found[number] for number in sorted(found)]


def _cqa(line: Mapping[str, Any]) -> tuple[str, str]:
    choices = "".join(
        f"\n({letter}) {text}" for letter, text in zip("abcde", line["choices"], strict=False)
    )
    return f"{line['question']}\nAnswer Choices:{choices}", line["answer"]


def _nli(line: Mapping[str, Any]) -> tuple[str, str]:
    if not 0 <= line["label"] < len(_NLI_LABELS):
        raise IndexError(f"label is {line['label']}, expected 0, 1 or 2")
    text = f"premise: {line['premise']} hypothesis: {line['hypothesis']}"
    return text, _NLI_LABELS[line["label"]]


def _svamp(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["input"], line["label"]


def _reasoned(
    text: str, *, phrases: tuple[str, ...], answer: str, next_question: str = "Q:"
) -> Parsed:
    """What stands before the first of the phrases found, and the answer found behind it."""
    text = text.partition(next_question)[0].strip()
    for phrase in phrases:
        rationale, found, rest = text.partition(phrase)
        label = re.search(answer, rest) if found else None
        if label and rationale.strip():
            return rationale.strip(), label[1].strip()
    return None


def _parse_cqa(text: str) -> Parsed:
    return _reasoned(text, phrases=("So the answer is",), answer=r"\(.\)\s*([^\n(]*[^\n(.\s])")


def _parse_svamp(text: str) -> Parsed:
    return _reasoned(text, phrases=("The answer is",), answer=r"(\(.*\))")


def _parse_anli(text: str) -> Parsed:
    return _reasoned(
        text,
        phrases=("So the answer is", "The answer is"),
        answer=r"(\w+)",
        next_question="Premise:",
    )


def _parse_esnli(text: str) -> Parsed:
    return _reasoned(text, phrases=("Answer:",), answer=r"(\w+)", next_question="Premise:")


_THREE = {"train": "train", "validation": "valid", "test": "test"}
_TWO = {"train": "train", "test": "test"}
_NLI_FIELDS = {"premise": str, "hypothesis": str, "label": int}
LAYOUTS: Mapping[str, Layout] = {
    "esnli": Layout(_THREE, _NLI_FIELDS, _nli, _parse_esnli, human="explanation_1"),
    "anli1": Layout(_THREE, _NLI_FIELDS, _nli, _parse_anli, human="reason"),
    "cqa": Layout(
        _TWO,
        {"question": str, "choices": list[str], "answer": str},
        _cqa,
        _parse_cqa,
        human="abstractive_explanation",
    ),
    "svamp": Layout(_TWO, {"input": str, "label": str}, _svamp, _parse_svamp),
}
