import collections
import itertools
import random

import pytest

from t5lite.data.contamination.ngrams import words
from t5lite.synthetic_data.prompt2model.held_out import HeldOut
from t5lite.synthetic_data.prompt2model.splits import (
    SplitConfig,
    label_counts,
    label_table,
    split_examples,
)

_PASSAGE = "the old ferry left the harbour at noon with forty goats on board and nobody to steer it"


def _rows(pairs):
    return [{"id": f"r{i}", "input": a, "output": b} for i, (a, b) in enumerate(pairs)]


def _numbered(n, label=lambda i: f"answer {i}"):
    return _rows((f"question number {i}", label(i)) for i in range(n))


def test_splits_have_their_shares_and_hold_every_example_once():
    rows = _numbered(200)
    splits = split_examples(rows, SplitConfig())
    assert [len(part) for part in splits.by_name().values()] == [140, 20, 40]
    ids = [row["id"] for part in splits.by_name().values() for row in part]
    assert sorted(ids) == sorted(row["id"] for row in rows)
    assert not splits.dropped


def test_the_seed_alone_says_which_is_which():
    rows = _numbered(50)
    assert split_examples(rows, SplitConfig()) == split_examples(rows, SplitConfig())
    assert split_examples(rows, SplitConfig()) != split_examples(rows, SplitConfig(seed=1))
    # Fields besides the two stay.
    (row, *_) = split_examples(
        [{**row, "dataset": "generated"} for row in rows], SplitConfig()
    ).train
    assert row["dataset"] == "generated"


@pytest.mark.parametrize("seed", range(5))
def test_no_input_is_in_two_splits_though_it_has_several_outputs(seed):
    rng = random.Random(seed)
    rows = _rows((f"question {rng.randrange(40)}", rng.choice("abc")) for _ in range(300))
    splits = split_examples(rows, SplitConfig(seed=seed))
    inputs = [{row["input"] for row in part} for part in splits.by_name().values()]
    assert all(inputs) and not any(a & b for a, b in itertools.combinations(inputs, 2))
    pairs = {(row["input"], row["output"]) for row in rows}
    assert splits.dropped["duplicate"] == len(rows) - len(pairs)
    assert sum(map(len, splits.by_name().values())) == len(pairs)


def test_what_shares_13_words_with_the_test_split_is_not_trained_on():
    rows = _numbered(100) + _rows((f"{_PASSAGE}, {i}?", "yes") for i in range(10))
    splits = split_examples(rows, SplitConfig(validation_share=0, test_share=0.3))
    in_test = [row for row in splits.test if _PASSAGE in row["input"]]
    in_train = [row for row in splits.train if _PASSAGE in row["input"]]
    assert in_test and not in_train
    assert splits.dropped == {"overlaps with test": 10 - len(in_test)}


def test_a_test_set_that_is_there_already_is_kept_out():
    rows = _numbered(20)
    held_out = {"the test file": ["Question NUMBER 3!", "something else"]}
    splits = split_examples(rows, SplitConfig(test_share=0), held_out=held_out)
    left = {row["id"] for part in splits.by_name().values() for row in part}
    assert left == {f"r{i}" for i in range(20)} - {"r3"} and not splits.test
    assert splits.dropped == {"overlaps with the test file": 1}
    assert "left out: overlaps with the test file         1" in splits.summary()


def test_held_out_finds_what_a_plain_search_of_13_words_finds():
    rng = random.Random(0)
    vocabulary = [f"w{i}" for i in range(50)]
    sets = {
        name: [" ".join(rng.choices(vocabulary, k=rng.randint(5, 40))) for _ in range(20)]
        for name in ("a", "b")
    }
    inputs = []
    for _ in range(100):
        source = rng.choice(sets[rng.choice("ab")]).split()
        start, length = rng.randrange(5), rng.randint(1, 20)
        ends = rng.choices(vocabulary, k=3)
        inputs.append(" ".join([*ends, *source[start : start + length], *ends]))

    def grams(text):
        parts = words(text)
        return {tuple(parts[i : i + 13]) for i in range(len(parts) - 12)}

    theirs = set().union(*(grams(text) for texts in sets.values() for text in texts))
    found = [bool(why) for why in HeldOut(sets).leaks(inputs)]
    assert found == [bool(grams(text) & theirs) for text in inputs]
    assert any(found) and not all(found)
    assert all(why.startswith("the words of an input of") for why in HeldOut(sets).leaks(sets["a"]))


def test_words_that_half_of_a_set_has_are_its_frame():
    frame = "answer in one word only and take it from the passage that now follows here please"
    held_out = HeldOut({"test": [f"{frame}: {i} {i}" for i in range(4)]})
    assert held_out.leaks([f"{frame}: 9 9"]) == [""]


def test_labels_are_few_outputs_that_come_often():
    rows = _numbered(60, label=lambda i: "no" if i % 3 else "yes")
    assert label_counts(rows) == {"no": 40, "yes": 20}
    assert "no           40  66.7%" in label_table(rows)
    assert label_counts(_numbered(60)) == {} and label_table(_numbered(60)) == ""
    assert label_counts(rows[:15]) == {}


def test_balanced_labels_are_as_many_and_a_slip_sets_no_number():
    rows = _numbered(300, label=lambda i: "no" if i % 3 else "yes")
    rows += _rows([("one more", "yes, I think")])
    config = SplitConfig(balanced=True, test_share=0, validation_share=0)
    splits = split_examples(rows, config)
    counts = collections.Counter(row["output"] for row in splits.train)
    assert counts == {"no": 100, "yes": 100, "yes, I think": 1}
    assert splits.dropped == {"more of its label than of the rarest": 100}
    with pytest.raises(ValueError, match="--balanced: the outputs are no labels"):
        split_examples(_numbered(60), config)


def test_near_duplicates_are_left_out_on_request():
    rows = _rows([("Name a red fruit.", "apple"), ("name a red fruit", "cherry"), ("12 + 3", "15")])
    config = SplitConfig(test_share=0, validation_share=0)
    assert len(split_examples(rows, config).train) == 3
    splits = split_examples(rows, SplitConfig(test_share=0, validation_share=0, near_duplicates=1))
    assert [row["id"] for row in splits.train] == ["r0", "r2"]
    assert splits.dropped == {"nearly the input of another": 1}


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match=r"leave nothing to train on"):
        SplitConfig(validation_share=0.5, test_share=0.5)
