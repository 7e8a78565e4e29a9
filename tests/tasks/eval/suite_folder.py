"""A data folder with a little of each suite, in the official layouts."""

import csv
import io
import json
import pathlib

SUBJECT = "anatomy"
SUBTASK = "snarks"


def write_folder(root: pathlib.Path) -> pathlib.Path:
    """Writes it and returns it."""
    write_mmlu(root)
    write_bbh(root)
    write_mgsm(root)
    write_tydiqa(root)
    write_gsm8k(root)
    write_zero_shot(root)
    write_prompt2model(root)
    return root


def write_mmlu(root: pathlib.Path, *, num_dev: int = 6) -> None:
    rows = [(f" Dev {i}?", "w", "x", "y, or", "z", "ABCD"[i % 4]) for i in range(num_dev)]
    write(root / f"mmlu/dev/{SUBJECT}_dev.csv", _csv(rows))
    write(root / f"mmlu/val/{SUBJECT}_val.csv", _csv([("Val?", "1", "2", "3", "4", "B")]))
    test = [("First\nline?", "1", "2", "3", "4", "D"), ('A "quoted" one?', "1", "1", "", "4", "A")]
    write(root / f"mmlu/test/{SUBJECT}_test.csv", _csv(test))
    shots = "".join(
        f"Q: Cot {i}?\n(A) w (B) x (C) y (D) z\nA: Let's think step by step. Well. "
        "The answer is (A).\n\n"
        for i in range(5)
    )
    prompts = {SUBJECT: f"The following are ... about {SUBJECT}.\n\n{shots}"}
    write(root / "mmlu/mmlu_cot_prompts.json", json.dumps(prompts))


def write_bbh(root: pathlib.Path, *, folder: str = "bbh/bbh") -> None:
    examples = [
        {"input": "Which?\nOptions:\n(A) this\n(B) that", "target": "(B)"},
        {"input": "Or?\nOptions:\n(A) here\n(B) there\n(C) nowhere", "target": "(C)"},
    ]
    write(root / folder / f"{SUBTASK}.json", json.dumps({"canary": "-", "examples": examples}))
    shots = "\n\n".join(
        f"Q: Shot {i}?\nOptions:\n(A) a\n(B) b\nA: Let's think step by step.\nBecause.\n"
        f"So the answer is ({'AB'[i % 2]})."
        for i in range(3)
    )
    write(root / f"bbh/cot-prompts/{SUBTASK}.txt", f"canary\n-----\nChoose.\n\n{shots}")


def write_mgsm(root: pathlib.Path) -> None:
    write(root / "mgsm/mgsm_de.tsv", "Wie viel ist 600 * 2?\t1,200\nUnd 1 - 2?\t-1\n")
    shots = {
        str(i): {"q": f"Frage: {i} + 1?", "a": f"Lösung: Das ist {i + 1}. Die Antwort ist {i + 1}."}
        for i in range(1, 9)
    }
    module = f'"""Prompts."""\n\nprint("run!")\nMGSM_EXEMPLARS = {{\n  "de": {shots!r},\n}}\n'
    write(root / "mgsm/exemplars.py", module)


def write_tydiqa(root: pathlib.Path) -> None:
    for split in ("train", "dev"):
        questions = [
            {
                "id": f"{language}-{split}-{i}",
                "question": f"{language} {split} {i}?",
                "answers": [{"text": "An answer"}, {"text": f"answer {i}"}, {"text": "An answer"}],
            }
            for language in ("finnish", "english")
            for i in range(2)
        ]
        paragraph = {"context": f"A passage of {split}.", "qas": questions}
        data = {"version": "1", "data": [{"paragraphs": [paragraph]}]}
        write(root / f"tydiqa/tydiqa-goldp-v1.1-{split}.json", json.dumps(data))


def write_gsm8k(root: pathlib.Path) -> None:
    for split in ("train", "test"):
        lines = [
            {"question": f"{split} {i}?", "answer": f"{i}+1=<<{i}+1={i + 1}>>{i + 1}\n#### 1,00{i}"}
            for i in range(9)
        ]
        write(root / f"gsm8k/{split}.jsonl", "\n".join(map(json.dumps, lines)))


def write_zero_shot(root: pathlib.Path) -> None:
    passages = ["He hid the key, and she found the key", "Once more the\nrain fell in heavy drops"]
    lines = [json.dumps({"text": text}) for text in passages]
    write(root / "lambada/lambada_test.jsonl", "\n".join(lines))
    plain = "\n".join(text.replace("\n", " ") for text in passages)
    write(root / "lambada/lambada_test_plain_text.txt", plain)
    rows = [{"goal": "Dry a shirt.", "sol1": "Hang it up.", "sol2": "Wet it."}] * 2
    write(root / "piqa/valid.jsonl", "\n".join(map(json.dumps, rows)))
    write(root / "piqa/valid-labels.lst", "0\n1\n")
    pair = {"sentence": "Ann thanked Eve as _ had helped.", "option1": "Ann", "option2": "Eve"}
    write(root / "winogrande/dev.jsonl", json.dumps({"qID": "1", **pair, "answer": "2"}))
    for level, labels in (("Easy", "ABCD"), ("Challenge", "1234")):
        choices = [
            {"text": text, "label": label}
            for text, label in zip(("ice", "fire", "a stone", "the sea"), labels, strict=True)
        ]
        question = {"stem": "What is hot?", "choices": choices}
        row = {"id": "q", "question": question, "answerKey": labels[1]}
        write(root / f"arc/ARC-{level}/ARC-{level}-Test.jsonl", json.dumps(row))
    fields = {"question": "What boils?", "correct_answer": "water", "support": " Water boils."}
    row = fields | {f"distractor{i}": text for i, text in enumerate(("sand", "iron", "salt"), 1)}
    write(root / "sciq/test.json", json.dumps([row]))
    question = ["b", "It rained.It snowed.", "What follows?", "A.x.", "B.y", "C z", "D?w"]
    write(root / "logiqa/Test.txt", "\n".join(["", *question, "", *question, ""]))


def write_prompt2model(root: pathlib.Path) -> None:
    answers = [{"text": text, "answer_start": 0} for text in ("the Alps", "Alps", "Alps")]
    question = {"id": "57", "question": "Where is it ?", "answers": answers}
    article = {"title": "T", "paragraphs": [{"context": "In the Alps.", "qas": [question]}]}
    write(root / "squad/dev-v1.1.json", json.dumps({"version": "1.1", "data": [article]}))
    rows = [
        {
            "intent": "リストの要素を知りたい",
            "rewritten_intent": "リスト`li`の先頭を得る",
            "snippet": snippet,
            "question_id": 7,
        }
        for snippet in ("li[0]", "first, *_ = li\nfirst")
    ]
    rows.append(
        {"intent": "終了する", "rewritten_intent": None, "snippet": "exit()", "question_id": 8}
    )
    write(root / "mconala/ja_test.json", json.dumps(rows))
    posts = [
        ["[Posted: 2013-03-22] It ended in July.", "July == 2012-07", "date"],
        ["[Posted: 2013-09-27] Eat!", "N/A", "date"],
    ]
    write(root / "temporal/temporal.json", json.dumps(posts, indent=2))


def write(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _csv(rows) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()
