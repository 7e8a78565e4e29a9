"""The suites' prompts beside lm-evaluation-harness's templates, filled from the same files."""

import functools
import importlib.util
import pathlib
import re

import jinja2
import pytest

from tests.conftest import shared_path

pytest.importorskip("seqio")
yaml = pytest.importorskip("yaml")
from tasks.eval import bbh, mmlu, mmlu_files  # noqa: E402
from tasks.eval.registration import TASKS  # noqa: E402

_COMPARED = 20  # questions a subject


class TemplateLoader(yaml.SafeLoader):
    """Reads the harness's files; the functions that they name are not wanted."""


TemplateLoader.add_constructor("!function", lambda loader, node: None)


@pytest.fixture(scope="module")
def templates():
    spec = importlib.util.find_spec("lm_eval")
    if spec is None:
        pytest.skip("lm-evaluation-harness is not installed (pip install lm_eval)")
    return pathlib.Path(spec.origin).parent / "tasks"


@pytest.fixture(autouse=True)
def data(monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(shared_path("data")))


def config(path):
    """A task's file, with what it includes."""
    found = yaml.load(path.read_text(encoding="utf-8"), TemplateLoader)
    include = found.pop("include", None)
    return {**config(path.parent / include), **found} if include else found


@functools.cache
def compiled(template):
    environment = jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(template)


def render(template, fields):
    return compiled(template).render(fields)


@pytest.mark.parametrize(
    ("layout", "file"),
    [
        ("_letters", "mmlu/default/mmlu_{}.yaml"),
        ("_text", "mmlu/continuation/mmlu_{}.yaml"),
        ("", "mmlu/flan_n_shot/loglikelihood/mmlu_{}.yaml"),
    ],
)
def test_mmlu_asks_as_the_harness_does(templates, layout, file):
    num_tasks = 0
    for subject in mmlu.SUBJECTS:
        task = TASKS[f"mmlu_{subject}_5shot{layout}"]
        if task.data_status().state != "present":
            continue
        num_tasks += 1
        harness = config(templates / file.format(subject))
        folder = shared_path("data/mmlu")
        dev = mmlu_files.read_questions(folder / f"dev/{subject}_dev.csv")[:5]
        test = mmlu_files.read_questions(folder / f"test/{subject}_test.csv")
        assert (harness["fewshot_config"]["sampler"], harness["fewshot_split"]) == (
            "first_n",
            "dev",
        )
        prompts = [render(harness["doc_to_text"], _document(question)) for question in dev]
        answers = [_choices(harness, question)["ABCD".index(question.letter)] for question in dev]
        shown = [f"{p} {a}\n\n" for p, a in zip(prompts, answers, strict=True)]
        for example, question in zip(task("test")[:_COMPARED], test[:_COMPARED], strict=True):
            asked = render(harness["doc_to_text"], _document(question))
            assert example.inputs == harness["description"] + "".join(shown) + asked
            assert list(example.options) == _choices(harness, question)
            assert example.targets == example.options["ABCD".index(question.letter)]
    assert num_tasks == 44


def _document(question):
    return {"question": question.text, "choices": question.options}


def _choices(harness, question):
    choices = harness["doc_to_choice"]
    return list(question.options) if choices == "{{choices}}" else choices


@pytest.mark.parametrize("subtask", bbh.SUBTASKS)
def test_bbh_asks_as_the_harness_does(templates, subtask):
    prompt = bbh.read_prompt(shared_path("data/bbh/cot-prompts", f"{subtask}.txt"))
    reasoned = [f"{s.inputs}{prompt.target_delimiter}{s.targets}\n\n" for s in prompt.exemplars]
    cot = config(templates / f"bbh/cot_fewshot/{subtask}.yaml")
    theirs = [
        render(cot["doc_to_text"], shot) + shot["target"] + "\n\n"
        for shot in cot["fewshot_config"]["samples"]
    ]
    if subtask == "sports_understanding":
        # The official file has a space where the harness breaks the line.
        theirs = [re.sub(r"(step by step\.)\n", r"\1 ", text) for text in theirs]
    assert (prompt.description, reasoned) == (cot["description"], theirs)

    direct = config(templates / f"bbh/fewshot/{subtask}.yaml")
    task = TASKS[f"bbh_{subtask}_3shot"]
    if task.data_status().state == "present":
        shown = [
            f"{render(direct['doc_to_text'], shot)} {shot['target']}\n\n"
            for shot in direct["fewshot_config"]["samples"]
        ]
        example = task("test")[0]
        question = example.inputs.rpartition("\n\nQ: ")[2]
        assert example.inputs == f"{direct['description']}{''.join(shown)}Q: {question}"
