"""The miniature suite: deterministic, split without overlap, answerable, short and balanced."""

import operator
import pathlib
import random
import re
import string

import pytest

seqio = pytest.importorskip("seqio")

import tasks.mini  # noqa: E402
from tasks.metrics import best_constant_accuracy, exact_match  # noqa: E402
from tasks.mini import instances, registration, render, table  # noqa: E402
from tasks.mini.declare import Instance, MiniTask  # noqa: E402
from tasks.mini.lexicon import DAYS, OPPOSITES  # noqa: E402
from tasks.mini.suite import HELD_OUT_TASKS, TASKS, TRAINED_TASKS  # noqa: E402

BY_NAME = {task.name: task for task in TASKS}
MIXTURES = (
    "mini",
    "mini_new_instances",
    "mini_new_templates",
    "mini_new_tasks",
    "mini_new_tasks_fewshot",
    "mini_cot",
)
every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def rendered(task, form="zero_shot", split="train", count=200, templates=None):
    return render.examples(
        task, form=form, split=split, templates=templates or task.templates, count=count
    )


def forms(task):
    return [form for form in render.FORMS if form != "cot" or task.has_rationale]


def contents(instance):
    return tuple(sorted(instance.fields.items()))


def members(mixture):
    return {task.name for task in seqio.MixtureRegistry.get(mixture).tasks}


# The suite as a whole.


def test_there_are_enough_tasks_and_categories():
    categories = {task.category for task in TASKS}
    held_out = categories - {task.category for task in TRAINED_TASKS}
    assert len(TRAINED_TASKS) >= 24 and len(TASKS) >= 28 and len(BY_NAME) == len(TASKS)
    assert len(categories) >= 9
    assert len(HELD_OUT_TASKS) >= 6 and len(held_out) >= 2
    assert sum(task.has_rationale for task in TRAINED_TASKS) >= 5


def test_held_out_tasks_and_wordings_are_in_no_training_mixture():
    trained = members("mini") | members("mini_cot")
    assert trained == {
        f"mini_{task.name}{suffix}"
        for task in TRAINED_TASKS
        for suffix in ("", "_fewshot", *(("_cot",) if task.has_rationale else ()))
    }
    for name in members("mini_new_templates") | members("mini_new_tasks"):
        assert list(seqio.TaskRegistry.get(name).splits) == ["validation"]


def test_mixtures_hold_what_they_are_named_for():
    trained, held_out = ({task.name for task in group} for group in (TRAINED_TASKS, HELD_OUT_TASKS))
    assert members("mini_new_instances") == {f"mini_{name}" for name in trained}
    assert members("mini_new_templates") == {f"mini_{name}_new_templates" for name in trained}
    assert members("mini_new_tasks") == {f"mini_{name}" for name in held_out}
    assert members("mini_new_tasks_fewshot") == {f"mini_{name}_fewshot" for name in held_out}
    assert all(name.endswith("_cot") for name in members("mini_cot"))


def test_training_favours_zero_shot_and_what_is_learned_early():
    mixture = seqio.MixtureRegistry.get("mini")
    rates = {task.name: mixture.get_rate(task) for task in mixture.tasks}
    assert rates["mini_larger"] > rates["mini_reverse"] > 0
    assert rates["mini_add_tens"] > rates["mini_add_tens_cot"] > rates["mini_add_tens_fewshot"] > 0


# Wordings.


@every_task
def test_templates_are_several_distinct_and_use_every_field(task):
    assert len(task.templates) >= 4 and len(task.new_templates) >= 2
    wordings = task.templates + task.new_templates
    assert len(set(wordings)) == len(wordings)
    fields = set(task.make(random.Random(0)).fields)
    for template in wordings:
        slots = [slot for _, slot, _, _ in string.Formatter().parse(template) if slot]
        assert set(slots) == fields, template


@every_task
def test_no_slot_is_left_unfilled_and_no_text_has_stray_space(task):
    for form in forms(task):
        for example in rendered(task, form):
            for text in (example["inputs"], example["targets"]):
                assert text and text == text.strip() and "  " not in text
                assert "{" not in text and "}" not in text
            assert example["template"] in task.templates and example["form"] == form


@pytest.mark.parametrize(
    "task", [task for task in TASKS if not task.answer_in_prompt], ids=lambda task: task.name
)
def test_the_answer_is_not_given_away(task):
    for templates in (task.templates, task.new_templates):
        for example in rendered(task, templates=templates, count=400):
            answer = rf"(?<!\w){re.escape(example['targets'])}(?!\w)"
            assert not re.search(answer, example["inputs"]), example


@every_task
def test_a_prompt_has_one_answer(task):
    answers = {}
    for split, count in (("train", 500), ("validation", 64)):
        for templates in (task.templates, task.new_templates):
            for example in rendered(task, split=split, templates=templates, count=count):
                answers.setdefault(example["inputs"], set()).add(example["targets"])
    assert all(len(found) == 1 for found in answers.values())


@every_task
def test_lengths_stay_under_the_caps(task):
    for form in forms(task):
        batch = rendered(task, form, count=500) + rendered(task, form, "validation", 64)
        if form == "zero_shot":
            batch += rendered(task, form, "validation", 64, task.new_templates)
        sizes = [(len(e["inputs"].encode()), len(e["targets"].encode())) for e in batch]
        longest_input, longest_target = (max(side) for side in zip(*sizes, strict=True))
        mean_input = sum(size for size, _ in sizes) / len(sizes)
        assert longest_input + 1 <= 192 and longest_target + 1 <= 64
        if form == "zero_shot":
            assert mean_input <= 70 and longest_target <= 16
        elif form == "few_shot":
            assert longest_input <= render.MAX_FEW_SHOT_BYTES
        else:
            assert longest_target <= 48


# Instances.


@every_task
def test_training_and_validation_instances_are_disjoint(task):
    validation = rendered(task, split="validation", count=64)
    assert len({example["inputs"] for example in validation}) == 64
    train = {example["inputs"] for example in rendered(task, count=1000)}
    assert not train & {example["inputs"] for example in validation}
    held_out = {contents(i) for i in instances.validation_instances(task, count=64)}
    for form in ("zero_shot", "few_shot"):
        drawn = instances.training_instances(task, stream=form, count=1000)
        assert not held_out & {contents(instance) for instance in drawn}


@every_task
def test_there_are_too_many_instances_to_memorise_a_handful(task):
    drawn = instances.training_instances(task, stream="zero_shot", count=1500)
    assert len({contents(instance) for instance in drawn}) >= 350


@every_task
def test_no_constant_answer_does_well(task):
    answers = [i.answer for i in instances.training_instances(task, stream="balance", count=1000)]
    classes = len(set(answers))
    assert classes >= 2
    assert best_constant_accuracy(answers) <= max(1.15 / classes, 0.2)
    validation = [i.answer for i in instances.validation_instances(task, count=64)]
    assert best_constant_accuracy(validation) <= max(1.0 / classes + 0.15, 0.2)


def test_the_same_bytes_every_time_in_any_order():
    def everything(order):
        found = {}
        for task in order:
            for form in forms(task):
                for split in ("train", "validation"):
                    found[task.name, form, split] = rendered(task, form, split, count=16)
        return found

    assert everything(TASKS) == everything(TASKS[::-1])


def test_these_bytes_on_every_machine():
    examples = rendered(BY_NAME["word_kind"], "few_shot", count=2)
    assert [example["inputs"] for example in examples] == [
        "Q: Animal, food, tool or clothing? Tim drew the pig. A: animal\n"
        "Q: Animal, food, tool or clothing? Pam drew the sock. A:",
        "Animal, food, tool or clothing? The clamp is in the gym. -> tool\n"
        "Animal, food, tool or clothing? Leo drew the goat. ->",
    ]


@every_task
def test_a_longer_training_stream_begins_with_the_shorter(task):
    assert rendered(task, count=30)[:10] == rendered(task, count=10)


def test_every_form_has_its_own_training_instances_but_shares_validation():
    task = BY_NAME["add_tens"]
    train = [instances.training_instances(task, stream=form, count=20) for form in render.FORMS]
    assert train[0] != train[1] != train[2]
    old = rendered(task, split="validation", count=8)
    new = rendered(task, split="validation", count=8, templates=task.new_templates)
    assert [e["targets"] for e in old] == [e["targets"] for e in new]


def _constant(rng):
    del rng
    return Instance({"x": "same"}, "answer")


def test_a_task_with_too_few_instances_is_refused():
    task = MiniTask("constant", "none", _constant, ("{x}",) * 4, ("{x}",) * 2)
    other = next(s for s in instances.SPLITS if s != instances.split_of(task, _constant(None)))
    with pytest.raises(ValueError, match=f"'constant'.*no {other} instance"):
        instances.draw_instance(task, other, random.Random(0))
    with pytest.raises(ValueError, match=r"'parity'.*distinct validation.*10000 wanted"):
        instances.validation_instances(BY_NAME["parity"], count=10000)


# Few-shot.


@every_task
def test_exemplars_are_other_training_instances_of_the_task(task):
    rng = random.Random(0)
    queries = instances.training_instances(task, stream="few_shot", count=100)
    for query in queries + instances.validation_instances(task, count=32):
        shown = render.exemplars(task, query, 2, rng)
        assert query not in shown and shown[0] != shown[1]
        assert [instances.split_of(task, exemplar) for exemplar in shown] == ["train"] * 2


@every_task
def test_few_shot_prompts_repeat_the_wording_of_the_question(task):
    counts = set()
    for example in rendered(task, "few_shot", count=100):
        literals = map(re.escape, re.split(r"\{\w+\}", example["template"]))
        counts.add(len(re.findall("[^\n]+?".join(literals), example["inputs"])))
    assert counts <= {2, 3} and 2 in counts


# Chain of thought.


@pytest.mark.parametrize(
    "task", [task for task in TASKS if task.has_rationale], ids=lambda task: task.name
)
def test_reasoning_ends_in_the_answer_and_its_sums_are_true(task):
    sign = {"+": operator.add, "-": operator.sub}
    for instance in instances.training_instances(task, stream="cot", count=500):
        for a, op, b, result in re.findall(r"(\d+)([+-])(\d+)=(\d+)", instance.rationale):
            assert sign[op](int(a), int(b)) == int(result)
        assert render.ANSWER_PHRASE not in instance.rationale
    for example, instance in zip(
        rendered(task, "cot", count=100),
        instances.training_instances(task, stream="cot", count=100),
        strict=True,
    ):
        assert example["targets"].startswith(instance.rationale)
        assert render.final_answer(example["targets"]) == instance.answer


def test_final_answer_needs_the_phrase():
    assert render.final_answer("3+4=7, answer: 7 ") == "7"
    assert render.final_answer("answer: 1, answer: 2") == "2"
    assert render.final_answer("3+4=7") == ""


# Answers, by solvers that read the prompt only.


def _numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def _passage(pattern, text):
    """The facts of a passage as a dictionary, from either side."""
    pairs = re.findall(pattern, text)
    return dict(pairs) | {value: key for key, value in pairs}


def _solve_passage(pattern, text):
    facts = _passage(pattern, text)
    question = re.sub(pattern, "", text)
    (asked,) = [word for word in re.findall(r"\w+", question) if word in facts]
    return facts[asked]


def _solve_syllogism(text):
    (rule,) = re.findall(r"All \w+s are (\w+)", text)
    (asked,) = re.findall(r"[Ii]s (?!a )[A-Z]\w+ (\w+)(?:\?|,)", text)
    return "yes" if rule == asked else "no"


def _solve_both_or_either(text):
    facts = [negation == "" for negation in re.findall(r"[A-Z]\w+ is (not )?\w+\.", text)]
    assert len(facts) == 2
    return "yes" if (all if "both" in text else any)(facts) else "no"


def _solve_clock(text):
    ((hour, minute),) = re.findall(r"(\d+):(\d\d)", text)
    (wait,) = re.findall(r"(?<![\d:])\d(?= hours)", text)
    hour, minute, wait = int(hour), int(minute), int(wait)
    return f"{(hour + wait - 1) % 12 + 1}:{minute:02d}"


def _solve_story(text):
    a, b = _numbers(text)
    return str(a + b if re.search("gets|earns", text) else a - b)


def _solve_metric(text):
    (amount,) = _numbers(text)
    (big,) = re.findall(r"\d+ (\w+)", text)
    rest = re.sub(r"\d+ \w+", "", text)
    (small,) = [unit for unit in re.findall(r"\w+", rest) if unit in ("mm", "cm", "m", "g", "ml")]
    metres = {"mm": 1, "cm": 10, "m": 1000, "km": 10**6}
    grams = {"g": 1, "kg": 1000, "ml": 1, "l": 1000}
    scale = metres if big in metres else grams
    return str(amount * scale[big] // scale[small])


def _solve_heaviest(text):
    grams = {"mg": 1, "g": 10**3, "kg": 10**6, "tons": 10**9}
    weights = re.findall(r"(\d) (mg|g|kg|tons)\b", text)
    return " ".join(max(weights, key=lambda weight: int(weight[0]) * grams[weight[1]]))


def _day_shift(by):
    def solve(text):
        (day,) = [day for day in DAYS if day in text]
        return DAYS[(DAYS.index(day) + by) % 7]

    return solve


def _solve_opposite(text):
    pairs = dict(OPPOSITES) | {b: a for a, b in OPPOSITES}
    (word,) = re.findall(r"The \w+ is (\w+)", text)
    return pairs[word]


def _solve_next_number(text):
    a, b, c = _numbers(text)
    assert c - b == b - a
    return str(2 * c - b)


SOLVERS = {
    "larger": lambda text: str(max(_numbers(text))),
    "smaller": lambda text: str(min(_numbers(text))),
    "is_larger": lambda text: "yes" if operator.gt(*_numbers(text)) else "no",
    "largest_of_three": lambda text: str(max(_numbers(text))),
    "sort_letters": lambda text: " ".join(sorted(re.search(r"\b(\w \w \w)\b", text)[1].split())),
    "add": lambda text: str(sum(_numbers(text))),
    "add_tens": lambda text: str(sum(_numbers(text))),
    "subtract": lambda text: str(max(_numbers(text)) - min(_numbers(text))),
    "story_sum": _solve_story,
    "purse": _solve_story,
    "parity": lambda text: ("even", "odd")[_numbers(text)[0] % 2],
    "clock_add": _solve_clock,
    "day_after": _day_shift(1),
    "day_before": _day_shift(-1),
    "who_has": lambda text: _solve_passage(r"([A-Z]\w+) has the (\w+)\.", text),
    "what_has": lambda text: _solve_passage(r"([A-Z]\w+) has the (\w+)\.", text),
    "colour_of": lambda text: _solve_passage(r"The (\w+) is (\w+)\.", text),
    "where_is": lambda text: _solve_passage(r"(\w+) is in the (\w+)\.", text),
    "negation": lambda text: "no" if "is not" in text else "yes",
    "both_or_either": _solve_both_or_either,
    "syllogism": _solve_syllogism,
    "metric": _solve_metric,
    "heavier": _solve_heaviest,
    "opposite": _solve_opposite,
    "next_number": _solve_next_number,
}


@pytest.mark.parametrize("name", SOLVERS)
def test_answers_agree_with_an_independent_solver(name):
    task = BY_NAME[name]
    for templates in (task.templates, task.new_templates):
        for example in rendered(task, templates=templates, count=300):
            assert SOLVERS[name](example["inputs"]) == example["targets"], example


def test_answers_that_are_plain_functions_of_one_field():
    functions = {
        "first_letter": lambda f: f["word"][0],
        "last_letter": lambda f: f["word"][-1],
        "reverse": lambda f: f["word"][::-1],
        "has_letter": lambda f: "yes" if f["letter"] in f["word"] else "no",
        "first_item": lambda f: f["items"].split(", ")[0],
        "second_item": lambda f: f["items"].split(", ")[1],
        "last_item": lambda f: f["items"].split(", ")[-1],
        "count_items": lambda f: str(f["items"].count(",") + 1),
        "in_list": lambda f: "yes" if f["item"] in f["items"].split(", ") else "no",
        "article": lambda f: "an" if f["word"][0] in "aeiou" else "a",
    }
    for name, function in functions.items():
        for instance in instances.training_instances(BY_NAME[name], stream="x", count=300):
            assert function(instance.fields) == instance.answer


# seqio.


def test_importing_registers_everything_and_generates_nothing(monkeypatch):
    assert set(MIXTURES) <= set(seqio.MixtureRegistry.names())
    monkeypatch.setattr(registration, "examples", None)  # registered sources look it up when read
    task = seqio.TaskRegistry.get("mini_add")
    assert task.num_input_examples("train") == registration.TRAIN_EXAMPLES["zero_shot"]
    with pytest.raises(TypeError):
        task.source.get_dataset("validation", shuffle=False)


@pytest.mark.parametrize("name", ["mini_add_tens_cot", "mini_where_is", "mini_add_new_templates"])
def test_a_task_tokenises_to_bytes_and_scores_itself(name):
    task = seqio.TaskRegistry.get(name)
    lengths = {"inputs": 192, "targets": 64}
    dataset = task.get_dataset(lengths, "validation", shuffle=False)
    rows = list(dataset.as_numpy_iterator())
    assert len(rows) == registration.VALIDATION_EXAMPLES
    for row in rows:
        text = row["targets_pretokenized"]
        assert row["targets"].tolist() == [byte + 3 for byte in text] + [1]
        assert row["inputs"].tolist()[:-1] == [byte + 3 for byte in row["inputs_pretokenized"]]
        assert row["form"].decode() in render.FORMS and b"{" in row["template"]
    texts = [row["targets_pretokenized"].decode() for row in rows]
    scored = [task.postprocess_fn(text, example=None, is_target=True) for text in texts]
    (metric,) = task.metric_fns
    assert metric(scored, scored) == {"accuracy": 1.0}
    assert ("answer" in scored[0]) is False


# Metrics.


def test_exact_match():
    assert exact_match(["a", "b"], [" a\n", "B"]) == {"accuracy": 0.5}
    with pytest.raises(ValueError, match="2 targets but 1 predictions"):
        exact_match(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="no targets"):
        exact_match([], [])


def test_best_constant_accuracy():
    assert best_constant_accuracy(["a", "b ", "b", "c"]) == 0.5
    with pytest.raises(ValueError, match="no targets"):
        best_constant_accuracy([])


# The documentation.


def test_the_table_in_the_documentation_is_up_to_date():
    document = pathlib.Path(tasks.mini.__file__).parents[2] / "docs" / "mini.md"
    text = document.read_text("utf-8")
    assert table.update(text) == text, "run: python -m tasks.mini.table docs/mini.md"
    assert all(f"`{task.name}`" in text for task in TASKS)
