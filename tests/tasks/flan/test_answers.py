"""The final answer of a text that reasons first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.cot_files import final_answer
from tasks.flan.patterns import PATTERNS

_CLOSINGS = {form.targets for name in ("cot", "cot_options") for form in PATTERNS[name].zero_shot}
_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Cs")))
_ANSWERS = _WORDS.map(lambda text: " ".join(text.split())).filter(
    lambda text: text and "answer" not in text.lower()
)


@settings(deadline=None, derandomize=True, database=None)
@given(rationale=_WORDS, answer=_ANSWERS, closing=st.sampled_from(sorted(_CLOSINGS)))
def test_it_undoes_every_closing_clause(rationale, answer, closing):
    text = closing.format(rationale=rationale, answer=answer)
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is no. Wait. The answer is yes.", "yes"),
        ("2 + 2 = 4. Answer: 4", "4"),
        ("FINAL ANSWER IS: (B).", "(B)"),
        ("So the answer is 7.\nThat was easy.", "7"),
        ("The answer is U.S..", "U.S."),
        ("The answer is\n42.", "42"),
        ("First this.\nThen 12", "Then 12"),
        ("I know the answer", "I know the answer"),
        ("No doubt about the answer is", "No doubt about the answer is"),
        ("The answer issue remains", "The answer issue remains"),
        ("", ""),
    ],
)
def test_other_texts(text, answer):
    assert final_answer(text) == answer
