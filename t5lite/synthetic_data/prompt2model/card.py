"""The student as a Hugging Face folder, with a card that says where its data came from."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from t5lite.data.tasks.instructed import instructed_inputs
from t5lite.files import strict_json
from t5lite.files.hashes import HASHES_FILE as FOLDER_HASHES
from t5lite.files.json_files import read_object
from t5lite.files.whole_file import write_whole
from t5lite.messages.tables import format_markdown
from t5lite.synthetic_data.prompt2model.dataset_retriever import FOUND_FILE
from t5lite.synthetic_data.prompt2model.prompt_spec import PromptSpec
from t5lite.synthetic_data.prompt2model.trainer import TrainedStudent
from t5lite.synthetic_data.provenance import TRACE_FILE, read_trace

FOLDER = "huggingface"
CARD_FILE = f"{FOLDER}/README.md"
# All settings of the run, in its own folder.
CONFIG_FILE = "config.gin"
HASHES_FILE = f"{FOLDER}/{FOLDER_HASHES}"

_METRIC_TYPES = {"exact match": "exact_match", "chrF++": "chrf", "BERTScore F1": "bertscore"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """What a student's data came from, as its card says.

    Attributes:
      teacher: Who generated examples; None where nobody did.
      by_hand: Whether somebody put a file of examples in their place.
      splits: Examples by split.
      generated: Answers of the teacher by what became of them.
      dataset: The record of the data set that was taken, as `found_datasets.json` has it.
      scores: The report's scores on the test split; none where there is no report.
    """

    teacher: str | None
    by_hand: bool = False
    splits: Mapping[str, int]
    generated: Mapping[str, int]
    dataset: Mapping[str, Any] | None
    scores: Mapping[str, Any]


def export_student(folder: pathlib.Path, *, spec: PromptSpec, sources: Sources) -> None:
    """Writes the student's best checkpoint into `huggingface/`, and its card.

    Args:
      folder: Of the pipeline.
      spec: The prompt.
      sources: What the card says of data.

    Raises:
      ValueError: As `t5lite convert`: a model that no family of Hugging Face's can hold.
    """
    from t5lite.convert.convert import convert

    trained = TrainedStudent.read(folder)
    target = folder / FOLDER
    for killed in folder.glob(f".{FOLDER}.*"):  # What an export that was killed has left.
        shutil.rmtree(killed)
    if not (folder / HASHES_FILE).is_file():  # It comes to be as a whole.
        convert(
            str(folder / trained.model_dir),
            str(target),
            to="hf",
            step=trained.best_step,
            verified=None,
        )
    write_whole(folder / CARD_FILE, card(trained, spec=spec, sources=sources))


def card(trained: TrainedStudent, *, spec: PromptSpec, sources: Sources) -> str:
    """The text of README.md: front matter in YAML, and what a reader asks.

    Args:
      trained: The student.
      spec: The prompt.
      sources: What its data came from.
    """
    front = strict_json.dumps(
        _front_matter(trained, spec=spec, sources=sources), indent=2, ensure_ascii=False
    )
    parts = [
        # JSON is YAML, and quotes what strangers wrote.
        f"---\n{front}\n---",
        "# A model made from a prompt",
        "It was trained by `t5lite prompt2model`, after Prompt2Model (arXiv 2308.12261), to do "
        "what this prompt asks for:",
        _quoted(spec.original or spec.instruction),
        "It is asked with the prompt's instruction and an input, in this form:",
        _code(instructed_inputs("INSTRUCTION", "INPUT").rstrip("\n")),
        "## Data",
        _data(sources),
        "## Training",
        _training(trained),
        "## Scores",
        _scores(sources.scores),
        "## Made by",
        _code(f"t5lite prompt2model prompt.txt --output=DIR --gin_file={CONFIG_FILE}"),
        f"`{CONFIG_FILE}` lies in the folder of the run, and `prompt.txt` holds the prompt.",
        "Examples that a model wrote may be wrong, and the test split is of such examples too "
        "unless one was given. The terms of the teacher and of the data sets hold for what was "
        "made with them.",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(trained: TrainedStudent, *, spec: PromptSpec, sources: Sources) -> dict[str, Any]:
    found: dict[str, Any] = {
        "library_name": "transformers",
        "tags": ["prompt2model", "t5lite", "synthetic-data"],
    }
    if spec.language:
        found["language"] = spec.language
    if trained.initial_checkpoint:
        found["base_model"] = pathlib.PurePath(trained.initial_checkpoint).name
    if sources.dataset:
        found["datasets"] = [sources.dataset["name"]]
    student = sources.scores.get("models", {}).get("student", {}).get("scores", {})
    if student:
        metrics = [
            {"type": _METRIC_TYPES.get(name, name), "name": name, "value": value["value"]}
            for name, value in student.items()
        ]
        found["model-index"] = [
            {
                "name": "student",
                "results": [
                    {
                        "task": {"type": "text2text-generation"},
                        "dataset": {"type": "synthetic", "name": "test split of the prompt"},
                        "metrics": metrics,
                    }
                ],
            }
        ]
    return found


def _data(sources: Sources) -> str:
    rows = [[f"split {name}", f"{count:,}"] for name, count in sources.splits.items()]
    rows += [
        [f"answers of the teacher: {name}", f"{count:,}"]
        for name, count in sources.generated.items()
    ]
    said = []
    if sources.teacher:
        said.append(f"Examples were written by {sources.teacher}.")
    if sources.dataset:
        licence = sources.dataset.get("license") or "not said by its description"
        said.append(f"Examples were taken of {sources.dataset['name']}; its licence: {licence}.")
    if sources.by_hand or not said:
        said.append("Examples were put there by hand.")
    return "\n".join(said) + "\n\n" + format_markdown(("what", "examples"), rows, right=(1,))


def _training(trained: TrainedStudent) -> str:
    start = trained.initial_checkpoint
    began = f"from {pathlib.PurePath(start).name}" if start else "from nothing"
    chosen = f", chosen by {trained.best_metric}" if trained.best_metric else ""
    return (
        f"It started {began}, and was trained with `{trained.recipe}` for {trained.last_step:,} "
        f"steps. This is the checkpoint of step {trained.best_step:,}{chosen}."
    )


def _scores(scores: Mapping[str, Any]) -> str:
    models = scores.get("models", {})
    if not models:
        return "It was not scored."
    rows = [
        [name, metric, f"{value['value']:.3f}", f"{value['low']:.3f} to {value['high']:.3f}"]
        for name, model in models.items()
        for metric, value in model["scores"].items()
    ]
    table = format_markdown(("model", "score", "value", "95% interval"), rows, right=(2, 3))
    return f"On {scores['num_examples']:,} examples of the test split:\n\n{table}"


def generated_counts(folder: pathlib.Path) -> dict[str, int]:
    """Answers of the teacher by the filter that left them out, and those kept; none without any."""
    if not (folder / TRACE_FILE).is_file():
        return {}
    ends = collections.Counter(
        f"left out: {origin.left_out_by}" if origin.left_out_by else "kept"
        for origin in read_trace(folder).values()
        if origin.request
    )
    return dict(ends.most_common())


def chosen_dataset(folder: pathlib.Path) -> dict[str, Any] | None:
    """What `found_datasets.json` says of the data set that was taken; None where none was."""
    record = read_object(folder / FOUND_FILE, missing_ok=True)
    chosen = record.get("chosen")
    if not chosen:
        return None
    described = [one for one in record.get("found", []) if one.get("name") == chosen.get("name")]
    return {**(described[0] if described else {}), **chosen}


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.strip().split("\n"))


def _code(text: str) -> str:
    return f"```\n{text}\n```"
