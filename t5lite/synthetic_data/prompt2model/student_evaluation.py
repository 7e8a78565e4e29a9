"""Scores a trained student and its teacher on the test split of a folder, and writes the report."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

from t5lite.files.json_files import read_lines, read_object, write_object
from t5lite.files.whole_file import write_whole
from t5lite.messages.ranges import Size
from t5lite.messages.tables import format_markdown
from t5lite.messages.value_types import check_numbers
from t5lite.synthetic_data.prompt2model.bert_scorer import BertScorer
from t5lite.synthetic_data.prompt2model.evaluator import (
    SCORES_FILE,
    TABLE_FILE,
    Comparison,
    evaluate_answers,
    score_teacher,
)
from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec
from t5lite.synthetic_data.prompt2model.trainer import TrainedStudent
from t5lite.synthetic_data.teachers.asking import Asking

if TYPE_CHECKING:
    from t5lite.decoding.config import DecodingConfig

FOLDER = "evaluation"
REPORT_FILE, REPORT_TEXT = "report.json", "report.md"
LAST = "student, last checkpoint"

TASK, TASK_MODULE = "prompt2model", "tasks.prompt2model"

_STEPS = ("best", "last")
# Examples whose answers the report shows.
_SHOWN = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudentEvaluation:
    """What a student is scored by, and beside whom.

    Attributes:
      score_teacher: Whether the teacher is asked the test split too.
      max_answer_tokens: Of an answer of the teacher; those of the student are as long as the
        targets that it was trained on may be.
      batch_size: Examples that the student answers at once.
      bertscore_model: Folder of BERTScore's model; None leaves that score out.
      bertscore_layers: See `BertScorer.num_layers`.
    """

    score_teacher: bool = True
    max_answer_tokens: Size = 256
    batch_size: Size = 32
    bertscore_model: str | None = None
    bertscore_layers: Size | None = None

    def __post_init__(self) -> None:
        check_numbers(self, of=StudentEvaluation)
        if self.bertscore_layers is not None and self.bertscore_model is None:
            raise ValueError("--bertscore_layers is of --bertscore_model; give that too")

    @property
    def bert(self) -> BertScorer | None:
        """What BERTScore compares with; None where it is left out."""
        if self.bertscore_model is None:
            return None
        return BertScorer(model=self.bertscore_model, num_layers=self.bertscore_layers)


def evaluate_student(
    folder: pathlib.Path,
    *,
    config: StudentEvaluation,
    spec: PromptSpec,
    asking: Asking | None,
    teacher: str | None = None,
) -> Comparison:
    """Has the student's best and last checkpoint, and the teacher, answer the test split.

    Writes their answers into `evaluation/`, and the report. A killed evaluation goes on where it
    stopped.

    Args:
      folder: Of the pipeline.
      config: What is scored.
      spec: The prompt.
      asking: The teacher; None leaves it out.
      teacher: Its name in the report.

    Returns:
      The scores; the student's are those of its best checkpoint.

    Raises:
      ValueError: The student or the examples are missing or malformed, or the teacher answered
        nothing.
    """
    from t5lite.infer import infer

    trained = TrainedStudent.read(folder)
    examples, answers = folder / "data" / "test.jsonl", folder / FOLDER
    answers.mkdir(exist_ok=True)
    found = {}
    for name, step in trained.steps.items():
        if name == "last" and step == trained.best_step:
            continue
        file = answers / f"{name}.jsonl"
        infer(
            model_dir=str(folder / trained.model_dir),
            output=str(file),
            mixture_or_task_name=TASK,
            split="test",
            task_modules=(TASK_MODULE,),
            data_dir=str(folder),
            batch_size=config.batch_size,
            decoding=student_decoding(folder / trained.model_dir),
            step=step,
        )
        found[name] = evaluate_answers(file, examples, bert=config.bert)
    of_teacher = None
    if asking is not None:
        file = score_teacher(
            *(spec, examples, asking),
            answers=answers / "teacher.jsonl",
            max_tokens=config.max_answer_tokens,
        )
        of_teacher = evaluate_answers(file, examples, bert=config.bert)
    baselines = {LAST: found["last"]} if "last" in found else {}
    comparison = Comparison(student=found["best"], teacher=of_teacher, baselines=baselines)
    comparison.write(answers)
    _write_report(folder, comparison, trained, spec=spec, teacher=teacher)
    return comparison


def student_decoding(model_dir: pathlib.Path) -> DecodingConfig:
    """How a student answers: greedily, at most as long as its targets could be in training."""
    from t5lite.checkpoints.model_dir import ModelDescription
    from t5lite.decoding.config import DecodingConfig

    lengths = ModelDescription.load(model_dir).converter.task_feature_lengths
    return DecodingConfig(max_decode_length=lengths["targets"])


def _write_report(
    folder: pathlib.Path,
    comparison: Comparison,
    trained: TrainedStudent,
    *,
    spec: PromptSpec,
    teacher: str | None,
) -> None:
    """Writes `report.json`, and `report.md` for people."""
    record: dict[str, Any] = {
        "instruction": spec.instruction,
        "teacher": teacher if comparison.teacher else None,
        "student": dataclasses.asdict(trained),
        "test": read_object(folder / FOLDER / SCORES_FILE),
    }
    validation = [
        [metric, *(_number(trained.validation[name].get(metric)) for name in _STEPS)]
        for metric in trained.validation["last"]
    ]
    titles = ["validation", *(f"{name}, step {trained.steps[name]:,}" for name in _STEPS)]
    chosen = f"chosen by {trained.best_metric}" if trained.best_metric else "the last"
    parts = [
        "# What the student learned",
        f"> {' '.join(spec.instruction.split())}",
        "## On the test split",
        f"The student is its checkpoint of step {trained.best_step:,}, {chosen}. "
        + (f"The teacher is {teacher}, asked with the same prompt. " if comparison.teacher else "")
        + "Scores are in percent, with 95% intervals.",
        (folder / FOLDER / TABLE_FILE).read_text(encoding="utf-8").strip(),
        "## In training",
        format_markdown(titles, validation, right=(1, 2)),
        "## Some answers",
        _shown_answers(folder, with_teacher=comparison.teacher is not None),
    ]
    write_whole(folder / REPORT_TEXT, "\n\n".join(parts) + "\n")
    write_object(folder / REPORT_FILE, record, ensure_ascii=False)


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4g}"


def _shown_answers(folder: pathlib.Path, *, with_teacher: bool) -> str:
    names = ["best", *(["teacher"] if with_teacher else [])]
    by_id: dict[str, dict[Any, Any]] = {
        name: {
            line["id"]: line["prediction"]
            for _, line in read_lines(folder / FOLDER / f"{name}.jsonl", any_text=True)
        }
        for name in names
    }
    rows = [
        [line["input"], line["output"], *(str(by_id[name][line["id"]] or "") for name in names)]
        for _, line in list(read_lines(folder / "data" / "test.jsonl"))[:_SHOWN]
    ]
    titles = ["input", "reference", "student", *(["teacher"] if with_teacher else [])]
    return format_markdown(titles, rows)
