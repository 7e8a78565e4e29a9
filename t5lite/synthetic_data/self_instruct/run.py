"""Self-Instruct (arXiv:2212.10560): a teacher writes instructions, and answers them itself.

From a few tasks that people wrote come many that a model wrote, in four steps, each of which leaves
its file in the folder and goes on where it was killed; Alpaca's variant (`whole_tasks`) has one
request for all of a task. See docs/self_instruct.md.
"""

from __future__ import annotations

import logging
import math
import pathlib
from collections.abc import Sequence

from t5lite.files.json_files import read_lines
from t5lite.files.local_paths import writable_folder
from t5lite.messages.ranges import Size
from t5lite.messages.value_types import numbers_checked
from t5lite.synthetic_data.provenance import Origin, Trace
from t5lite.synthetic_data.self_instruct import folder as files
from t5lite.synthetic_data.self_instruct import page, prompts, statistics
from t5lite.synthetic_data.self_instruct.annotations import write_classification, write_instances
from t5lite.synthetic_data.self_instruct.examples import (
    Answer,
    answer_of,
    filter_instances,
    write_examples,
)
from t5lite.synthetic_data.self_instruct.folder import KeptInstruction
from t5lite.synthetic_data.self_instruct.instructions import write_instructions
from t5lite.synthetic_data.self_instruct.rouge_filter import split_words
from t5lite.synthetic_data.self_instruct.seeds import Instance, SeedTask, read_seeds
from t5lite.synthetic_data.self_instruct.settings import SelfInstructConfig
from t5lite.synthetic_data.teachers.answers import ANSWERS_FOLDER
from t5lite.synthetic_data.teachers.asking import Asking
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.forecast import Expected, forecast

log = logging.getLogger(__name__)

# Shares that a forecast takes for granted: the paper kept about half of what was written.
_KEPT_SHARE = 0.5


@numbers_checked
def self_instruct(
    *,
    seeds: str,
    output: str,
    teacher: TeacherConfig,
    config: SelfInstructConfig | None = None,
    split: str = "train",
    task_modules: Sequence[str] = (),
    data_dir: str | None = None,
    workers: Size = 1,
    dry_run: bool = False,
) -> None:
    """Makes instruction data from seeds; behind `t5lite self_instruct`.

    A killed run goes on with the same arguments, and ends with the files of one that was not.

    Args:
      seeds: A file of tasks, or the name of a registered Task; see `seeds.read_seeds`.
      output: Folder to write.
      teacher: Who is asked.
      config: Settings; those of the paper when None.
      split: Of the registered Task.
      task_modules: Modules that register it.
      data_dir: Root of its files.
      workers: Threads that compare texts.
      dry_run: Only says what would be asked, and asks nothing.

    Raises:
      ValueError: Of the seeds, as `read_seeds`; the folder was begun with other settings; the
        teacher answers nothing; or nothing is left to train on.
    """
    config = config or SelfInstructConfig()
    pool = read_seeds(seeds, split=split, task_modules=task_modules, data_dir=data_dir)
    _check_words(pool, config)
    folder = writable_folder(output, name="--output")
    with teacher.open(folder / ANSWERS_FOLDER, dry_run=dry_run) as asking:
        if dry_run:
            print(forecast(asking, expected_requests(pool, config)))
            return
        files.begin(folder, config, pool, teacher=asking.teacher_name)
        make_data(asking, pool, config, folder=folder, workers=workers)
        print(asking.summary())


def make_data(
    asking: Asking,
    seeds: Sequence[SeedTask],
    config: SelfInstructConfig,
    *,
    folder: pathlib.Path,
    workers: int = 1,
) -> None:
    """All steps, and the report.

    Raises:
      ValueError: As `Asking.ask`, or a file of the folder is malformed.
    """
    with Trace(folder) as trace:
        trace.add([Origin(id=s.id, example={"instruction": s.instruction}) for s in seeds])
        ended = [
            write_instructions(asking, seeds, config, folder=folder, trace=trace, workers=workers)
        ]
        kept = files.read_instructions(folder)
        if config.whole_tasks:
            said: dict[str, bool | None] = {}
            is_one: dict[str, bool] = {}
            answers = {one.id: _whole_task(one) for one in kept}
        else:
            ended.append(write_classification(asking, kept, config, folder=folder))
            lines = files.read(folder, files.CLASSIFICATION)
            said = {record["id"]: record.get("classification") for record in lines}
            is_one = {id: answer is True for id, answer in said.items()}
            ended.append(
                write_instances(asking, kept, config, classifications=is_one, folder=folder)
            )
            lines = files.read(folder, files.INSTANCES)
            answers = {record["id"]: answer_of(record) for record in lines}
        origins = [
            origin
            for one in kept
            if one.id in answers
            for origin in filter_instances(one, answers[one.id], max_instances=config.max_instances)
        ]
        trace.add(origins)
    made = [origin for origin in origins if origin.kept]
    num_examples = write_examples(folder, made, is_one, seeds if config.include_seeds else ())
    remarks = [one.why for one in ended if one.why]
    found = statistics.write_statistics(
        folder,
        seeds=seeds,
        kept=kept,
        classifications=said,
        origins=origins,
        config=config,
        num_examples=num_examples,
        remarks=remarks,
        workers=workers,
    )
    examples = [record for _, record in read_lines(folder / files.EXAMPLES)]
    report = page.write_report(folder, found, examples)
    print(statistics.table(found))
    for remark in remarks:
        log.warning("%s", remark)
    log.info("%s", f"{folder / files.EXAMPLES}: {num_examples:,} examples; {report} shows them")
    if not all(one.is_done for one in ended):
        log.warning("Not all is asked; the same command goes on, with a larger budget if need be.")


def expected_requests(seeds: Sequence[SeedTask], config: SelfInstructConfig) -> list[Expected]:
    """What a run asks, if half of what the teacher writes is kept, as it was in the paper."""
    shown = list(seeds[: config.num_demonstrations])
    per_request = config.num_asked * _KEPT_SHARE
    num_rounds = math.ceil(config.num_instructions / per_request / config.requests_per_round)
    if config.max_rounds is not None:
        num_rounds = min(num_rounds, config.max_rounds)
    num_requests = num_rounds * config.requests_per_round
    if config.whole_tasks:
        example = prompts.whole_task_request(shown, config, attempt=0)
        return [Expected("tasks, if half are kept", num_requests, example)]
    texts = [task.instruction for task in shown]
    longest = max((task.instruction for task in seeds), key=len)
    return [
        Expected(
            "instructions, if half are kept",
            num_requests,
            prompts.instruction_request(texts, config, attempt=0),
        ),
        Expected(
            "classification or not",
            config.num_instructions,
            prompts.classification_request(longest, config),
        ),
        Expected(
            "instances",
            config.num_instructions,
            prompts.instance_request(longest, config, is_classification=False),
        ),
    ]


def _check_words(seeds: Sequence[SeedTask], config: SelfInstructConfig) -> None:
    for seed in seeds:
        if not split_words(seed.instruction, alphabet=config.alphabet):
            raise ValueError(
                f"seed {seed.id!r} has no word of the alphabet {config.alphabet!r}, by which "
                f"ROUGE-L compares: {seed.instruction[:60]!r}. For languages of other scripts give "
                "--gin_file=recipes/self_instruct/other_language.gin."
            )


def _whole_task(one: KeptInstruction) -> Answer:
    """The one instance that came with an instruction."""
    return Answer([Instance(one.input or "", one.output or "")], was_cut=False, request=one.request)
