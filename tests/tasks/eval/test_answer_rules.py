"""Answers taken out of real reasoning, of what models write, and of what is neither."""

import functools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import shared_path

pytest.importorskip("seqio")  # The suites' package registers their Tasks.
from tasks.eval import answer_rules, bbh, gsm8k, mgsm, mmlu, mmlu_files

LETTER = mmlu.LAYOUTS[0].rule
YES_NO = bbh.SUBTASKS["navigate"]
VALID = bbh.SUBTASKS["formal_fallacies"]
BRACKETS = bbh.SUBTASKS["dyck_languages"]
WORDS = bbh.SUBTASKS["word_sorting"]
NUMBER = bbh.SUBTASKS["object_counting"]
LINE = functools.partial(answer_rules.first_line, next_question="Passage:")


# ------------------------------------------------------------------------------- real reasoning


def test_every_exemplar_of_mmlu_answers_as_it_says():
    exemplars = mmlu_files.read_cot_exemplars(shared_path("data/mmlu/mmlu_cot_prompts.json"))
    targets = [exemplar.targets for shots in exemplars.values() for exemplar in shots]
    assert len(targets) == 282
    for target in targets:
        assert LETTER(target) == target[-5:].strip(" .")


@pytest.mark.parametrize("subtask", bbh.SUBTASKS)
def test_every_exemplar_of_bbh_answers_as_it_says(subtask):
    path = shared_path("data/bbh/cot-prompts", f"{subtask}.txt")
    said = re.findall(r"[Ss]o the answer is (.*)\.$", path.read_text(encoding="utf-8"), re.M)
    prompt = bbh.read_prompt(path)
    rule = bbh.SUBTASKS[subtask]
    assert [rule(exemplar.targets) for exemplar in prompt.exemplars] == said
    # What a direct exemplar shows is the answer in the form that the rule gives.
    assert [rule(answer) for answer in said] == said
    assert len(said) == 3


def test_every_target_of_bbh_is_an_answer_by_its_rule():
    odd = []
    for path in sorted(shared_path("data/bbh").glob("*.json")):
        rule = bbh.SUBTASKS[path.stem]
        odd += [t for _, t in bbh.read_questions(path) if rule(t) != t]
    # Their options were cut at commas, so that no letter is right.
    assert odd == ["Monsters, Inc", "dearth, wind, & fire", "rita, sue and bob poo"]


@pytest.mark.parametrize("language", mgsm.LANGUAGES)
def test_every_exemplar_of_mgsm_answers_as_it_ought_to(language):
    path = shared_path("data/mgsm/exemplars.json")
    answers = json.loads(path.read_text(encoding="utf-8"))["EXEMPLAR_NUMBER_ANSWERS"]
    shots = mgsm.read_exemplars(path)[language]
    question_word = mgsm.QUESTION_WORDS[language]
    assert all(shot["q"].startswith(question_word) for shot in shots.values())
    for number, answer in enumerate(answers, start=1):
        text = shots[str(number)]["a"]
        after = f"{text}\n\n{shots['1']['q']}\n{shots['1']['a']}"
        for output in (text, after):
            found = answer_rules.number(output, language=language, next_question=question_word)
            assert found == str(answer), output


def test_the_solutions_of_gsm8k_answer_as_they_say():
    path = shared_path("data/gsm8k/train.jsonl")
    for problem in gsm8k.read_problems(path):
        answer = problem.answer.replace(",", "")
        for closing in (f"#### {problem.answer}", f"The answer is {problem.answer}."):
            found = NUMBER(f"{problem.reasoning}\n{closing}")
            assert found is not None and float(found) == float(answer), problem


# ---------------------------------------------------------------------------- what models write


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("(C)", "(C)"),
        (" C", "(C)"),
        ("C.", "(C)"),
        ("c", None),
        ("(c) a plum", "(C)"),
        ("**B** because it is", "(B)"),
        ("B because it is", "(B)"),
        ("Option B", "(B)"),
        ("The answer is option (B)", "(B)"),
        ("A because", None),
        ("A train leaves. I do not know.", None),
        ("A: a train", None),
        ("A: (B)", "(B)"),
        ("A: A: C", "(C)"),
        ("The correct answer is:\n\n(B) Paris", "(B)"),
        ("**Answer:**\n(C)", "(C)"),
        ("Answer:\n```\n(C)\n```", "(C)"),
        ("The answer is:\n\\[\n\\boxed{C}\n\\]", "(C)"),
        ("#### Answer\n(C)", "(C)"),
        ("The answer is (B). I hope this answer is helpful!", "(B)"),
        ("The answer is (B). I hope the answer is helpful!", "(B)"),
        ("The answer is (D). This answer is supported by the passage (A).", "(D)"),
        ("**(B)** is the right choice.\n\nWhy the answer is not plain: (A) looks right.", "(B)"),
        ("(B)\n\nHuman: Why is the answer not (A)?\n\nThe answer is (A)", "(B)"),
        ("The answer is (B)\n\nQuestion: and now?\nThe answer is (A)", "(B)"),
        ("I think so", None),
        ("(A) or (B), hence the answer is (B).", "(B)"),
        ("The answer is (A). No: the answer is (D)", "(D)"),
        ("The answer is D", "(D)"),
        ("The correct answer is: **(D)** plum", "(D)"),
        ("Of A and B the correct option is B.", "(B)"),
        ("The best choice: (C), not (A).", "(C)"),
        ("The correct option is not B.", None),
        ("The answer is probably (D), not what I said. (A) is wrong", "(D)"),
        ("Answer: $\\boxed{\\text{B}}$", "(B)"),
        ("It must be (B), so (B) it is.", "(B)"),
        ("Not (A), not (B).", None),
        ("The answer is", None),
        ("The answer is\n\n(B)", "(B)"),
        ("(A)\n\nQ: What is next?\nA: The answer is (B).", "(A)"),
        ("Über allem", None),
        ("", None),
    ],
)
def test_letters(output, expected):
    assert LETTER(output) == expected


def test_another_question_of_the_harness_layout_is_told_by_its_options():
    rule = mmlu.LAYOUTS[2].rule
    assert rule(" B\n\nWhich is it?\nA. one\nB. two\nAnswer: A") == "(B)"
    assert rule("B. two\nThe answer is B") == "(B)"
    assert rule("B\nThe answer is C") == "(C)"
    assert rule("Let's see.\n\nThe answer is B.") == "(B)"
    assert rule("Let's see.\n\nIt is B.\n\nA long\n\nquestion?\nA. one\nB. two\nAnswer: A") is None


@pytest.mark.parametrize(
    ("rule", "output", "expected"),
    [
        (YES_NO, "Yes", "Yes"),
        (YES_NO, "no, he does not", "No"),
        (YES_NO, "We return. So the answer is yes.", "Yes"),
        (YES_NO, "Yes or no? So the answer is No. Yes was wrong", "No"),
        (YES_NO, "He goes left. Yes, he returns.", "Yes"),
        (YES_NO, "It may be yes, it may be no.", None),
        (YES_NO, "Nobody knows.", None),
        (VALID, "The answer is deductively invalid.", "invalid"),
        (VALID, "The argument is not valid; it is invalid.", "invalid"),
        (VALID, "not valid", None),
        (VALID, "Therefore, the argument is not deductively valid.", None),
        (VALID, "It is valid if so. It isn't valid", None),
        (VALID, "The answer is that it cannot be considered valid", None),
        (VALID, "Neither premise makes it valid", None),
        (VALID, "It does not matter. The argument is valid.", "valid"),
        (YES_NO, "**Answer**:\n\n**Yes**", "Yes"),
        (YES_NO, "The answer is:\n\n**Yes**", "Yes"),
        (YES_NO, "There is no evidence against it, so the statement is plausible.", None),
        (YES_NO, "So I would say no.", "No"),
        (bbh.SUBTASKS["boolean_expressions"], "not True = False", "False"),
        (BRACKETS, "So the answer is:\n] )", "] )"),
        (BRACKETS, "A: ] )", "] )"),
        (BRACKETS, "The answer is ] ). I hope the answer is helpful", "] )"),
        (WORDS, "**Answer:**\napple banana", "apple banana"),
        (WORDS, "The answer is apple pear. I hope this answer is helpful!", "apple pear"),
        (BRACKETS, "]}]", "] } ]"),
        (BRACKETS, "We need ] and }. So the answer is: ] } ].", "] } ]"),
        (BRACKETS, "step 1\nstack: [ {\n} ]", "} ]"),
        (BRACKETS, "The answer is unclear", None),
        (BRACKETS, "", None),
        (WORDS, "apple, 'pear' plum", "apple pear plum"),
        (WORDS, "First we sort. So the answer is apple o'clock plum. Done", "apple o'clock plum"),
        (WORDS, "apple plum\n\nQ: Sort", "apple plum"),
        (WORDS, " \n", None),
        (WORDS, "1. apple\n2. pear\n\nI sorted them.", "apple pear"),
        (WORDS, "The sorted answer is:\n\n- apple\n- pear", "apple pear"),
        (LINE, "The answer is: Paris\nIt is large.", "Paris"),
        (LINE, "**Answer:**\n\nParis, 1900", "Paris, 1900"),
        (LINE, "Paris. The answer is not Rome.", "Paris. The answer is not Rome."),
        (NUMBER, "There are 3 and 4, so 7 in all. I counted 2 twice. The answer is 7.", "7"),
        (NUMBER, "The answer is 3 + 4 = 7 fruits. 1 is left", "7"),
        (NUMBER, "The answer is -7", "-7"),
        (NUMBER, "I count 3, 4: 7", "7"),
        (NUMBER, "seven", None),
        (NUMBER, "The answer is clear: seven. We had 3 and 4.", "4"),
        (NUMBER, "The answer is:\n\n$72$\n\nThis was 3 hours.", "72"),
        (NUMBER, "**Final answer:**\n\n72 (from 3 times 24)", "72"),
        (NUMBER, "The answer is 72. I hope this answer is helpful for your 2 tests.", "72"),
        (NUMBER, "#### Step 3\nSo it is 7.", "7"),
        (NUMBER, "#### 72\nI counted 3 times", "72"),
        (NUMBER, "The answer is 5 + 6, which is 11.", "11"),
        (NUMBER, "The answer is 11, which is 5 + 6.", "11"),
        (NUMBER, "The answer is x = 4 (since 2x = 8).", "4"),
        (NUMBER, "The answer is (72).", "72"),
        (NUMBER, "The answer is 5 * (3 + 2) = 25", "25"),
        (NUMBER, "The answer is $.50", "0.5"),
        (NUMBER, "The answer is $\\boxed{1{,}200}$", "1200"),
        (NUMBER, "The answer is 1\\,200", "1200"),
        (mmlu.LAYOUTS[3].rule, " a  plum\nor two\nQuestion: next", "a plum or two"),
        (mmlu.LAYOUTS[3].rule, " ", None),
    ],
)
def test_other_kinds_of_answers(rule, output, expected):
    assert rule(output) == expected


@pytest.mark.parametrize(
    ("language", "output", "expected"),
    [
        ("de", "Das sind 70.000. Die Antwort lautet 70.000 Dollar, also 7 mal 10.000.", "70000"),
        ("de", "Schritt-für-Schritt-Antwort: Er hat 5 und 6, also 11", "11"),
        ("fr", "Il gagne 2 000 $. La réponse est 2 000 $.", "2000"),
        ("bn", "উত্তর হল ১৮।", "18"),
        ("th", "คำตอบคือ ๑๘ ดอลลาร์", "18"),
        ("ja", "答えは7万ドルです。", "70000"),
        ("zh", "所以答案是：１８。", "18"),
        ("te", "సమాధానం 18.", "18"),
        ("ru", "Значит, 18. Ответ: 18 долларов, а не 2.", "18"),
        ("sw", "The answer is 18, not 2.", "18"),
    ],
)
def test_numbers_in_the_languages_of_mgsm(language, output, expected):
    question_word = mgsm.QUESTION_WORDS[language]
    assert answer_rules.number(output, language=language, next_question=question_word) == expected


# -------------------------------------------------------------------------------- anything else

RULES = {
    **bbh.SUBTASKS,
    **{f"mmlu{layout.suffix}": layout.rule for layout in mmlu.LAYOUTS},
    **{
        language: lambda text, language=language: answer_rules.number(
            text, language=language, next_question=mgsm.QUESTION_WORDS[language]
        )
        for language in mgsm.LANGUAGES
    },
}
PIECES = st.sampled_from(
    [
        *"()[]{}<>ABab.,:-=#\n 0123456789৫万",
        "the answer is ",
        "Q:",
        "####",
        "答えは",
        "Antwort:",
        "Yes",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=20).map("".join)))
def test_whatever_is_written_an_answer_has_the_form_of_its_rule(text):
    for name, rule in RULES.items():
        answer = rule(text)
        if answer is None:
            continue
        # What is free in form may hold anything, such as the beginning of a question.
        free = name in ("word_sorting", "mmlu_text")
        assert answer.strip() if free else rule(answer) == answer, (name, text)
