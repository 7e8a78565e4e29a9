"""Two files of answers as pairs: names, prompts of all kinds, and files that do not fit."""

import pytest

from t5lite.evaluation.preference.pairs import read_pairs, shuffled
from t5lite.files.json_files import write_lines
from tests.evaluation.preference.answer_files import pairs, write, write_both


def lines(path, *records):
    write_lines(path, records)
    return str(path)


def test_answers_are_paired_by_id_in_whatever_order(tmp_path):
    a = write(tmp_path / "a.jsonl", {"p1": "1", "q2": "2"})
    b = write(tmp_path / "b.jsonl", {"q2": "zwei", "p1": "eins"})
    found = read_pairs(a, b)
    assert (found.model_a, found.model_b) == ("a", "b")
    assert [(p.id, p.category, p.answers) for p in found.pairs] == [
        ("p1", "p", ("1", "eins")),
        ("q2", "q", ("2", "zwei")),
    ]
    assert found.pairs[0].prompt == "Prompt p1"


def test_examples_of_a_task_are_named_and_counted_by_it(tmp_path):
    records = [
        {"task": "t_cot", "index": n, "inputs": f"p{n}", "targets": "", "prediction": f"{n}"}
        for n in range(2)
    ]
    path = lines(tmp_path / "a.jsonl", *records)
    found = read_pairs(path, f"other={path}")
    assert [(p.id, p.category) for p in found.pairs] == [("t_cot/0", "t_cot"), ("t_cot/1", "t_cot")]
    assert found.model_b == "other"
    with pytest.raises(ValueError, match="both models would be called 'a'; name one"):
        read_pairs(path, path)


def test_lines_without_a_name_are_paired_by_their_number(tmp_path):
    a = lines(tmp_path / "a.jsonl", {"q": "one", "prediction": "1"}, {"q": "two", "prediction": ""})
    b = lines(
        tmp_path / "b.jsonl", {"q": "one", "prediction": "I"}, {"q": "two", "prediction": "2"}
    )
    found = read_pairs(a, b, inputs_field="q")
    assert [p.answers for p in found.pairs] == [("1", "I"), ("", "2")]
    with pytest.raises(ValueError, match=r"line 1: field 'inputs' is missing.*--inputs_field"):
        read_pairs(a, b)


def test_a_conversation_is_shown_with_its_roles(tmp_path):
    messages = [{"from": "human", "value": "Hi\nyou"}]
    record = {"conversations": messages, "system": "Be kind.", "prediction": "Hello"}
    a, b = (lines(tmp_path / f"{name}.jsonl", record) for name in "ab")
    (pair,) = read_pairs(a, b).pairs
    assert pair.prompt == "system: Be kind.\n\nuser: Hi\nyou"
    assert pair.is_identical


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"p1": "1"}, r"a\.jsonl, line 2: .*b\.jsonl has no answer to this prompt, 'p2'"),
        ({"p1": "1", "p2": "2", "p3": "3"}, r"b\.jsonl, line 3: .*a\.jsonl has no answer.*'p3'"),
    ],
)
def test_files_that_answer_other_prompts_are_refused(tmp_path, others, message):
    a = write(tmp_path / "a.jsonl", {"p1": "1", "p2": "2"})
    with pytest.raises(ValueError, match=message):
        read_pairs(a, write(tmp_path / "b.jsonl", others))


def test_one_name_of_two_prompts_is_refused(tmp_path):
    a = write(tmp_path / "a.jsonl", {"p1": "1"})
    b = write(tmp_path / "b.jsonl", {"p1": "1"}, inputs="Another prompt")
    with pytest.raises(ValueError, match=r"both of 'p1', and their prompts differ"):
        read_pairs(a, b)
    twice = {"id": 7, "inputs": "x", "prediction": "y"}
    c = lines(tmp_path / "c.jsonl", twice, twice)
    with pytest.raises(ValueError, match=r"c\.jsonl, line 2: '7' is the name of .*line 1 too"):
        read_pairs(c, a)


def test_several_answers_a_line_are_to_be_chosen_from_first(tmp_path):
    a = write(tmp_path / "a.jsonl", {"p1": "1"}, predictions=["1", "2"])
    with pytest.raises(ValueError, match=r"t5lite preference choose .*a\.jsonl --output=FILE"):
        read_pairs(a, f"b={a}")
    empty = lines(tmp_path / "e.jsonl")
    with pytest.raises(ValueError, match="holds no answers"):
        read_pairs(empty, f"b={empty}")


def test_orders_depend_on_the_seed_and_hide_whose_answers_they_are(tmp_path):
    names = " ".join(f"p{n}" for n in range(400))
    found = pairs(tmp_path, names).pairs
    first = [pair.first(0) for pair in found]
    assert 150 < first.count("a") < 250
    assert 150 < sum(a == b for a, b in zip(first, (p.first(1) for p in found), strict=True)) < 250
    order = shuffled(found, seed=0)
    assert sorted(map(hash, order)) == sorted(map(hash, found))
    assert order != found and order != shuffled(found, seed=1)
    assert order == shuffled(found[::-1], seed=0)


def test_a_digest_is_of_prompt_and_answers(tmp_path):
    a, b = write_both(tmp_path)
    before = {pair.digest for pair in read_pairs(a, b).pairs}
    assert len(before) == 5
    assert not before & {pair.digest for pair in read_pairs(b, a).pairs}
