"""`t5lite rationales`: why, and what, a teacher answers to each input, for Distilling Step-by-Step.

Source: Hsieh et al., arXiv:2305.02301, section 3.1. The output is read by `tasks.distilling`.
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Annotated

from t5lite.data.sources import local_files
from t5lite.files.local_paths import local_path, writable_folder
from t5lite.messages.ranges import NumExamples, Range, Size
from t5lite.messages.value_types import check_fields, check_type, numbers_checked
from t5lite.synthetic_data import chain_of_thought
from t5lite.synthetic_data.chain_of_thought import Solved
from t5lite.synthetic_data.one_request_each import make_examples, passes
from t5lite.synthetic_data.provenance import Origin, Verdict
from t5lite.synthetic_data.teachers.asking import Answered
from t5lite.synthetic_data.teachers.config import TeacherConfig
from t5lite.synthetic_data.teachers.requests import PromptForm

RATIONALES_FILE = "rationales.jsonl"


@dataclasses.dataclass(frozen=True)
class Asked:
    """One input.

    Attributes:
      id: Names it in the output.
      input: What is asked.
      label: The right answer; None where nobody knows it.
    """

    id: str
    input: str
    label: str | None = None


@numbers_checked
def rationales(
    *,
    teacher: TeacherConfig,
    output: str,
    demonstrations: str,
    input: str | None = None,
    inputs_field: str = "input",
    mixture_or_task_name: str | None = None,
    split: str = "train",
    task_modules: Sequence[str] = (),
    data_dir: str | None = None,
    max_examples: NumExamples | None = None,
    labels: Sequence[str] = (),
    consistent_only: bool = False,
    prompt_form: PromptForm = "conversation",
    temperature: Annotated[float, Range(least=0, most=2)] = 0.0,
    max_tokens: Size = 256,
    dry_run: bool = False,
) -> None:
    """Asks a teacher for reasons and an answer to every input, and writes those that can be read.

    Killed and started again, it asks for what is not answered yet.

    Args:
      teacher: Who is asked.
      output: Folder; gets rationales.jsonl (`id`, `input`, `label` where it is known,
        `teacher_label`, `rationale`), trace.jsonl and the answers.
      demonstrations: What a prompt shows; see `chain_of_thought.demonstrations`.
      input: JSON Lines with a text `inputs_field`, and `label` and `id` where there are some.
      inputs_field: The field of `input` with what is asked.
      mixture_or_task_name: A registered mixture or Task to ask instead; its targets are the labels.
      split: Of its Tasks.
      task_modules: Modules that register it.
      data_dir: Root of its files.
      max_examples: Only the first so many inputs, of each Task.
      labels: The answers that there are; others are left out. None given: any.
      consistent_only: Leave out what differs from the label that the input has.
      prompt_form: "conversation", or "continuation" to ask by a text to go on with.
      temperature: 0 takes the likeliest token.
      max_tokens: Of an answer.
      dry_run: Only say what it would cost.

    Raises:
      ValueError: What a user can set right: flags, files, the teacher.
    """
    check_type(prompt_form, PromptForm, name="--prompt_form")
    shown = chain_of_thought.demonstrations(demonstrations)
    asked = _inputs(
        input=input,
        inputs_field=inputs_field,
        mixture=mixture_or_task_name,
        split=split,
        task_modules=task_modules,
        data_dir=data_dir,
        max_examples=max_examples,
    )
    _check_ids(asked, shown)
    if consistent_only and not any(one.label is not None for one in asked):
        raise ValueError(
            "--consistent_only compares the teacher's answers with labels, and no input has one. "
            "Leave it out, or give inputs with the field 'label'."
        )
    requests = [
        chain_of_thought.request(
            *(one.input, shown),
            prompt_form=prompt_form,
            temperature=temperature,
            max_tokens=max_tokens,
        )
        for one in asked
    ]
    make_examples(
        requests,
        lambda index, answer: _origin(
            *(asked[index], answer),
            labels=labels,
            consistent_only=consistent_only,
            shown=shown,
        ),
        teacher=teacher,
        path=writable_folder(output, name="--output") / RATIONALES_FILE,
        inputs="inputs",
        answers="rationales",
        shown=[
            Origin(id=s.id, example={"input": s.input, "rationale": s.rationale, "label": s.label})
            for s in shown
        ],
        dry_run=dry_run,
    )


def _origin(
    one: Asked,
    answer: Answered,
    *,
    labels: Sequence[str],
    consistent_only: bool,
    shown: Sequence[Solved],
) -> Origin:
    """What became of an input: its example, and what the filters said in their order."""
    assert answer.reply is not None
    example = {"input": one.input} | ({} if one.label is None else {"label": one.label})
    choice = answer.reply.choices[0] if answer.reply.choices else None
    verdicts: list[Verdict] = []
    read = None if choice is None else chain_of_thought.read_answer(choice.text)
    cut = choice is not None and choice.was_cut and read is None
    why = "cut short before the answer" if cut else "no reasons followed by 'Answer:'"
    if passes(verdicts, "not readable", read is not None, why) and read is not None:
        rationale, said = read
        # As the labels have it, where there are some.
        same = (label for label in labels if chain_of_thought.same_answer(label, said))
        label = next(same, None) if labels else said
        example |= {"teacher_label": said if label is None else label, "rationale": rationale}
        wanted = ", ".join(labels)
        if passes(verdicts, "not allowed", label is not None, f"{said!r} is none of {wanted}"):
            assert label is not None
            if consistent_only and one.label is not None:
                agrees = chain_of_thought.same_answer(label, one.label)
                why = f"{label!r}, and the label is {one.label!r}"
                passes(verdicts, "not consistent", agrees, why)
    return Origin(
        id=one.id,
        example=example,
        request=answer.digest,
        demonstrations=tuple(s.id for s in shown),
        verdicts=tuple(verdicts),
    )


def _inputs(
    *,
    input: str | None,
    inputs_field: str,
    mixture: str | None,
    split: str,
    task_modules: Sequence[str],
    data_dir: str | None,
    max_examples: int | None,
) -> list[Asked]:
    """Reads what is asked.

    Raises:
      ValueError: There is no source or two, nothing in it, or what is there is malformed.
    """
    if (input is None) == (mixture is None):
        raise ValueError(
            "give --input=FILE.jsonl, or --mixture=NAME with --tasks: what is asked"
            + ("" if input is None else ", and not both")
        )
    if input is not None:
        path = local_path(input, name="--input")
        found = list(_of_file(path, inputs_field))[:max_examples]
    else:
        from t5lite.data.tasks.seqio_adapter import import_tasks

        assert mixture is not None
        import_tasks(task_modules, data_dir=data_dir)
        found = list(_of_tasks(mixture, split, max_examples=max_examples))
    if not found:
        raise ValueError(f"{input or mixture} holds no input")
    return found


def _check_ids(asked: Sequence[Asked], shown: Sequence[Solved]) -> None:
    """Makes sure that `t5lite trace ID` finds one thing."""
    names = {one.id for one in shown}
    for one in asked:
        if one.id in names:
            raise ValueError(
                f"--input: the id {one.id!r} comes twice, or is that of a demonstration; give each "
                "its own, or none"
            )
        names.add(one.id)


def _of_file(path: pathlib.Path, field: str) -> Iterator[Asked]:
    for index, (where, line) in enumerate(local_files.read_jsonl(path, wanted_by="--input")):
        check_fields(line, {field: str, "label": str, "id": str}, name=where)
        text = (line.get(field) or "").strip()
        if not text:
            raise ValueError(f"{where}: no text {field!r}; name the field with --inputs_field")
        yield Asked(line.get("id") or f"input_{index:06}", text, line.get("label"))


def _of_tasks(mixture: str, split: str, *, max_examples: int | None) -> Iterator[Asked]:
    from t5lite.data.tasks import seqio_adapter

    for task in seqio_adapter.resolve(mixture).task_names:
        examples = seqio_adapter.iterate_texts(task, split)
        for index, texts in enumerate(itertools.islice(examples, max_examples)):
            if not {"inputs", "targets"} <= set(texts):
                raise ValueError(
                    f"--mixture={mixture}: examples of {task} have {', '.join(texts)}, and no "
                    "inputs and targets"
                )
            yield Asked(f"{task}/{split}/{index}", texts["inputs"], texts["targets"])
