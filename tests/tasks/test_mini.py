"""The miniature suite: true answers, splits without overlap, balanced, and the same everywhere."""

import collections
import itertools
import pathlib
import random
import re
import string

import pytest

seqio = pytest.importorskip("seqio")

import tasks.mini  # noqa: E402
from tasks.mini import instances, registration, render, table  # noqa: E402
from tasks.mini.declare import Instance, MiniTask  # noqa: E402
from tasks.mini.operations import KINDS, LENGTH, OPERATIONS  # noqa: E402
from tasks.mini.suite import DEVELOPMENT_TASKS, NEW_TASKS, TASKS, TRAINED_TASKS  # noqa: E402

BY_NAME = {task.name: task for task in TASKS}
KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}
# A task of each operation: what differs between kinds is the words alone.
some_tasks = pytest.mark.parametrize("task", NEW_TASKS, ids=lambda task: task.name)


def rendered(task, form="zero_shot", split="train", count=100, templates=None):
    return render.examples(
        task, form=form, split=split, templates=templates or task.templates, count=count
    )


def members(mixture):
    return {task.name for task in seqio.MixtureRegistry.get(mixture).tasks}


def named(group, suffix=""):
    return {f"mini_{task.name}{suffix}" for task in group}


# What is held out.


def test_every_pair_of_operation_and_kind_is_one_task():
    pairs = {f"{operation.name}_{kind}" for operation in OPERATIONS for kind in KINDS}
    assert set(BY_NAME) == pairs and len(TASKS) == len(pairs)


@pytest.mark.parametrize("group", [DEVELOPMENT_TASKS, NEW_TASKS], ids=["development", "new"])
def test_each_operation_is_held_out_once_and_with_a_kind_of_its_own(group):
    operations, kinds = zip(*(task.name.split("_") for task in group), strict=True)
    assert list(operations) == [operation.name for operation in OPERATIONS]
    assert len(set(kinds)) == len(kinds)
    assert not any(task.trained for task in group)


def test_each_operation_and_each_kind_is_trained_with_most_of_the_others():
    pairs = [task.name.split("_") for task in TRAINED_TASKS]
    for operation in OPERATIONS:
        assert sum(pair[0] == operation.name for pair in pairs) == len(KINDS) - 2
    for kind in KINDS:
        assert sum(pair[1] == kind for pair in pairs) >= len(OPERATIONS) - 2


def test_an_operation_shows_words_of_no_kind_that_it_is_not_trained_on():
    held_out = {task.name for task in DEVELOPMENT_TASKS + NEW_TASKS}
    for task in TRAINED_TASKS:
        for instance in instances.training_instances(task, stream="zero_shot", count=40):
            kinds = {KIND_OF[word] for word in instance.fields["items"].split()}
            assert not {f"{task.category}_{kind}" for kind in kinds} & held_out


def test_mixtures_hold_what_they_are_named_for():
    trained = named(TRAINED_TASKS)
    assert members("mini_zeroshot") == members("mini_new_instances") == trained
    assert members("mini_cot") == named(TRAINED_TASKS, "_cot")
    assert members("mini") == trained | members("mini_cot") | named(TRAINED_TASKS, "_fewshot")
    assert members("mini_new_templates") == named(TRAINED_TASKS, "_new_templates")
    assert members("mini_development_tasks") == named(DEVELOPMENT_TASKS)
    assert members("mini_new_tasks") == named(NEW_TASKS)
    assert members("mini_new_tasks_fewshot") == named(NEW_TASKS, "_fewshot")
    assert members("mini_new_tasks_cot") == named(NEW_TASKS, "_cot")


def test_what_is_held_out_cannot_be_trained_on():
    for task in DEVELOPMENT_TASKS + NEW_TASKS:
        for suffix in ("", "_fewshot", "_cot"):
            name = f"mini_{task.name}{suffix}"
            assert name not in members("mini")
            assert list(seqio.TaskRegistry.get(name).splits) == ["validation"]
    for name in members("mini_new_templates"):
        assert list(seqio.TaskRegistry.get(name).splits) == ["validation"]


def test_no_template_of_a_task_that_is_held_out_is_trained_on():
    trained = {text for task in TRAINED_TASKS for text in task.templates}
    for task in TASKS:
        assert not trained & set(task.new_templates)
    for task in DEVELOPMENT_TASKS + NEW_TASKS:
        assert not trained & set(task.templates)


# Templates.


def test_templates_are_several_and_ask_about_the_kind():
    for task in TASKS:
        kind = task.name.split("_")[1]
        assert len(task.templates) >= 3 and len(task.new_templates) >= 2
        for template in task.templates + task.new_templates:
            assert [slot for _, slot, *_ in string.Formatter().parse(template) if slot] == ["items"]
            assert re.search(rf"\b{kind}\b", template)


@some_tasks
@pytest.mark.parametrize("form", render.FORMS)
def test_texts_are_filled_in_and_short(task, form):
    for example in rendered(task, form, "validation", 64):
        inputs, targets = example["inputs"], example["targets"]
        for text in (inputs, targets):
            assert text and text == text.strip() and not re.search(r"[{}]|  ", text)
        assert example["template"] in task.templates and example["form"] == form
        assert len(inputs) <= 192 and len(targets) <= 64


# Answers, by a solver that reads the prompt only.


def solve(operation, kind, prompt):
    """The answer, and the answers that the prompt allows."""
    words = [word for word in re.findall(r"\w+", prompt) if word in KIND_OF]
    assert len(words) == LENGTH == len(set(words)), prompt
    of_kind = [word for word in words if KIND_OF[word] == kind]
    match operation:
        case "find":
            (answer,) = of_kind
        case "first":
            answer = of_kind[0]
        case "last":
            answer = of_kind[-1]
        case "after":
            answer = words[words.index(*of_kind) + 1]
        case "before":
            answer = words[words.index(*of_kind) - 1]
        case "count":
            numbers = ["one", "two", "three"]
            return numbers[len(of_kind) - 1], numbers
        case "any":
            return "yes" if of_kind else "no", ["yes", "no"]
    return answer, words


def test_answers_are_right_and_choices_are_those_that_the_prompt_allows():
    for task in TASKS:
        operation, kind = task.name.split("_")
        for templates in (task.templates, task.new_templates):
            for example in rendered(task, templates=templates, count=20):
                answer, allowed = solve(operation, kind, example["inputs"])
                assert example["targets"] == answer
                assert answer in allowed and example["num_choices"] == len(allowed)


@some_tasks
def test_no_constant_answer_does_better_than_a_blind_guess_by_much(task):
    drawn = instances.training_instances(task, stream="balance", count=400)
    guess = sum(1 / instance.num_choices for instance in drawn) / len(drawn)
    ((_, count),) = collections.Counter(instance.answer for instance in drawn).most_common(1)
    assert count / len(drawn) <= guess + 0.07


@pytest.mark.parametrize("operation", ["first", "last", "count"])
def test_only_the_kind_that_is_asked_for_tells_which_words_are_meant(operation):
    kind = next(iter(KINDS))
    task = BY_NAME[f"{operation}_{kind}"]
    for instance in instances.training_instances(task, stream="x", count=50):
        kinds = {KIND_OF[word] for word in instance.fields["items"].split()}
        assert kind in kinds and len(kinds) == 2


@some_tasks
def test_reasoning_names_the_words_of_the_kind_then_the_answer(task):
    kind = task.name.split("_")[1]
    drawn = instances.training_instances(task, stream="cot", count=50)
    for example, instance in zip(rendered(task, "cot", count=50), drawn, strict=True):
        of_kind = [word for word in instance.fields["items"].split() if KIND_OF[word] == kind]
        steps = f"{kind}: {' '.join(of_kind) or 'none'}"
        assert example["targets"] == f"{steps}, answer: {instance.answer}"
        assert render.final_answer(example["targets"]) == instance.answer


def test_final_answer_needs_the_phrase():
    assert render.final_answer("food: cake, answer: cake ") == "cake"
    assert render.final_answer("answer: 1, answer: 2") == "2"
    assert render.final_answer("food: cake") == ""


# Instances.


@some_tasks
def test_training_and_validation_instances_are_disjoint(task):
    held_out = {i.fields["items"] for i in instances.validation_instances(task, count=64)}
    assert len(held_out) == 64
    for form in render.FORMS:
        drawn = instances.training_instances(task, stream=form, count=1000)
        assert not held_out & {instance.fields["items"] for instance in drawn}


def test_the_same_examples_every_time_in_any_order():
    def everything(order):
        keys = itertools.product(order, render.FORMS, instances.SPLITS)
        return {
            (task.name, form, split): rendered(task, form, split, count=4)
            for task, form, split in keys
        }

    assert everything(TASKS) == everything(TASKS[::-1])
    task = TASKS[0]
    assert rendered(task, count=30)[:10] == rendered(task, count=10)


def test_these_examples_on_every_machine():
    texts = [e["inputs"] for e in rendered(BY_NAME["last_food"], "few_shot", count=2)]
    assert texts == [
        "soup clamp corn rake. Which food comes last? -> corn\n"
        "bread corn Bob Joy. Which food comes last? -> corn\n"
        "dog rice frog plum. Which food comes last? ->",
        "Name the last food: plum elm oak cake -> cake\n"
        "Name the last food: corn tea cake cocoa -> cake\n"
        "Name the last food: bread train bike soup ->",
    ]


def test_forms_have_their_own_training_instances_and_share_validation():
    task = TASKS[0]
    train = [instances.training_instances(task, stream=form, count=20) for form in render.FORMS]
    assert train[0] != train[1] != train[2]
    old = rendered(task, split="validation", count=8)
    new = rendered(task, split="validation", count=8, templates=task.new_templates)
    assert [e["targets"] for e in old] == [e["targets"] for e in new]


def _constant(rng):
    del rng
    return Instance({"x": "same"}, "answer", "none", 2)


def test_a_task_with_too_few_instances_is_refused():
    task = MiniTask("constant", "none", _constant, ("{x}",) * 4, ("{x}",) * 2)
    split = instances.split_of(task, _constant(None))
    other = next(s for s in instances.SPLITS if s != split)
    with pytest.raises(ValueError, match=f"'constant'.*no {other} instance"):
        instances.draw_instance(task, other, random.Random(0))


# Few-shot.


@some_tasks
def test_exemplars_are_other_training_instances_of_the_task(task):
    rng = random.Random(0)
    for query in instances.validation_instances(task, count=32):
        shown = render.exemplars(task, query, 2, rng=rng, may_be_shown=lambda _: True)
        assert query not in shown and shown[0] != shown[1]
        assert [instances.split_of(task, exemplar) for exemplar in shown] == ["train"] * 2


@some_tasks
def test_few_shot_prompts_repeat_the_template_of_the_question(task):
    counts = set()
    for example in rendered(task, "few_shot"):
        literals = map(re.escape, example["template"].split("{items}"))
        counts.add(len(re.findall(r"\w+ \w+ \w+ \w+".join(literals), example["inputs"])))
    assert counts <= {2, 3} and 2 in counts


# seqio.


def test_importing_generates_nothing(monkeypatch):
    monkeypatch.setattr(registration, "examples", None)  # registered sources look it up when read
    task = seqio.TaskRegistry.get("mini_last_food")
    assert task.num_input_examples("train") == registration.TRAIN_EXAMPLES["zero_shot"]
    with pytest.raises(TypeError):
        task.source.get_dataset("validation", shuffle=False)


@pytest.mark.parametrize("suffix", ["", "_fewshot", "_cot"])
def test_a_task_tokenises_and_scores_itself(suffix):
    task = seqio.TaskRegistry.get(f"mini_{NEW_TASKS[0].name}{suffix}")
    lengths = {"inputs": 192, "targets": 64}
    rows = list(task.get_dataset(lengths, "validation", shuffle=False).as_numpy_iterator())
    assert len(rows) == registration.VALIDATION_EXAMPLES
    texts = [row["targets_pretokenized"].decode() for row in rows]
    targets, answers = (
        [
            task.postprocess_fn(text, example=row, is_target=is_target)
            for text, row in zip(texts, rows, strict=True)
        ]
        for is_target in (True, False)
    )
    (metric,) = task.metric_fns
    assert metric(targets, answers) == {"accuracy": 1.0, "blind_guess": 1 / 4}
    assert not any("answer" in answer for answer in answers)


# The documentation.


def test_records_are_prompts_and_targets():
    from t5lite.data.tasks.seqio_records import task_description, task_records

    name = f"mini_{TRAINED_TASKS[0].name}"
    assert task_description(name) == "\n".join(TRAINED_TASKS[0].templates)
    records = list(task_records(name, "validation", max_records=2))
    dataset = seqio.TaskRegistry.get(name).source.get_dataset("validation", shuffle=False)
    for record, example in zip(records, dataset.take(2).as_numpy_iterator(), strict=True):
        assert record == {key: example[key].decode() for key in ("id", "inputs", "targets")}


def test_the_table_in_the_documentation_is_up_to_date():
    document = pathlib.Path(tasks.mini.__file__).parents[2] / "docs" / "mini.md"
    text = document.read_text("utf-8")
    assert table.update(text) == text, "run: python -m tasks.mini.table docs/mini.md"
