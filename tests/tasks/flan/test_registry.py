"""The Flan Collection in seqio's registry. What imports it afresh runs in a process of its own."""

import json
import os
import re
import sys
import textwrap

import pytest

from t5lite import catalog
from t5lite.data.tasks import seqio_adapter, seqio_registry, task_data
from t5lite.data.tasks.instance_selection import InstanceSelection
from t5lite.data.tasks.prompt_parts import options_of
from t5lite.data.tasks.seqio_records import task_records
from t5lite.data.tasks.task_kinds import TaskKind
from t5lite.data.tasks.task_metrics import Answers
from t5lite.files.json_files import write_lines
from tests.conftest import REPOSITORY, printed, shared_path

pytest.importorskip("seqio")
seqio_adapter.import_tasks(["tasks.flan"])

from tasks.flan import mixtures, registry  # noqa: E402
from tasks.flan.manifest import FLAN_TASKS, HELD_OUT_SUITES, HELD_OUT_TASKS  # noqa: E402
from tasks.python_tasks import task_name  # noqa: E402

ALL_MIXTURES = [name for name in seqio_adapter.registered_names()[1] if name.startswith("flan")]


def leaves(name):
    return seqio_adapter.resolve(name).task_names


def shares(name, counts=None, **settings):
    found = seqio_adapter.rates(name, counts or dict.fromkeys(leaves(name), 0), **settings)
    assert abs(sum(found.values()) - 1) < 1e-9
    return found


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root with two chain-of-thought sets and one Muffin set."""
    monkeypatch.setenv("T5LITE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "none"))
    (tmp_path / "cot").mkdir()
    for name in ("gsm8k", "strategyqa"):
        rows = [f"What is {i} of {name}?\t{i}\tCounting to {i}.\n" for i in range(80)]
        (tmp_path / "cot" / f"{name}_train.tsv").write_text("".join(rows))
    (tmp_path / "flan" / "rte").mkdir(parents=True)
    rows = [
        {"premise": f"It rains in town {i}.", "hypothesis": f"Town {i} is wet.", "label": i % 2}
        for i in range(60)
    ]
    write_lines(tmp_path / "flan" / "rte" / "train.jsonl", rows)
    return tmp_path


def examples(name, split="train"):
    return list(seqio_registry.get(name).source.texts(split))


# -------------------------------------------------------------------------------------- importing


def test_importing_opens_no_file_and_no_socket():
    program = textwrap.dedent(
        """
        import sys
        import jinja2.sandbox
        from t5lite.data.tasks import seqio_adapter
        from tasks.python_tasks import add_python_task
        seqio_adapter.registered_names()
        # The vocabulary is the settings', not the collection's: this loads it.
        add_python_task("first", lambda split: [], splits=("train",), metrics=())
        seen = []
        def hook(event, arguments):
            if event == "open" and str(arguments[0]).endswith((".py", ".pyc")):
                return
            if event.startswith(("open", "socket", "subprocess", "os.system", "urllib")):
                seen.append((event, arguments))
        sys.addaudithook(hook)
        seqio_adapter.import_tasks(["tasks.flan"])
        tasks, mixtures = seqio_adapter.registered_names()
        open("/dev/null").close()
        print(len(tasks), len(mixtures), len(seen), [item for item in seen[:-1]])
        """
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("T5LITE_")}
    found = printed([sys.executable, "-c", program], cwd=REPOSITORY, env=environment)
    # The one event is the test's own, which shows that the hook sees what it should.
    assert found.split(maxsplit=3) == ["4241", "26", "1", "[]\n"], found


def test_every_task_is_registered_in_every_form():
    registered = {name for name in seqio_adapter.registered_names()[0] if name.startswith("flan_")}
    wanted = {
        registry.full_name(task, form)
        for task in FLAN_TASKS.values()
        for form in registry.forms(task)
    }
    assert registered == wanted
    assert len(wanted) == 4 * (77 + 193) + 2 * 1_556 + 4 * (9 + 3) == 4_240
    bare = {re.sub(r"_(inv_)?(zs|fs)(_opt|_noopt)?$", "", name) for name in registered}
    assert len(bare) == len(FLAN_TASKS)


# ----------------------------------------------------------------------------------------- held out


@pytest.mark.parametrize("name", ALL_MIXTURES)
def test_no_mixture_trains_on_what_is_held_out(name):
    by_name = {
        registry.full_name(task, form): task
        for task in FLAN_TASKS.values()
        for form in registry.forms(task)
    }
    held_out = {dataset for names in HELD_OUT_SUITES.values() for dataset in names}
    stems = [task_name(f"flan_{task}_") for task in HELD_OUT_TASKS]
    for leaf in leaves(name):
        task = by_name[leaf]
        assert task.held_out == () and task.dataset not in held_out
        assert not leaf.startswith(tuple(stems))
        number = re.match(r"flan_task(\d+)_", leaf)
        assert number is None or not (
            685 <= int(number[1]) <= 737 or 664 <= int(number[1]) <= 667
        ), leaf


# ------------------------------------------------------------------------------------------ mixing


def share_of(found, collection):
    names = {
        registry.full_name(task, form)
        for task in FLAN_TASKS.values()
        if task.collection == collection
        for form in registry.forms(task)
    }
    return sum(share for name, share in found.items() if name in names)


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("flan2022", {"muffin": 46.0, "t0_sf": 27.9, "niv2": 24.2, "cot": 1.8}),
        ("flan2022_a", {"muffin": 52.0, "t0_sf": 15.0, "niv2": 30.0, "cot": 3.0}),
        ("flan2022_public", {"muffin": 40.0 + 3.0, "t0_sf": 32.0, "niv2": 20.0, "cot": 5.0}),
    ],
)
def test_mixtures_have_the_papers_proportions(name, percent):
    found = shares(name)
    assert len(found) == 4_240
    for collection, number in percent.items():
        assert share_of(found, collection) == pytest.approx(number / sum(percent.values()))


def test_the_public_mixture_has_dialogue_apart_with_its_own_cap():
    found = shares("flan2022_public")
    dialogue = {name for name in found if name.startswith(("flan_wiki_dialog", "flan_qrecc"))}
    assert sum(found[name] for name in dialogue) == pytest.approx(0.03)
    assert found["flan_wiki_dialog_zs"] / found["flan_qrecc_zs"] == pytest.approx(200_000 / 10_170)
    ours = shares("flan2022")
    assert ours["flan_wiki_dialog_zs"] / ours["flan_qrecc_zs"] == pytest.approx(30_000 / 10_170)
    # In Muffin each dialogue counts as much as any set of as many examples, in all its forms.
    snli = sum(share for name, share in ours.items() if name.startswith("flan_snli_"))
    wiki = sum(share for name, share in ours.items() if name.startswith("flan_wiki_dialog_"))
    assert wiki / snli == pytest.approx(1, rel=0.3)


def test_forms_share_alike_and_rates_follow_capped_sizes():
    found = shares("flan_flan2021")
    for suffix in ("zs_opt", "zs_noopt", "fs_opt", "fs_noopt"):
        part = sum(share for name, share in found.items() if name.endswith(suffix))
        assert part == pytest.approx(0.25)
    ratio = found["flan_snli_zs_opt"] / found["flan_rte_zs_opt"]
    assert ratio == pytest.approx(30_000 / 2_290)
    cot = shares("flan_cot")
    assert cot["flan_cot_gsm8k_inv_fs"] / cot["flan_cot_gsm8k_fs"] == pytest.approx(0.3)
    assert cot["flan_cot_esnli_zs"] / cot["flan_cot_gsm8k_zs"] == pytest.approx(36_174 / 7_473)
    niv2 = shares("flan_niv2")
    assert niv2["flan_task001_quoref_question_generation_zs"] / niv2[
        "flan_task003_mctaco_question_generation_event_duration_fs"
    ] == pytest.approx(4_225 / 429)
    assert niv2["flan_task002_quoref_answer_generation_zs"] / niv2[
        "flan_task001_quoref_question_generation_zs"
    ] == pytest.approx(5_000 / 4_225)


def test_what_has_no_declared_number_is_counted():
    name = "flan_dmcc_python_zs_opt"
    counts = dict.fromkeys(leaves("flan_flan2021"), 0)
    assert shares("flan_flan2021", counts)[name] == 0
    found = shares("flan_flan2021", counts | {name: 2_290})
    assert found[name] == found["flan_rte_zs_opt"] > 0


def test_seqio_itself_mixes_alike():
    import seqio

    mixture = seqio.MixtureRegistry.get("flan_cot")
    rates = {task.name: mixture.get_rate(task) for task in mixture.tasks}
    total = sum(rates.values())
    ours = shares("flan_cot")
    assert {name: rate / total for name, rate in rates.items()} == pytest.approx(ours)


def test_notes_say_what_the_mixture_is():
    notes = " ".join(seqio_registry.get("flan2022").notes)
    for phrase in ("Proportions B", "1,838 tasks", "niv2 1,556", "MMLU", "BBH, TyDiQA, MGSM"):
        assert phrase in notes
    assert set(mixtures.PROPORTIONS) == {"flan2022", "flan2022_a", "flan2022_public"}


# ---------------------------------------------------------------------------------------- examples


def test_forms_of_one_task(root):
    listed, bare = examples("flan_rte_zs_opt"), examples("flan_rte_zs_noopt")
    assert len(listed) == len(bare) == 57
    assert examples("flan_rte_zs_opt") == listed
    # Some are asked the other way round: then the target is a premise or the like.
    answered = [e for e in bare if e["targets"] in ("yes", "no")]
    assert 25 < len(answered) < 52
    assert all("town" in e["inputs"].lower() for e in answered)
    assert not any(re.search(r"\byes\b.*\bno\b", e["inputs"], re.S) for e in answered)
    held_back = examples("flan_rte_zs_noopt", "validation")
    assert {e["targets"] for e in held_back} <= {"yes", "no"}


@pytest.mark.parametrize("form", ["zs_opt", "zs_noopt", "fs_opt", "fs_noopt"])
def test_tasks_with_options_can_be_ranked(root, form):
    (task,) = seqio_adapter.load_eval_tasks(
        f"flan_rte_{form}",
        split="validation",
        task_feature_lengths={"inputs": 512, "targets": 64},
    )
    options = [options_of(example.raw) for example in task.examples]
    right = [row.index(one.targets_text) for row, one in zip(options, task.examples, strict=True)]
    assert {len(row) for row in options} == {2}
    for is_right in (True, False):
        texts = [row[i if is_right else 1 - i] for row, i in zip(options, right, strict=True)]
        assert task.measure(Answers(texts=texts)).values["exact_match"] == is_right


def test_few_shot_prompts_show_other_rows_of_the_same_task(root):
    shown = 0
    for example in examples("flan_cot_gsm8k_fs"):
        assert "strategyqa" not in example["inputs"]
        questions = re.findall(r"What is (\d+) of gsm8k", example["inputs"])
        shown += len(questions) - 1
        assert len(questions) == len(set(questions))
    assert shown > 80
    for example in examples("flan_cot_gsm8k_zs"):
        assert example["inputs"].count("of gsm8k") == 1


def test_prompts_keep_to_their_tokens(root, monkeypatch):
    form = registry.TWO_FORMS[1]
    task = FLAN_TASKS["cot_gsm8k"]
    pattern = registry.PATTERNS[task.pattern]
    reader = registry.FormReader(task, form, pattern, "", prompt_tokens=200)
    lengths = [len(example.inputs.encode()) for example in reader("train")]
    assert max(lengths) <= 200 < max(len(e["inputs"]) for e in examples("flan_cot_gsm8k_fs"))
    monkeypatch.setenv(registry.PROMPT_TOKENS_VARIABLE, "many")
    with pytest.raises(ValueError, match="T5LITE_FLAN_PROMPT_TOKENS='many' is not a number"):
        registry._prompt_tokens()


def test_the_reasoning_is_scored_by_its_answer(root):
    task = seqio_registry.get("flan_cot_gsm8k_zs")
    assert task.postprocessor("Because. The answer is 7.", is_target=False) == "7"
    (metric,) = task.metric_fns
    assert metric(["7"], ["7.0"]) == {"accuracy": 1.0}


def test_a_change_of_data_or_template_changes_the_fingerprint(root):
    names = ["flan_cot_gsm8k_zs", "flan_cot_strategyqa_zs"]
    before = [source.fingerprint for source in seqio_adapter.task_sources(names)]
    assert before == [source.fingerprint for source in seqio_adapter.task_sources(names)]
    with (root / "cot" / "gsm8k_train.tsv").open("a") as file:
        file.write("One more?\t1\tYes.\n")
    after = [source.fingerprint for source in seqio_adapter.task_sources(names)]
    assert after[0] != before[0]
    assert after[1] == before[1]
    task = FLAN_TASKS["cot_gsm8k"]
    pattern = registry.PATTERNS[task.pattern]
    readers = [registry.FormReader(task, registry.TWO_FORMS[0], pattern, w, 9) for w in "ab"]
    assert readers[0].fingerprint_parts() != readers[1].fingerprint_parts()


# --------------------------------------------------------------------------------------- data there


def test_missing_data_stop_a_mixture_or_are_left_out(root):
    names = leaves("flan_cot")
    with pytest.raises(ValueError, match=r"28 of the tasks of 'flan_cot' have no data") as error:
        task_data.present_tasks("flan_cot", names, allow_missing=False)
    assert re.search(r"^cot +36 +8 +28 +0$", str(error.value), re.M)
    assert "ALLOW_MISSING_TASKS" in str(error.value)
    present, missing = task_data.present_tasks("flan_cot", names, allow_missing=True)
    assert len(present) == 8
    assert {status.state for status in missing} == {"missing"}
    with pytest.raises(ValueError, match="have no data"):
        task_data.present_tasks("flan_niv2", leaves("flan_niv2"), allow_missing=True)


def test_what_is_left_gets_the_whole_share_of_its_sub_mixture(root):
    names = leaves("flan2022")
    present, missing = task_data.present_tasks("flan2022", names, allow_missing=True)
    found = shares("flan2022", leave_out={status.task for status in missing})
    assert set(found) == set(present)
    # Only Muffin's and chain of thought's are there: 46 to 1.8.
    assert share_of(found, "muffin") / share_of(found, "cot") == pytest.approx(46 / 1.8)


def test_the_collection_reports_a_line_a_task(root):
    statuses = registry.data_status()
    assert [status.task for status in statuses] == list(FLAN_TASKS)
    present = {status.task for status in statuses if status.state == "present"}
    assert present == {"cot_gsm8k", "cot_strategyqa", "rte"}


def test_real_data_of_every_kind_are_worded(monkeypatch):
    monkeypatch.setenv("T5LITE_DATA_DIR", str(shared_path("data")))
    for name in (
        "flan_cot_aqua_fs",
        "flan_dream_baseline_fs_noopt",
        "flan_task003_mctaco_question_generation_event_duration_fs",
        "flan_task1640_aqa1.0_answerable_unanswerable_question_classification_zs",
    ):
        made = examples(name)
        assert made and all(example["inputs"] and example["targets"] for example in made)


def test_describe_prints_the_whole_accounting(root, tmp_path, capsys):
    catalog.describe("flan2022", task_modules=(), cache_dir=str(tmp_path / "cache"))
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.strip()}
    # 46 of 99.9, which is what the paper's figures add up to.
    assert rows["flan_muffin"] == ["46.05%", "320", "tasks"]
    assert rows["flan_t0_sf_zs_noopt"] == ["6.98%", "193", "tasks"]
    assert rows["flan_cot_gsm8k_fs"][2:] == ["100,000", "7,473", "source"]
    assert rows["flan_snli_fs_opt"][2:] == ["30,000", "30,000", "source"]
    assert len(rows.keys() & set(leaves("flan2022"))) == 4_240
    assert rows["cot"] == ["36", "8", "28", "0"]
    assert "note: held out and never mixed in: MMLU" in out


@pytest.mark.slow
def test_a_run_records_what_it_goes_on_without(root, tmp_path):
    pytest.importorskip("jax")
    from tests import toy_run

    data = toy_run.data_config(
        str(tmp_path / "cache"),
        mixture_or_task_name="flan_cot_zs",
        task_modules=("tasks.flan",),
        data_dir=str(root),
        vocabulary=None,
        task_feature_lengths={"inputs": 256, "targets": 64},
        allow_missing_tasks=True,
    )
    folder = tmp_path / "model"
    toy_run.toy_train(str(folder), str(tmp_path / "cache"), train_data=data, train_steps=2)
    record = json.loads((folder / "missing_tasks.json").read_text())
    assert record["tally"] == {"cot": {"present": 0, "missing": 14, "broken": 0}}
    assert "esnli_train.tsv" in record["tasks"]["flan_cot_esnli_zs"]["why"]


def test_held_out_instances_are_neither_asked_nor_shown(root):
    base = {form: seqio_registry.get(f"flan_cot_gsm8k_{form}").source for form in ("zs", "fs")}
    sides = [
        InstanceSelection(task="cot_gsm8k", seed=0, share=0.3, held_out=held_out)
        for held_out in (True, False)
    ]
    asked = {
        form: [{one["id"] for one in source.restricted(side).texts("train")} for side in sides]
        for form, source in base.items()
    }
    assert asked["zs"] == asked["fs"]
    held_out, trained = asked["zs"]
    assert held_out | trained == {one["id"] for one in examples("flan_cot_gsm8k_zs")}
    assert not held_out & trained and len(held_out) > 5
    questions = [one["inputs"] for one in base["zs"].restricted(sides[0]).texts("train")]
    numbers = {re.search(r"What is (\d+) of gsm8k", text).group(1) for text in questions}
    prompts = "".join(one["inputs"] for one in base["fs"].restricted(sides[1]).texts("train"))
    assert not numbers & set(re.findall(r"What is (\d+) of gsm8k", prompts))
    assert base["fs"].restricted(sides[1]).num_input_examples("train") == len(trained)
    assert base["fs"].task_kind() == TaskKind(FLAN_TASKS["cot_gsm8k"].category, "cot_gsm8k")


def test_records_are_those_of_the_data_set_in_every_form(root):
    forms = [list(task_records(f"flan_cot_gsm8k_{form}", "train")) for form in ("zs", "fs")]
    assert forms[0] == forms[1]
    asked = examples("flan_cot_gsm8k_zs")
    assert [one["id"] for one in forms[0]] == [one["id"] for one in asked]
    assert list(forms[0][0]) == ["id", "question", "rationale", "answer"]
    assert all(
        one["question"] in prompt["inputs"] for one, prompt in zip(forms[0], asked, strict=True)
    )
