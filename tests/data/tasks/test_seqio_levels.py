"""A split's Tasks and Mixtures: what is held out is never trained on, and nothing is lost."""

import dataclasses
import itertools

import pytest

from t5lite.data.data_config import DataConfig
from t5lite.data.pipeline import open_train_data
from t5lite.data.stores.build import open_stores
from t5lite.data.tasks import seqio_adapter, seqio_mixtures, task_modules
from t5lite.data.tasks.level_split import LevelSplit, TaskRole
from t5lite.data.tasks.seqio_registry import get_task
from t5lite.data.tasks.seqio_selected import matched_ids
from t5lite.data.transforms.span_corruption import SpanCorruption

MODULE = "tests.data.level_tasks"
PARTS = ("inputs", "targets")
TRAINED = ("lv_plain_0", "lv_plain_1", "lv_ids_0", "lv_ids_1", "lv_noised")
ROLES = {
    **{name: TaskRole(category="adding", task=name, level="fully_supervised") for name in TRAINED},
    # The examples of another Task, which it is a form of.
    "lv_noised": TaskRole(category="adding", task="lv_plain_1", level="fully_supervised"),
    "lv_plain_2": TaskRole(category="adding", task="lv_plain_2", level="partially_supervised"),
    "lv_fields_0": TaskRole(category="asking", task="lv_fields_0", level="fully_held_out"),
    "lv_fields_1": TaskRole(category="asking", task="lv_fields_1", level="fully_held_out"),
    "lv_fields_2": TaskRole(category="asking", task="lv_fields_2", level="dropped", why="leaks"),
}
_names = (f"lv{number}" for number in itertools.count())


@pytest.fixture
def registered(tmp_path):
    """Registers a split through its file; gives it and the file."""

    def register(**changes):
        fields = {
            "name": next(_names),
            "collection": ("lv_all",),
            "task_modules": (MODULE,),
            "seed": 0,
            "held_out_share": 0.2,
            "roles": ROLES,
        }
        split = LevelSplit(**{**fields, **changes})
        file = str(tmp_path / f"{split.name}.json")
        split.write(file)
        seqio_adapter.import_tasks([file], vocabulary="bytes")
        return split, file

    return register


def texts(name, split):
    return [(one["inputs"], one["targets"]) for one in seqio_adapter.iterate_texts(name, split)]


def stored(names, file, cache_dir):
    """Inputs and targets of all examples in the token stores that training opens."""
    found = {}
    stores = open_stores(
        names, split="train", task_modules=[file], cache_dir=str(cache_dir), progress=False
    )
    for name, store in zip(names, stores, strict=True):
        vocabularies = seqio_adapter.token_features(name)
        rows = map(store.example, range(store.num_examples))
        found[name] = [
            tuple(vocabularies[part].decode(row[part].tolist()[:-1]) for part in PARTS)
            for row in rows
        ]
    return found


def test_held_out_instances_are_in_no_token_store_and_in_no_batch(registered, tmp_path):
    split, file = registered()
    names = seqio_adapter.resolve(f"{split.name}_train").task_names
    assert names == tuple(sorted(split.task_name(name) for name in TRAINED))
    evaluated = {
        task.name: {example.inputs_text for example in task.examples}
        for task in seqio_adapter.load_eval_tasks(
            f"{split.name}_fully_supervised", split="validation", task_feature_lengths={}
        )
    }
    trained = stored(names, file, tmp_path)
    for name in TRAINED:
        ours = split.task_name(name)
        base = texts(name, "train")
        assert not {inputs for inputs, _ in trained[ours]} & evaluated[ours]
        assert sorted(trained[ours] + texts(ours, "validation")) == sorted(base)
        assert 0.05 < len(texts(ours, "validation")) / len(base) < 0.4
    config = DataConfig(
        mixture_or_task_name=f"{split.name}_train",
        task_feature_lengths={"inputs": 64, "targets": 16},
        batch_size=8,
        task_modules=(file,),
        cache_dir=str(tmp_path),
        transforms={f"{split.name}_train": None},
    )
    held_out = set().union(*evaluated.values())
    with open_train_data(config) as data:
        vocabulary = data.vocabulary
        rows = [
            row
            for batch, _ in zip(data, range(20), strict=False)
            for row in batch.features["encoder_input_tokens"]
        ]
    seen = {text for row in rows for text in vocabulary.decode(row.tolist()).split("add") if text}
    assert len(seen) > 50 and not seen & {text.removeprefix("add") for text in held_out}


def test_stock_seqio_reads_the_same_in_any_order(registered):
    import seqio

    split, _ = registered()
    for name in ("lv_plain_0", "lv_ids_0", "lv_fields_1"):
        task = seqio.get_mixture_or_task(split.task_name(name))
        lengths = {"inputs": 64, "targets": 16}
        rows = task.get_dataset(lengths, split="train", shuffle=True, seed=3).as_numpy_iterator()
        found = [
            (r["inputs_pretokenized"].decode(), r["targets_pretokenized"].decode()) for r in rows
        ]
        assert sorted(found) == sorted(texts(split.task_name(name), "train")) and len(found) > 30


def test_forms_of_one_task_hold_out_the_same_instances(registered):
    module, forms = "tasks.mini", ("", "_fewshot", "_cot")
    role = TaskRole(category="find", task="find_food", level="fully_supervised")
    split, _ = registered(
        collection=("mini_zeroshot", "mini_find_food_fewshot", "mini_find_food_cot"),
        task_modules=(module,),
        roles={f"mini_find_food{form}": role for form in forms},
    )
    ours = [split.task_name(f"mini_find_food{form}") for form in forms]
    held_out = set()
    for name in ours:
        (task,) = seqio_adapter.load_eval_tasks(name, split="validation", task_feature_lengths={})
        held_out |= {example.raw["id"].decode() for example in task.examples}
    assert len(held_out) > 50
    for name in ours:
        prompts = [inputs for inputs, _ in texts(name, "train")]
        assert len(prompts) > 100
        shown = [one for one in held_out if any(one in prompt for prompt in prompts)]
        assert not shown, "neither asked nor shown as an exemplar"


def test_training_keeps_the_rates_of_what_is_left(registered):
    split, _ = registered()
    ours = seqio_adapter.rates(f"{split.name}_train", {})
    left_out = [name for name, role in ROLES.items() if role.level != "fully_supervised"]
    theirs = seqio_adapter.rates("lv_all", {}, leave_out=left_out)
    assert ours == pytest.approx(
        {split.task_name(name): rate for name, rate in theirs.items() if rate}
    )
    assert seqio_mixtures.sub_mixtures(f"{split.name}_train") == (f"{split.name}_train_lv_inner",)


def test_a_list_of_tasks_is_trained_on_in_equal_parts(registered):
    split, _ = registered(collection=("lv_inner", "lv_ids_0", "lv_fields_0"))
    rates = seqio_adapter.rates(f"{split.name}_train", {})
    parts = {"lv_plain_0": 0.125, "lv_plain_1": 0.375, "lv_ids_0": 0.5}
    assert rates == pytest.approx({split.task_name(name): rate for name, rate in parts.items()})


def test_levels_are_evaluated_on_whole_tasks_by_one_name_of_a_split(registered):
    split, _ = registered()
    of_level = {
        level: seqio_mixtures.leaf_names(f"{split.name}_{level}")
        for level in ("fully_held_out", "partially_supervised", "fully_supervised")
    }
    assert of_level == {
        "fully_held_out": [split.task_name(f"lv_fields_{n}") for n in (0, 1)],
        "partially_supervised": [split.task_name("lv_plain_2")],
        "fully_supervised": sorted(map(split.task_name, TRAINED)),
    }
    for name, part in (
        ("lv_fields_0", "train"),
        ("lv_fields_1", "validation"),
        ("lv_plain_2", "test"),
    ):
        assert texts(split.task_name(name), "validation") == texts(name, part)
    assert seqio_adapter.splits(split.task_name("lv_fields_0")) == ("validation",)
    assert texts(split.task_name("lv_fields_1"), "train") == texts("lv_fields_1", "train")
    assert split.task_name("lv_fields_2") not in seqio_adapter.registered_names()[0]


def test_without_a_share_the_own_split_is_evaluated_and_the_store_shared(registered, tmp_path):
    split, file = registered(held_out_share=0.0)
    for name in TRAINED[:4]:
        assert texts(split.task_name(name), "train") == texts(name, "train")
    assert texts(split.task_name("lv_ids_1"), "validation") == texts("lv_ids_1", "validation")
    supervised = seqio_mixtures.leaf_names(f"{split.name}_fully_supervised")
    assert supervised == sorted(map(split.task_name, ("lv_plain_1", "lv_ids_1", "lv_noised")))
    stored([split.task_name("lv_ids_1")], file, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == ["lv_ids_1"]


def test_listed_instances_are_held_out_and_other_tasks_trained_on_whole(registered):
    split, _ = registered(held_out_instances={"lv_ids_0": ("id-1", "id-7")})
    held_out = texts(split.task_name("lv_ids_0"), "validation")
    assert [targets for _, targets in held_out] == ["1", "7"]
    assert texts(split.task_name("lv_ids_1"), "train") == texts("lv_ids_1", "train")
    assert seqio_mixtures.leaf_names(f"{split.name}_fully_supervised") == [
        split.task_name("lv_ids_0")
    ]


@pytest.mark.parametrize(
    ("task", "ids", "unknown"),
    [
        ("lv_ids_0", ["id-5", "id-61"], {"id-61"}),
        ("lv_plain_0", ["add 0 5", "add 0"], {"add 0"}),
        ("mini_find_food", ["no such id"], {"no such id"}),
    ],
)
def test_ids_are_looked_for_in_any_source(task, ids, unknown):
    seqio_adapter.import_tasks([MODULE, "tasks.mini"], vocabulary="bytes")
    found = matched_ids(get_task(task).source, ids, task=task, task_name=task)
    assert set(ids) - found == unknown


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_what_is_not_evaluated_is_trained_on_as_before(registered, share):
    split, _ = registered(held_out_share=share)
    other, _ = registered(
        held_out_share=share, roles=split.without_evaluating({"lv_ids_1": "leaks"}).roles
    )
    names = [one.task_name("lv_ids_1") for one in (split, other)]
    assert texts(names[0], "train") == texts(names[1], "train")
    assert seqio_adapter.splits(names[1]) == ("train",)
    assert names[1] in seqio_mixtures.leaf_names(f"{other.name}_train")
    assert names[1] not in seqio_mixtures.leaf_names(f"{other.name}_fully_supervised")


def test_transforms_go_along(registered):
    split, _ = registered()
    assert seqio_adapter.example_transform(split.task_name("lv_noised")) == SpanCorruption()


def test_token_stores_know_one_split_from_another(registered):
    first, other = (registered(seed=seed)[0] for seed in (0, 1))
    fingerprints = {
        seqio_adapter.task_source(split.task_name(name)).fingerprint
        for split in (first, other)
        for name in ("lv_plain_0", "lv_ids_0")
    }
    assert len(fingerprints) == 4


def test_a_split_is_registered_once_and_another_of_its_name_refused(registered, tmp_path):
    split, file = registered()
    seqio_adapter.import_tasks([file], vocabulary="bytes")
    assert task_modules.were_imported([file])
    dataclasses.replace(split, seed=5).write(file)
    with pytest.raises(ValueError, match=f"another split called '{split.name}' is in use"):
        seqio_adapter.import_tasks([file], vocabulary="bytes")
    assert seqio_adapter.provenance(f"{split.name}_train") == file


def test_a_split_of_absent_tasks_is_refused(registered):
    roles = {**ROLES, "lv_gone": TaskRole(category="x", task="gone", level="fully_held_out")}
    with pytest.raises(ValueError, match=r"1 of 9 Tasks are not registered by tests\.data\.level"):
        registered(roles=roles)


def test_a_split_of_our_modules_is_ours(registered, tmp_path):
    _, file = registered()
    assert not task_modules.is_ours(file) and not task_modules.is_ours("nothing.json")
    record = LevelSplit.read(file)
    dataclasses.replace(record, task_modules=("tasks.mini",)).write(file)
    assert task_modules.is_ours(file)
