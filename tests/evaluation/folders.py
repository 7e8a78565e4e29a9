"""Folders as `t5lite eval` leaves them, with scores that a test gives."""

import json


def write_evaluation(
    folder,
    scores,
    *,
    mixture="mix",
    split="test",
    unparsed=(),
    num_skipped=0,
    num_cut=0,
    intervals=True,
    votes=None,
    config=(),
    **fields,
):
    """An evaluation; `scores` are lists of 0 and 1 by Task, `fields` go into every record.

    A field that is a function is called with the Task's name and the example's index.
    """
    folder.mkdir(parents=True)
    name = folder.name
    lines = []
    for task, values in scores.items():
        for index, score in enumerate(values):
            record = {
                "task": task,
                "index": index,
                "inputs": f"Choose.\n\nQ: {task} {index}\nA:",
                "targets": "yes",
                "references": ["yes"],
                "prediction": "yes" if score == 1 else "no",
                "answer": "yes" if score == 1 else "no",
                "score": score,
                "skipped": None,
            }
            given = {k: v(task, index) if callable(v) else v for k, v in fields.items()}
            lines.append(json.dumps(record | given) + "\n")
    (folder / "predictions.jsonl").write_text("".join(lines), encoding="utf-8")
    means = {f"{name}/{task}/accuracy": sum(v) / len(v) for task, v in scores.items()}
    metrics = {
        "step": 3,
        "mixture_or_task_name": mixture,
        "split": split,
        "num_examples": {task: len(values) for task, values in scores.items()},
        "num_unparsed": {task: 1 if task in unparsed else 0 for task in scores},
        "num_skipped": dict.fromkeys(scores, num_skipped),
        "num_cut": dict.fromkeys(scores, num_cut),
        "num_dropped_exemplars": dict.fromkeys(scores, 0),
        "metrics": means | {f"{name}/{task}/loss": 2.5 for task in scores},
        "score_metric": dict.fromkeys(scores, "accuracy"),
        "config": dict(config),
    }
    metrics["scores"] = {
        task: {
            "value": sum(v) / len(v),
            "interval": [max(0, sum(v) / len(v) - 0.1), min(1, sum(v) / len(v) + 0.2)]
            if intervals
            else None,
            "by_num_samples": votes or [],
        }
        for task, v in scores.items()
    }
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return folder
