"""The study: chains of thought that are true, nested subsets that hold nothing held out."""

import itertools
import random
import re

import pytest

seqio = pytest.importorskip("seqio")

from benchmarks.study import design, registry  # noqa: E402
from tasks.mini import crossed, instances, reasoning, render, suite  # noqa: E402

BY_NAME = {task.name: task for task in suite.TASKS}
REASONED = [BY_NAME[name] for name in reasoning.RATIONALES]


def rendered(task, form):
    return render.examples(task, form=form, split="validation", templates=task.templates, count=40)


def members(mixture):
    return {task.name for task in seqio.MixtureRegistry.get(mixture).tasks}


@pytest.mark.parametrize("task", REASONED, ids=lambda task: task.name)
def test_a_chain_of_thought_ends_in_the_direct_answer(task):
    direct = rendered(task, "zero_shot")
    reasoned = rendered(reasoning.with_rationale(task), "cot")
    for plain, thought in zip(direct, reasoned, strict=True):
        assert render.final_answer(thought["targets"]) == plain["targets"]


@pytest.mark.parametrize("task", REASONED, ids=lambda task: task.name)
def test_every_step_of_a_rationale_is_true(task):
    for instance in instances.validation_instances(reasoning.with_rationale(task), count=60):
        for step in instance.rationale.split(", "):
            assert re.fullmatch(r"\d+([-+]\d+=|[<>])\d+(>\d+)?", step)
            assert eval(step.replace("=", "==")), step


def test_numbers_of_a_rationale_come_from_the_question_or_an_earlier_step():
    for task in REASONED:
        for instance in instances.validation_instances(reasoning.with_rationale(task), count=60):
            known = set(re.findall(r"\d+", " ".join(instance.fields.values())))
            for step in instance.rationale.split(", "):
                left, _, result = step.partition("=")
                assert set(re.findall(r"\d+", left)) <= known, step
                known.add(result)


def test_a_task_that_reasons_in_the_suite_keeps_its_own_rationale():
    assert reasoning.with_rationale(BY_NAME["add_tens"]) is BY_NAME["add_tens"]


@pytest.mark.parametrize("pool", design.SIZES)
def test_subsets_are_nested_and_the_last_is_the_whole_pool(pool):
    for seed in design.SEEDS:
        subsets = [members(f"{pool}_{seed}_{size}") for size in design.SIZES[pool]]
        assert [len(subset) for subset in subsets] == list(design.SIZES[pool])
        assert all(a < b for a, b in itertools.pairwise(subsets))
        assert subsets[-1] == {f"mini_{task.name}" for task in registry.POOLS[pool]}
    assert len({tuple(registry.order(pool, seed)) for seed in design.SEEDS}) == len(design.SEEDS)


def test_no_arm_trains_on_what_is_held_out():
    held_out = members("new_crossed") | members("mini_new_tasks")
    held_out |= members("new_direct") | members("new_cot")
    for arm in design.arms():
        assert not members(arm.mixture) & held_out
    for name in held_out:
        assert list(seqio.TaskRegistry.get(name).splits) == ["validation"]


def test_chains_of_thought_are_added_to_the_same_tasks():
    for seed in design.SEEDS:
        plain, thoughtful = members(f"mini_{seed}_34"), members(f"mini_cot_{seed}_34")
        assert plain < thoughtful
        assert {name.removesuffix("_cot") for name in thoughtful} == plain


def test_every_held_out_pair_is_of_a_question_and_a_kind_that_are_trained():
    trained = {tuple(task.name.split("_")) for task in crossed.TRAINED_TASKS}
    held_out = {tuple(task.name.split("_")) for task in crossed.HELD_OUT_TASKS}
    assert len(held_out) == len(crossed.KINDS) and not trained & held_out
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


@pytest.mark.parametrize("task", crossed.TASKS, ids=lambda task: task.name)
def test_crossed_answers_are_right(task):
    question, kind = task.name.split("_")
    rng = random.Random(0)
    for _ in range(50):
        instance = task.make(rng)
        items = instance.fields["items"].split(", ")
        of_kind = [item for item in items if item in crossed.KINDS[kind]]
        assert instance.answer == right_answer(question, items, of_kind)
        assert len(items) == len(set(items))
