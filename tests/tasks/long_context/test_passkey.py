"""Passkeys: how far away they lie, how long prompts are, and what counts as found."""

import pytest

from t5lite.data.tasks import seqio_adapter
from tasks.long_context.passkey import (
    Hidden,
    add_passkey_task,
    first_number,
    passkey_retrieval,
    random_key,
)

WHOLE = 640


@pytest.fixture
def examples(new_name, monkeypatch):
    """The examples of a Task of these fields, in bytes."""
    monkeypatch.setenv("T5LITE_VOCABULARY", "bytes")

    def load(**fields):
        name = new_name()
        add_passkey_task(name, length=WHOLE, **fields)
        lengths = {"inputs": WHOLE, "targets": 8}
        (task,) = seqio_adapter.load_eval_tasks(name, split="test", task_feature_lengths=lengths)
        return task

    return load


def test_keys_lie_at_every_distance_that_has_room_for_them(examples):
    task = examples(num_distances=8, num_trials=3)
    distances = [target.distance for target in task.targets]
    # 65 bytes are the key's line and the question, and 39 go before them.
    assert distances == [d for d in range(80, 641, 80) for _ in range(3)]
    for example, target in zip(task.examples, task.targets, strict=True):
        text, key = example.inputs_text, target.key
        behind = len(text) - text.index("The key is")
        assert text.count(key) == 2 and text.endswith("The key is")
        assert example.targets_text == key and len(key) == 5
        # As near as a whole line of 34 bytes; the last distance leaves room for what goes before.
        assert target.distance - 34 - 34 * (target.distance == WHOLE) < behind <= target.distance
        assert WHOLE - 34 < len(text) <= WHOLE
    assert len({target.key for target in task.targets}) == 24


def test_prompts_may_be_as_short_as_their_distance(examples):
    task = examples(num_distances=8, num_trials=1, fill=False)
    lengths = [len(example.inputs_text) for example in task.examples]
    assert lengths == sorted(lengths) and lengths[0] < 160
    assert all("Find it.\nThe key is" in example.inputs_text for example in task.examples)


def test_too_little_room_is_refused(examples):
    assert {t.distance for t in examples(num_distances=16).targets} == {*range(80, 641, 40)}
    with pytest.raises(ValueError, match="num_trials is 0"):
        examples(num_trials=0)


def test_k_max_is_the_end_of_an_unbroken_fifth():
    found = {100: 10, 200: 2, 300: 1, 400: 9}  # of 10
    targets = [Hidden("12345", distance) for distance in found for _ in range(10)]
    right = [i < hits for hits in found.values() for i in range(10)]
    written = ["12345" if hit else "1234" for hit in right]
    expected = {"accuracy": 22 / 40, "k_max": 200}
    assert passkey_retrieval(targets, written, {"scores": [0.0] * 40}) == expected
    ranked = {"scores": [0.0] * 40, "is_greedy": right}
    assert passkey_retrieval(targets, ["12345"] * 40, ranked) == expected
    assert passkey_retrieval(targets[:10], [None] * 10, {}) == {"accuracy": 0, "k_max": 0}
    with pytest.raises(ValueError, match="10 keys for 9 predictions"):
        passkey_retrieval(targets[:10], ["1"] * 9, {})


def test_the_answer_is_the_first_number():
    assert first_number(" 12345. The sun is 7.") == "12345"
    assert first_number("the sun") is None
    keys = {random_key("a", i) for i in range(100)}
    assert len(keys) == 100 and all(len(key) == 5 for key in keys)
