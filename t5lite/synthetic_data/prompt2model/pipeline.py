"""The steps of `t5lite prompt2model`: which files each reads and writes, and what it calls."""

from __future__ import annotations

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from t5lite.data.tasks.instructed import instructed_inputs
from t5lite.files.json_files import read_object, write_lines
from t5lite.messages.streams import say
from t5lite.messages.value_types import check_fields
from t5lite.synthetic_data.extras import check_installed
from t5lite.synthetic_data.prompt2model import (
    card,
    dataset_retriever,
    model_retriever,
    student_evaluation,
    trainer,
)
from t5lite.synthetic_data.prompt2model.dataset_generator import generate_dataset
from t5lite.synthetic_data.prompt2model.dataset_retriever import RETRIEVED_FILE
from t5lite.synthetic_data.prompt2model.generated_dataset import GENERATED_FILE
from t5lite.synthetic_data.prompt2model.parser import read_prompt, translate_instruction
from t5lite.synthetic_data.prompt2model.prompt_spec import SPEC_FILE
from t5lite.synthetic_data.prompt2model.splits import label_table, split_examples
from t5lite.synthetic_data.prompt2model.step_folder import StepFolder
from t5lite.synthetic_data.prompt2model.steps import Counts, Pipeline, Step
from t5lite.synthetic_data.prompt2model.trainer import TRAINING_FILE
from t5lite.synthetic_data.prompt2model.work import (
    GIVEN_TEST_FILE,
    PROMPT_FILES,
    SPLIT_FILES,
    Work,
    read_examples,
)

log = logging.getLogger(__name__)

FOUND_DATASETS = dataset_retriever.FOUND_FILE
FOUND_MODELS = model_retriever.FOUND_FILE


# ---- What each step does -------------------------------------------------------------------------


def parse(work: Work) -> Counts:
    """Takes the prompt apart."""
    found = [work.path / name for name in PROMPT_FILES if work.has(name)]
    if len(found) != 1:
        raise ValueError(
            f"{work.path} holds {len(found)} prompts; give the file of one: "
            "t5lite prompt2model PROMPT.txt --output=DIR"
        )
    asks = work.settings.parse_with_teacher and found[0].suffix == ".txt"
    spec = read_prompt(found[0], asking=work.asking if asks else None)
    if work.settings.translate:
        spec = translate_instruction(spec, work.asking)
    spec.write(work.path / SPEC_FILE)
    return {"demonstrations": len(spec.demonstrations)}


def retrieve_datasets(work: Work) -> Counts:
    """Looks for a data set that fits, and takes its examples."""
    return dataset_retriever.retrieve_datasets_step(
        work.spec, settings=work.settings.dataset_retrieval, output=work.path
    )


def generate(work: Work) -> Counts:
    """Asks the teacher for examples."""
    dataset = generate_dataset(
        *(work.spec, work.asking),
        folder=work.path,
        config=work.settings.generation,
        held_out=work.held_out(),
    )
    say(dataset.summary())
    if table := label_table([dataclasses.asdict(example) for example in dataset.examples]):
        say(table)
    if dataset.budget_spent:
        raise ValueError(
            f"there are {len(dataset.examples):,} examples of "
            f"{work.settings.generation.num_examples:,} ({dataset.stopped}). What was answered "
            "is kept: give more of --max_calls, --max_total_tokens or --max_price to go on, or "
            f"--num_examples={len(dataset.examples)} to do with these."
        )
    return {"examples": len(dataset.examples), "calls": dataset.calls}


def process(work: Work) -> Counts:
    """Splits the examples, and numbers the data sets that they come from.

    Validation and test are of what was generated, where there is any: it was made for this prompt.
    Examples of the data set that was found are trained on.
    """
    sources = [name for name in (GENERATED_FILE, RETRIEVED_FILE) if work.has(name)]
    rows = [(name, found) for name in sources if (found := read_examples(work.path / name))]
    if not rows:
        raise ValueError(
            f"there are no examples: {work.path} has no {GENERATED_FILE} and no {RETRIEVED_FILE} "
            "with any. Run the step generate or retrieve_datasets, or put such a file there."
        )
    given, config = work.held_out(), work.settings.splits
    if given:
        config = dataclasses.replace(config, test_share=0.0)
    (_, first), *others = rows
    split = split_examples([{**row, "dataset": 0} for row in first], config, held_out=given)
    say(split.summary())
    splits = {name: list(found) for name, found in split.by_name().items()}
    if given:
        splits["test"] = [
            {**row, "dataset": 0} for row in read_examples(work.path / GIVEN_TEST_FILE)
        ]
    own = {name: [row["input"] for row in splits[name]] for name in ("validation", "test")}
    for number, (_, more) in enumerate(others, start=1):
        only_train = dataclasses.replace(config, validation_share=0.0, test_share=0.0)
        numbered = [{**row, "dataset": number} for row in more]
        splits["train"] += split_examples(numbered, only_train, held_out=given | own).train
    (work.path / "data").mkdir(exist_ok=True)
    for name, examples in splits.items():
        if not examples:
            raise ValueError(
                f"the split {name} would have no examples ({sum(len(r) for _, r in rows)} in all); "
                "generate more (--num_examples), or give other shares (--validation_share, "
                "--test_share)"
            )
        write_lines(work.path / "data" / f"{name}.jsonl", examples)
    return {name: len(found) for name, found in splits.items()} | {
        f"of data set {number} ({name.removesuffix('.jsonl')})": len(found)
        for number, (name, found) in enumerate(rows)
    }


def retrieve_models(work: Work) -> Counts:
    """Looks for a model to start from."""
    settings = work.settings.model_retrieval
    asking = work.asking if settings.hypothetical_card else None
    return model_retriever.retrieve_models_step(
        work.spec, settings=settings, output=work.path, asking=asking
    )


def train(work: Work) -> Counts:
    """Trains the student, without the teacher in memory."""
    work.close()
    found = _chosen_model(work) if work.has(FOUND_MODELS) else None
    trained = trainer.train_student(
        work.path,
        config=work.settings.training,
        found_model=found,
        cache_dir=work.settings.cache_dir,
    )
    return {"steps": trained.last_step, "best step": trained.best_step}


def evaluate(work: Work) -> Counts:
    """Scores the student's best and last checkpoint, and the teacher, on the test split."""
    settings = work.settings.evaluation
    asking = work.asking if settings.score_teacher else None
    comparison = student_evaluation.evaluate_student(
        work.path,
        config=settings,
        spec=work.spec,
        asking=asking,
        teacher=None if asking is None else asking.teacher_name,
    )
    say(comparison.table())
    return {"test examples": len(comparison.student.ids)}


def export(work: Work) -> Counts:
    """Writes the student as a Hugging Face folder with a card."""
    report, teacher = student_evaluation.REPORT_FILE, writer_of_examples(work)
    sources = card.Sources(
        teacher=teacher,
        by_hand=work.has(GENERATED_FILE) and teacher is None,
        splits={pathlib.PurePath(n).stem: len(read_examples(work.path / n)) for n in SPLIT_FILES},
        generated=card.generated_counts(work.path) if teacher else {},
        dataset=card.chosen_dataset(work.path) if work.has(FOUND_DATASETS) else None,
        scores=read_object(work.path / report)["test"] if work.has(report) else {},
    )
    card.export_student(work.path, spec=work.spec, sources=sources)
    return dict(sources.splits)


def demo(work: Work) -> Counts:
    """Serves a page to try the student."""
    work.close()
    from t5lite.synthetic_data.prompt2model.page import serve_page

    trained, spec = trainer.TrainedStudent.read(work.path), work.spec
    model_dir = work.path / trained.model_dir
    serve_page(
        str(model_dir),
        spec,
        template=functools.partial(instructed_inputs, spec.instruction),
        step=trained.best_step,
        decoding=student_evaluation.student_decoding(model_dir),
        port=work.settings.port,
        title=work.path.resolve().name,
    )
    return {}


# ---- The table -----------------------------------------------------------------------------------


# Whether a step asks the teacher, and how to do without.
_ASKS: Mapping[str, tuple[Callable[[Work], bool], str]] = {
    "parse": (
        lambda work: (
            work.settings.translate
            or (work.settings.parse_with_teacher and work.has(PROMPT_FILES[0]))
        ),
        "--noparse_with_teacher, without --translate",
    ),
    "generate": (lambda work: True, "--skip=generate"),
    "retrieve_models": (
        lambda work: work.settings.model_retrieval.hypothetical_card,
        "--nohypothetical_card",
    ),
    "evaluate": (lambda work: work.settings.evaluation.score_teacher, "--noscore_teacher"),
}


def _teacher(step: str, work: Work) -> dict[str, Any]:
    """The teacher's name as a setting of a step that asks it."""
    asks, _ = _ASKS[step]
    return {"teacher": work.teacher} if asks(work) else {}


def _check_teacher(step: str, work: Work) -> None:
    """Says that a step asks a teacher, and nobody is named.

    Raises:
      ValueError: It is so.
    """
    asks, without = _ASKS[step]
    if asks(work) and work.settings.teacher.teacher is None:
        raise ValueError(
            f"the step {step} asks a teacher, and nobody is named: give --teacher=URL of an "
            f"endpoint, a model folder, or recorded; or do without by {without}"
        )


def _check_training(work: Work) -> None:
    """Says that the student cannot be trained, before examples are paid for.

    Raises:
      ValueError: As `trainer.check_training`, or the model that is named is not there.
    """
    retrieval, model = work.settings.model_retrieval, None
    is_switched_off = FOUND_MODELS in work.unread
    is_searched = bool(retrieval.model_folders) and not is_switched_off
    if retrieval.model and not is_searched and not is_switched_off:
        _, model = model_retriever.named_model(retrieval.model, {})
    elif work.has(FOUND_MODELS) and not is_searched:
        model = _chosen_model(work)
    trainer.check_training(
        work.path,
        config=work.settings.training,
        model=model,
        is_searched=is_searched,
        cache_dir=work.settings.cache_dir,
    )


def _check_page(work: Work) -> None:
    """Says that the page cannot be served: Gradio is not installed."""
    check_installed("gradio", extra="synthetic", purpose="the page")


PIPELINE: Pipeline[Work] = Pipeline(
    (
        Step(
            name="parse",
            about="takes the prompt apart into an instruction and examples",
            run=parse,
            settings=lambda work: (
                {
                    "parse_with_teacher": work.settings.parse_with_teacher,
                    "translate": work.settings.translate,
                }
                | _teacher("parse", work)
            ),
            check=functools.partial(_check_teacher, "parse"),
            optional_inputs=PROMPT_FILES,
            outputs=(SPEC_FILE,),
        ),
        Step(
            name="retrieve_datasets",
            about="looks for a data set that fits the prompt",
            run=retrieve_datasets,
            settings=lambda work: dataclasses.asdict(work.settings.dataset_retrieval),
            inputs=(SPEC_FILE,),
            outputs=(FOUND_DATASETS, RETRIEVED_FILE),
        ),
        Step(
            name="generate",
            about="asks the teacher for examples",
            run=generate,
            settings=lambda work: (
                dataclasses.asdict(work.settings.generation) | _teacher("generate", work)
            ),
            check=functools.partial(_check_teacher, "generate"),
            inputs=(SPEC_FILE,),
            optional_inputs=(GIVEN_TEST_FILE,),
            outputs=(GENERATED_FILE,),
        ),
        Step(
            name="process",
            about="splits the examples into train, validation and test",
            run=process,
            settings=lambda work: dataclasses.asdict(work.settings.splits),
            optional_inputs=(GENERATED_FILE, RETRIEVED_FILE, GIVEN_TEST_FILE),
            outputs=SPLIT_FILES,
        ),
        Step(
            name="retrieve_models",
            about="looks for a model to start from",
            run=retrieve_models,
            settings=lambda work: (
                dataclasses.asdict(work.settings.model_retrieval)
                | _teacher("retrieve_models", work)
            ),
            check=functools.partial(_check_teacher, "retrieve_models"),
            inputs=(SPEC_FILE,),
            outputs=(FOUND_MODELS,),
        ),
        Step(
            name="train",
            about="trains the student",
            run=train,
            check=_check_training,
            settings=lambda work: {
                "train_gin_file": work.settings.training.gin_file,
                "recipe": trainer.recipe_settings(work.settings.training),
            },
            inputs=(SPEC_FILE, *SPLIT_FILES[:2]),
            optional_inputs=(FOUND_MODELS,),
            outputs=(TRAINING_FILE,),
            belongings=(trainer.MODEL_FOLDER,),
        ),
        Step(
            name="evaluate",
            about="scores the student, and the teacher, on the test split",
            run=evaluate,
            settings=lambda work: (
                dataclasses.asdict(work.settings.evaluation) | _teacher("evaluate", work)
            ),
            check=functools.partial(_check_teacher, "evaluate"),
            inputs=(SPEC_FILE, TRAINING_FILE, SPLIT_FILES[2]),
            outputs=(student_evaluation.REPORT_FILE, student_evaluation.REPORT_TEXT),
            belongings=(student_evaluation.FOLDER,),
        ),
        Step(
            name="export",
            about="writes a Hugging Face folder with a card",
            run=export,
            inputs=(SPEC_FILE, TRAINING_FILE),
            optional_inputs=(FOUND_DATASETS, FOUND_MODELS, student_evaluation.REPORT_FILE),
            outputs=(card.CARD_FILE, card.HASHES_FILE),
            belongings=(card.FOLDER,),
        ),
        Step(
            name="demo",
            about="serves a page to try the student; Ctrl-C ends it",
            run=demo,
            check=_check_page,
            inputs=(SPEC_FILE, TRAINING_FILE),
        ),
    )
)


# ---- Files ---------------------------------------------------------------------------------------


def writer_of_examples(work: Work) -> str | None:
    """The teacher that wrote the generated examples; None where they are of somebody's hand."""
    folder = StepFolder(work.path)
    record = folder.record("generate")
    written = record.outputs.get(GENERATED_FILE)
    if not work.has(GENERATED_FILE) or written != folder.hash(GENERATED_FILE):
        return None
    return record.settings.get("teacher")


def _chosen_model(work: Work) -> str | None:
    """The folder of the model that was chosen; None where none is.

    Raises:
      ValueError: It is malformed.
    """
    path = work.path / FOUND_MODELS
    record = read_object(path)
    check_fields(record, {"path": str}, name=str(path))
    return record.get("path")
