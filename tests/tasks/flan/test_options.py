"""Lists of answer options."""

import collections

import pytest

from tasks.flan import options as lists
from tasks.flan.keyed_random import KeyedRandom
from tasks.flan.options import OptionStyle, draw_style

COLOURS = ("red", "green", "blue")


def _styles(count=3000, **settings):
    return [draw_style(KeyedRandom("style", i), **settings) for i in range(count)]


@pytest.mark.parametrize(
    ("item", "shown", "answer"),
    [
        ("- ", "Pick one:\n- red\n- green\n- blue", "green"),
        ("{A}. ", "Pick one:\nA. red\nB. green\nC. blue", "B"),
        ("({a}) ", "Pick one:\n(a) red\n(b) green\n(c) blue", "(b)"),
        ("Choice {1}: ", "Pick one:\nChoice 1: red\nChoice 2: green\nChoice 3: blue", "2"),
        ("{i}. ", "Pick one:\ni. red\nii. green\niii. blue", "ii"),
    ],
)
def test_lists(item, shown, answer):
    style = OptionStyle("Pick one:", item, "\n", "", by_label=item != "- ")
    assert style.show(COLOURS) == shown
    assert style.answer(COLOURS, 1) == answer


def test_inline_lists_and_ends():
    style = OptionStyle("Pick one:", "", lists.INLINE, "Copy it.", by_label=False)
    assert style.show(COLOURS) == "Pick one: red; green; blue\nCopy it."


@pytest.mark.parametrize("options", [("a; b", "c"), ("a\nb", "c")])
def test_options_that_would_run_together_get_lines(options):
    style = OptionStyle("Pick one:", "", lists.INLINE, "", by_label=False)
    assert style.show(options) == "Pick one:\n" + "\n".join(options)


def test_every_part_is_drawn():
    styles = _styles(num_options=4)
    assert {style.start for style in styles} == set(lists.STARTS)
    assert {style.item for style in styles} == {*lists.UNLABELLED, *lists.LABELLED}
    assert {style.separator for style in styles} == set(lists.SEPARATORS)
    ends = {style.end for style in styles}
    for end in (*lists.UNLABELLED_ENDS, *lists.LABEL_ENDS, *lists.TEXT_ENDS):
        assert end.replace("{noun}", "letter") in ends
    shares = collections.Counter(style.by_label for style in styles)
    assert 0.35 < shares[True] / len(styles) < 0.6


def test_an_unlabelled_list_is_answered_by_its_text_and_others_say_what_they_want():
    for style in _styles(num_options=4):
        assert "{" not in style.end
        if style.item in lists.UNLABELLED:
            assert not style.by_label
        else:
            wants_text = any(style.end.startswith(end.split("{")[0]) for end in lists.TEXT_ENDS)
            assert style.by_label == (not wants_text)
            assert ("number" in style.end) <= ("1" in style.item or "i" in style.item.lower())


@pytest.mark.parametrize("num_options", [2, 12, 13, 26, 27, 300])
def test_labels_suffice_and_differ(num_options):
    options = tuple(f"o{i}" for i in range(num_options))
    for style in _styles(200, num_options=num_options):
        answers = [style.answer(options, place) for place in range(num_options)]
        assert len(set(answers)) == num_options
        shown = style.show(options)
        assert all(option in shown for option in options)


def test_lettered_lists_have_capital_letters():
    for style in _styles(300, num_options=5, lettered=True):
        assert style.by_label and not style.end
        assert style.answer(COLOURS, 2) in ("C", "(C)", "[C]")
