"""The study: true answers and chains of thought, nested sets that hold nothing held out."""

import itertools
import json
import random
import re

import pytest

seqio = pytest.importorskip("seqio")

from benchmarks.study import design, list_tasks, registry, run  # noqa: E402
from tasks.mini import render  # noqa: E402


def rendered(task, form):
    return render.examples(task, form=form, split="validation", templates=task.templates, count=40)


def members(mixture):
    return {task.name for task in seqio.MixtureRegistry.get(mixture).tasks}


@pytest.mark.parametrize("task", list_tasks.TASKS, ids=lambda task: task.name)
def test_a_chain_of_thought_names_the_words_of_the_kind_then_the_direct_answer(task):
    kind = task.name.split("_")[1]
    direct, reasoned = rendered(task, "zero_shot"), rendered(task, "cot")
    for plain, thought in zip(direct, reasoned, strict=True):
        words = re.findall(r"\w+", thought["inputs"])
        of_kind = [word for word in words if word in list_tasks.KINDS[kind]]
        steps = ", ".join(of_kind) or "none"
        assert thought["targets"] == f"{kind}: {steps}, answer: {plain['targets']}"
        assert render.final_answer(thought["targets"]) == plain["targets"]


def test_sets_of_a_seed_are_nested_and_the_largest_holds_every_training_task():
    for seed in design.SEEDS:
        sets = [members(design.Arm(size, seed).mixture) for size in design.SIZES]
        assert [len(names) for names in sets] == list(design.SIZES)
        assert all(a < b for a, b in itertools.pairwise(sets))
        assert sets[-1] == members("trained")
    orders = {tuple(registry.task_names(design.Arm(30, seed))) for seed in design.SEEDS}
    assert len(orders) == len(design.SEEDS)


def test_no_arm_trains_on_what_is_held_out():
    held_out = members("new") | members("new_cot")
    for arm in design.arms():
        assert not members(arm.mixture) & held_out
    assert not members("study_text") & held_out
    for name in held_out:
        assert list(seqio.TaskRegistry.get(name).splits) == ["validation"]


def test_chains_of_thought_are_added_to_the_same_tasks():
    for seed in design.SEEDS:
        plain = members(design.Arm(30, seed).mixture)
        thoughtful = members(design.Arm(30, seed, cot=True).mixture)
        assert thoughtful == plain | {f"{name}_cot" for name in plain}


def test_every_held_out_pair_is_of_a_question_and_a_kind_that_are_trained():
    trained = {tuple(task.name.split("_")) for task in list_tasks.TRAINED_TASKS}
    held_out = {tuple(task.name.split("_")) for task in list_tasks.HELD_OUT_TASKS}
    assert len(held_out) == len(list_tasks.KINDS) and not trained & held_out
    for place in (0, 1):
        assert {pair[place] for pair in held_out} == {pair[place] for pair in trained}


def right_answer(question, items, of_kind):
    match question:
        case "first":
            return of_kind[0]
        case "last":
            return of_kind[-1]
        case "after":
            return items[items.index(of_kind[0]) + 1]
        case "before":
            return items[items.index(of_kind[0]) - 1]
        case "odd":
            return next(item for item in items if item not in of_kind)
        case "any":
            return "yes" if of_kind else "no"


@pytest.mark.parametrize("task", list_tasks.TASKS, ids=lambda task: task.name)
def test_answers_are_right(task):
    question, kind = task.name.split("_")
    rng = random.Random(0)
    for _ in range(50):
        instance = task.make(rng)
        items = instance.fields["items"].split(", ")
        of_kind = [item for item in items if item in list_tasks.KINDS[kind]]
        assert instance.answer == right_answer(question, items, of_kind)
        assert len(items) == len(set(items))


def test_the_answer_counts_with_and_without_steps(tmp_path):
    lines = [
        ("Last food: cake, frog, corn", "corn", "corn"),
        ("Last food: cake, frog, corn", "corn", "cake"),
        ("Last food: cake, frog, corn", "corn", "the corn"),
        ("Last food: cake, frog, corn Think first.", "food: cake, corn, answer: corn", "corn"),
        ("Any tool? saw, frog, corn Think first.", "tool: saw, answer: yes", "x, answer: no"),
        ("Any tool? saw, frog, corn Think first.", "tool: saw, answer: yes", "saw"),
    ]
    names = ("inputs", "targets", "prediction")
    path = tmp_path / "predictions.jsonl"
    path.write_text(
        "".join(json.dumps(dict(zip(names, line, strict=True))) + "\n" for line in lines)
    )
    assert run.answers(path) == {"right": 2 / 6, "allowed": 4 / 6}


def test_a_summary_is_over_seeds():
    records = [
        {"size": size, "seed": seed, "cot": False, "steps": 9, "metrics": {"new/mean/loss": value}}
        for size, seed, value in ((2, 0, 1.0), (2, 1, 3.0), (30, 0, 5.0))
    ]
    two, thirty = run.summary(records)
    assert (two["size"], two["seeds"], two["new/mean/loss"]["mean"]) == (2, 2, 2.0)
    assert two["new/mean/loss"]["stdev"] == pytest.approx(2**0.5)
    assert thirty["new/mean/loss"] == {"mean": 5.0, "stdev": None, "values": [5.0]}
