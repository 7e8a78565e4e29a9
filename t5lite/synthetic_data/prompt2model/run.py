"""`t5lite prompt2model`: from a prompt to a trained model, its scores, its card and a page.

After Prompt2Model (Viswanathan et al. 2023, arXiv 2308.12261). pipeline.py has the steps.
"""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Sequence

from t5lite.files.local_paths import local_path
from t5lite.files.regular_files import read_text
from t5lite.files.whole_file import write_whole
from t5lite.messages.ranges import Port
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.value_types import numbers_checked
from t5lite.synthetic_data.prompt2model import card, dataset_generator, parser
from t5lite.synthetic_data.prompt2model.evaluator import teacher_request
from t5lite.synthetic_data.prompt2model.found_datasets import DatasetRetrieval
from t5lite.synthetic_data.prompt2model.generated_dataset import GenerationConfig
from t5lite.synthetic_data.prompt2model.model_retriever import ModelRetrieval, card_request
from t5lite.synthetic_data.prompt2model.pipeline import PIPELINE
from t5lite.synthetic_data.prompt2model.prompt_spec import SPEC_FILE, PromptSpec
from t5lite.synthetic_data.prompt2model.splits import SplitConfig
from t5lite.synthetic_data.prompt2model.step_folder import StepFolder
from t5lite.synthetic_data.prompt2model.student_evaluation import StudentEvaluation
from t5lite.synthetic_data.prompt2model.trainer import StudentTraining
from t5lite.synthetic_data.prompt2model.work import (
    GIVEN_TEST_FILE,
    PROMPT_FILES,
    Settings,
    Work,
    read_examples,
)
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.forecast import Expected, forecast

log = logging.getLogger(__name__)

STATUS = "status"


@numbers_checked
def prompt2model(
    *,
    output: str,
    words: Sequence[str] = (),
    skip: Sequence[str] = (),
    dry_run: bool = False,
    test_file: str | None = None,
    teacher: TeacherConfig = TeacherConfig(),  # noqa: B008 (frozen)
    parse_with_teacher: bool = True,
    translate: bool = False,
    dataset_retrieval: DatasetRetrieval = DatasetRetrieval(),  # noqa: B008 (frozen)
    generation: GenerationConfig = GenerationConfig(),  # noqa: B008 (frozen)
    splits: SplitConfig = SplitConfig(),  # noqa: B008 (frozen)
    model_retrieval: ModelRetrieval = ModelRetrieval(),  # noqa: B008 (frozen)
    training: StudentTraining = StudentTraining(),  # noqa: B008 (frozen)
    evaluation: StudentEvaluation = StudentEvaluation(),  # noqa: B008 (frozen)
    port: Port = 7860,
    cache_dir: str | None = None,
    config_text: str = "",
) -> None:
    """Makes a model from a prompt; the function behind `t5lite prompt2model`.

    Each step reads and writes files of the folder, and runs where these are missing or were made of
    other files or settings. Killed at any moment and started again with the same arguments, it goes
    on, and ends with the files of a run that was never stopped.

    Args:
      output: The folder.
      words: The prompt's file, a step's name, or both: the step, then the file. Without a step's
        name all steps are run. `status` prints what is done.
      skip: Names of the steps that are switched off. What they wrote earlier is not read.
      dry_run: Say what the teacher would be asked at most, and do nothing.
      test_file: JSON Lines with `input` and `output`, to be the test split; nothing of them is
        trained on.
      teacher: Who is asked.
      parse_with_teacher: As `work.Settings`, as what follows.
      translate: See there.
      dataset_retrieval: See there.
      generation: See there.
      splits: See there.
      model_retrieval: See there.
      training: See there.
      evaluation: See there.
      port: See there.
      cache_dir: See there.
      config_text: The operative gin configuration, kept in the folder's `config.gin`.

    Raises:
      ValueError: A step's input is missing, a setting cannot be, or as the steps raise.
    """
    action, prompt = _read_words(words)
    folder = StepFolder(output)
    if action == STATUS:
        if not folder.path.is_dir():
            raise ValueError(f"--output={output}: there is no such folder")
        print(PIPELINE.status(folder))
        return
    settings = Settings(
        teacher=teacher,
        parse_with_teacher=parse_with_teacher,
        translate=translate,
        dataset_retrieval=dataset_retrieval,
        generation=generation,
        splits=splits,
        model_retrieval=model_retrieval,
        training=training,
        evaluation=evaluation,
        port=port,
        cache_dir=cache_dir,
    )
    for name in skip:
        PIPELINE.step(name, flag="--skip")
    if (bert := evaluation.bert) is not None:
        bert.check()
    with contextlib.closing(Work(folder.path, settings, dry_run=dry_run)) as work:
        if dry_run:
            expected = _expected(work, prompt, test_file=test_file, action=action, skip=skip)
            print(forecast(work.asking, expected))
            return
        with folder.locked():
            if prompt and not folder.has(SPEC_FILE):  # No other prompt was read yet.
                folder.clear(PROMPT_FILES)
            _take(prompt, folder, names=PROMPT_FILES)
            if test_file:
                read_examples(local_path(test_file, name="--test_file"))
            _take(test_file, folder, names=(GIVEN_TEST_FILE,))
            if config_text:
                write_whole(folder.path / card.CONFIG_FILE, config_text)
            _run(folder, work, action=action, skip=skip)


def _run(folder: StepFolder, work: Work, *, action: str | None, skip: Sequence[str]) -> None:
    """Runs one step, or all."""
    if action is None or skip:
        folder.switch_off(skip)
    elif folder.is_switched_off(action):  # Whoever asks for a step wants what it writes.
        names = [step.name for step in PIPELINE.steps if step.name != action]
        folder.switch_off([name for name in names if folder.is_switched_off(name)])
    work.unread = PIPELINE.unread(folder)
    if action is None:
        PIPELINE.run(folder, work)
    else:
        PIPELINE.run_one(folder, work, step=PIPELINE.step(action))


def _read_words(words: Sequence[str]) -> tuple[str | None, str | None]:
    """The step, or `status`, and the prompt's file, of what stands on the command line.

    Raises:
      ValueError: There are more words, or one that is neither.
    """
    names = [step.name for step in PIPELINE.steps]
    rest = list(words)
    action = rest.pop(0) if rest and rest[0] in (*names, STATUS) else None
    if len(rest) > 1 or (rest and action == STATUS):
        raise ValueError(
            f"{' '.join(words)!r}: give a step ({', '.join(names)}, or {STATUS}), a prompt's file, "
            "or a step and then a file; a prompt stands in a file"
        )
    if rest and not local_path(rest[0], name="PROMPT").is_file():
        raise ValueError(
            f"PROMPT {rest[0]}: there is no such file, and no step of this name; write the prompt "
            f"into a file, and give that.{did_you_mean(rest[0], (*names, STATUS))}"
        )
    return action, rest[0] if rest else None


def _take(given: str | None, folder: StepFolder, *, names: Sequence[str]) -> None:
    """Copies a file that the user gives into the folder, under that of the names with its ending.

    Raises:
      ValueError: It is of another kind, or the folder holds another.
    """
    if given is None:
        return
    path = local_path(given, name="the file")
    endings = {pathlib.PurePath(name).suffix: name for name in names}
    if path.suffix not in endings and len(names) == 1:
        raise ValueError(f"{given} is no {next(iter(endings))} file")
    target = folder.path / endings.get(path.suffix, names[0])
    if not path.is_file():
        raise ValueError(f"{given}: there is no such file")
    content = path.read_bytes()
    held = [folder.path / name for name in names if folder.has(name)]
    if held and (held != [target] or held[0].read_bytes() != content):
        raise ValueError(
            f"{folder.path} was begun with another {held[0].name} than {given}. Give another "
            f"--output; or, to do anew what depends on it, change {held[0]} itself."
        )
    if not held:
        write_whole(target, content)


def _expected(
    work: Work,
    prompt: str | None,
    *,
    test_file: str | None,
    action: str | None,
    skip: Sequence[str],
) -> list[Expected]:
    """What the teacher would be asked at most, of the steps that would be run."""
    names = [s.name for s in PIPELINE.steps if s.name not in skip and action in (None, s.name)]
    settings, found = work.settings, []
    held = [work.path / name for name in PROMPT_FILES if (work.path / name).is_file()]
    file = local_path(prompt, name="PROMPT") if prompt else held[0] if held else None
    if work.has(SPEC_FILE):
        spec = work.spec
    elif file is None:
        raise ValueError("there is no prompt: give its file, as t5lite prompt2model PROMPT.txt")
    elif file.suffix == ".txt" and settings.parse_with_teacher:
        text = read_text(file)
        spec = PromptSpec(instruction=text, original=text)
        if "parse" in names:
            request = parser.parsing_request(text)
            found.append(Expected("the prompt's parts", parser.MAX_ATTEMPTS, request))
    else:
        spec = parser.read_prompt(file, asking=None)
    if "parse" in names and settings.translate and not work.has(SPEC_FILE):
        request = parser.translation_request(spec.instruction)
        found.append(Expected("the translation", parser.MAX_ATTEMPTS, request))
    if "retrieve_models" in names and settings.model_retrieval.hypothetical_card:
        found.append(Expected("a card of a model", 1, card_request(spec)))
    if "generate" in names:
        found += dataset_generator.expected_requests(spec, settings.generation)
    if "evaluate" in names and settings.evaluation.score_teacher:
        shown = spec.demonstrations[0].input if spec.demonstrations else spec.instruction
        most = settings.evaluation.max_answer_tokens
        request = teacher_request(spec, shown, max_tokens=most)
        count = round(settings.generation.num_examples * settings.splits.test_share)
        if test_file is not None:
            count = len(read_examples(local_path(test_file, name="--test_file")))
        found.append(Expected("answers to the test split", count, request))
    return found
