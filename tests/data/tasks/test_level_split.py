"""Choosing what is held out, and the file that keeps it."""

import collections
import json

import pytest

from t5lite.data.tasks.level_choice import choose_roles
from t5lite.data.tasks.level_split import DROPPED, TRAIN_ONLY, LevelSplit, TaskRole, is_split_file
from t5lite.data.tasks.task_kinds import TaskKind, merge_kinds, read_kinds

CATEGORIES = {"qa": 6, "sentiment": 4, "translation": 3, "summaries": 1, "dialogue": 2}
KINDS = {
    f"{category}_{number}{form}": TaskKind(category, f"{category}_{number}")
    for category, count in CATEGORIES.items()
    for number in range(count)
    for form in ("", "_2shot")
}


def choose(**options):
    return choose_roles(KINDS, **{"trainable": list(KINDS), "seed": 0, **options})


def at(roles, level):
    return {role.task for role in roles.values() if role.level == level}


def make_split(**changes):
    roles = choose(categories=1, tasks=3)
    fields = {
        "name": "levels",
        "collection": ("all",),
        "task_modules": ("tasks.mini",),
        "seed": 0,
        "held_out_share": 0.1,
        "roles": roles,
    }
    return LevelSplit(**{**fields, **changes})


@pytest.mark.parametrize("seed", range(8))
def test_levels_are_what_their_names_say(seed):
    roles = choose(categories=2, tasks=3, seed=seed)
    assert set(roles) == set(KINDS)
    trained = {name for name, role in roles.items() if role.level == "fully_supervised"}
    seen = {KINDS[name].category for name in trained}
    assert len(seen) == 3 and len(at(roles, "partially_supervised")) == 3
    for name, role in roles.items():
        assert (role.category, role.task) == (KINDS[name].category, KINDS[name].task)
        assert (role.level == "fully_held_out") == (role.category not in seen)
    by_task = collections.defaultdict(set)
    for role in roles.values():
        by_task[role.task].add(role.level)
    assert all(len(levels) == 1 for levels in by_task.values()), "forms go together"


def test_seeds_draw_others_and_a_seed_the_same():
    drawn = {
        seed: frozenset(at(choose(categories=1, seed=seed), "fully_held_out")) for seed in range(9)
    }
    assert len(set(drawn.values())) > 2
    assert choose(categories=1, seed=3) == choose(categories=1, seed=3)


def test_another_category_changes_at_most_one_that_is_drawn():
    for seed in range(8):
        before = {
            r.category
            for r in choose(categories=2, seed=seed).values()
            if r.level == "fully_held_out"
        }
        more = {**KINDS, "new_task": TaskKind("new", "new_task")}
        roles = choose_roles(more, trainable=list(more), seed=seed, categories=2)
        after = {role.category for role in roles.values() if role.level == "fully_held_out"}
        assert before == after or (before - after and after - before == {"new"})


def test_lists_are_taken_as_they_are():
    roles = choose(categories=["translation", "summaries"], tasks=["qa_1"])
    assert at(roles, "fully_held_out") == {"summaries_0", *(f"translation_{n}" for n in range(3))}
    assert at(roles, "partially_supervised") == {"qa_1"}


def test_what_has_no_training_data_is_at_the_level_of_the_others():
    trainable = [
        n
        for n in KINDS
        if KINDS[n].category != "qa"
        and n not in ("dialogue_0", "dialogue_0_2shot", "dialogue_1_2shot")
    ]
    roles = choose(trainable=trainable)
    assert at(roles, "fully_held_out") == {f"qa_{n}" for n in range(6)}
    assert at(roles, "partially_supervised") == {"dialogue_0"}
    assert roles["dialogue_1_2shot"].level == "fully_supervised", "its other form is trained on"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"categories": 5}, "5 categories with training data, and one must be left"),
        ({"tasks": 12}, "--held_out_tasks 12: only 11 tasks can be held out"),
        ({"categories": ["quality"]}, "'quality' is no category of the collection"),
        ({"tasks": ["qa_7"]}, "'qa_7' is no task of the collection.* Did you mean 'qa_"),
    ],
)
def test_what_cannot_be_chosen_is_refused(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        choose(**options)


# ---- The file ------------------------------------------------------------------------------------


def test_what_is_written_is_read_back(tmp_path):
    roles = choose(trainable=[name for name in KINDS if name != "qa_2_2shot"], categories=1)
    split = make_split(held_out_instances={"qa_0": ("a", "b")}, roles=roles)
    split = split.without({"qa_1": "leaks"})
    split.write(tmp_path / "levels.json")
    assert LevelSplit.read(tmp_path / "levels.json") == split
    assert is_split_file("levels.json") and not is_split_file("tasks.mini")


def test_levels_follow_from_what_is_dropped():
    split = make_split(roles=choose(tasks=["dialogue_1"]))
    assert split.roles["dialogue_1"].level == "partially_supervised"
    without = split.without({"dialogue_0": "leaks", "dialogue_0_2shot": "leaks"})
    assert without.roles["dialogue_0"] == TaskRole(
        category="dialogue", task="dialogue_0", level=DROPPED, why="leaks"
    )
    assert without.roles["dialogue_1"].level == "fully_held_out", (
        "no Task of it is trained any more"
    )
    assert without.without({}) == without
    with pytest.raises(ValueError, match="no Task is left to train on"):
        split.without(dict.fromkeys(KINDS, "leaks"))


def test_a_form_without_training_data_follows_those_that_have_some():
    trainable = [name for name in KINDS if name not in ("qa_0_2shot", "dialogue_0_2shot")]
    split = make_split(roles=choose(trainable=trainable))
    assert split.roles["qa_0_2shot"].level == "fully_supervised"
    assert "qa_0_2shot" not in split.trained_tasks
    without = split.without({"qa_0": "leaks"})
    assert without.roles["qa_0_2shot"].level == "partially_supervised", "nothing of it is trained"
    everything = [name for name in KINDS if name.startswith("dialogue") and name in trainable]
    without = split.without(dict.fromkeys(everything, "leaks"))
    assert without.roles["dialogue_0_2shot"].level == "fully_held_out"
    without = split.without_evaluating({"qa_0_2shot": "leaks"})
    assert without.roles["qa_0_2shot"].level == DROPPED


def test_what_is_not_evaluated_is_still_trained_on():
    split = make_split(roles=choose(categories=["translation"]))
    without = split.without_evaluating({"qa_0": "leaks", "translation_1": "leaks"})
    assert without.trained_tasks == split.trained_tasks
    assert [without.roles[n].level for n in ("qa_0", "qa_0_2shot", "translation_1")] == [
        TRAIN_ONLY,
        "fully_supervised",
        DROPPED,
    ]
    assert without.without({}) == without


def edited(tmp_path, edit):
    make_split(roles=choose(categories=["translation"], tasks=["qa_1"])).write(
        tmp_path / "levels.json"
    )
    record = json.loads((tmp_path / "levels.json").read_text())
    edit(record)
    (tmp_path / "levels.json").write_text(json.dumps(record))
    return tmp_path / "levels.json"


def set_level(name, level):
    return lambda record: record["tasks"][name].update(level=level)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (lambda r: r.update(format="other"), "is no split by levels"),
        (lambda r: r.pop("seed"), "field 'seed' is missing"),
        (lambda r: r.update(seed="1"), "field 'seed' must be an integer, got '1'"),
        (lambda r: r.update(sed=1), "unknown field 'sed'"),
        (lambda r: r.update(held_out_share=1.5), "held_out_share 1.5 is no share"),
        (lambda r: r.update(name="a b"), "is called 'a b'"),
        (lambda r: r.update(task_modules=["levels.json"]), "levels.json .* is a split itself"),
        (lambda r: r.update(tasks=[]), "'tasks' must be an object"),
        (lambda r: r["tasks"]["qa_0"].pop("level"), "task 'qa_0': field 'level' is missing"),
        (set_level("qa_0", "held_out"), "task 'qa_0', field 'level' must be"),
        (set_level("qa_0", "partially_supervised"), "another form of the task 'qa_0' is"),
        (
            lambda r: [r["tasks"][f"qa_0{f}"].update(evaluation_only=True) for f in ("", "_2shot")],
            "no form of the task 'qa_0' is trained on",
        ),
        (
            lambda r: [set_level(f"qa_1{f}", "fully_held_out")(r) for f in ("", "_2shot")],
            "category 'qa' are trained on",
        ),
        (
            lambda r: [
                set_level(f"translation_1{f}", "partially_supervised")(r) for f in ("", "_2shot")
            ],
            "no Task of its category 'translation' is trained on",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_by_file_and_field(tmp_path, edit, complaint):
    path = edited(tmp_path, edit)
    with pytest.raises(ValueError, match=complaint) as found:
        LevelSplit.read(path)
    assert str(path) in str(found.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nothing\.json: no such file.*tasks split"):
        LevelSplit.read(tmp_path / "nothing.json")


# ---- Categories ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kinds.tsv", "a\tqa\n\nb_2shot\tqa\tb\n"),
        ("kinds.json", '{"a": "qa", "b_2shot": ["qa", "b"]}'),
    ],
)
def test_categories_are_read_from_a_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    kinds = read_kinds(tmp_path / name, task_names=["a", "b", "b_2shot"])
    assert kinds == {"a": TaskKind("qa", ""), "b_2shot": TaskKind("qa", "b")}
    declared = {"a": None, "b_2shot": TaskKind("other", "c"), "b": TaskKind("mine", "b")}
    assert merge_kinds(kinds, declared) == {
        "a": TaskKind("qa", "a"),
        "b_2shot": TaskKind("qa", "b"),
        "b": TaskKind("mine", "b"),
    }
    assert merge_kinds({"b": TaskKind("qa", "")}, {"b": TaskKind("x", "c")})["b"].task == "c"


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("k.tsv", "a\tqa\nc\tqa\n", r"k\.tsv, line 2: 'c' is no Task"),
        ("k.tsv", "a\tqa\na\tqa\n", r"line 2: 'a' is there twice"),
        ("k.tsv", "a\n", "line 1: expected a category"),
        ("k.tsv", "a\tqa\tb\tc\n", "line 1: expected a category"),
        ("k.tsv", "a\t \n", "line 1: expected a category"),
        ("k.json", '["a"]', "expected an object of Tasks' categories, found a list"),
        ("k.json", '{"a": 1}', "'a': expected a text or a list of texts, found 1"),
    ],
)
def test_a_malformed_file_of_categories_is_named(tmp_path, name, content, complaint):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=complaint):
        read_kinds(tmp_path / name, task_names=["a", "b"])


def test_tasks_without_a_category_are_counted():
    kinds = {"a": TaskKind("qa", "a"), "b": None, "c": TaskKind("", "c")}
    with pytest.raises(
        ValueError, match=r"2 of 3 Tasks say no category, such as 'b', 'c'.*--categories"
    ):
        merge_kinds({}, kinds)
