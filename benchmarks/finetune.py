"""Fine-tuning from files to a saved model: t5lite beside transformers' Seq2SeqTrainer, on a CPU.

    python benchmarks/finetune.py --data_dir=DATA --runs=5 --examples=400

T5 1.1 small, random weights that transformers saved and both start from, AdamW, dropout, float32.
The examples are drawn from Natural Instructions (`DATA/niv2`) and chains of thought (`DATA/cot`),
and both sides train on each of them once: t5lite in packed rows, the trainer in batches of as many
examples as an update of t5lite's has, padded to a multiple of 8 no further than the longest. It
groups them by length, as well as it would among 2,000 examples, however few there are; and again in
the order of the mixture, where a stream of many tasks leaves nothing to group.

All sides take turns, each run in a process of its own, so that whatever else the machine does slows
all of them. `tokens/s` is of training alone, without what happens once: imports, the checkpoint's
conversion, tokenising, compiling, saving. `seconds` is all of it. Tokens are real ones. The bound
is what packing could give if nothing but the steps took time and every position held a token: the
trainer's positions over its real tokens, times the ratio of what a position takes of two steps
without padding, one of full rows, one of examples of the mean length, measured in the same run.
`--examples=2000` is the whole. `--tune` finds out first which number of threads and of loading
processes is best for the trainer.
"""

import argparse
import itertools
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from measuring import Side, run_alone, seconds_of
from train_step import SIZES, make_side, random_tokens, their_model

from t5lite.messages.tables import format_table

LENGTHS = {"inputs": 512, "targets": 96}
WHOLE = 2000
NAMES = ("t5lite", "by length", "mixture's order")
LEARNING_RATE = 1e-4
TASK = """
from tasks.files import add_file_task

add_file_task("finetune", files={"train": "examples.jsonl"}, inputs="inputs", targets="targets")
"""


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--examples", type=int, default=WHOLE, help="on which each side trains")
    parser.add_argument("--runs", type=int, default=5, help="of each side")
    parser.add_argument("--batch_size", type=int, default=8, help="packed rows of an update")
    parser.add_argument("--steps", type=int, default=2, help="without padding, a run and side")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch")
    parser.add_argument("--workers", type=int, default=0, help="processes that load its batches")
    parser.add_argument("--tune", action="store_true")
    arguments = parser.parse_args()
    if not 0 < arguments.examples <= WHOLE:
        parser.error(f"--examples is {arguments.examples}; there are {WHOLE}")
    return arguments


# ---- What both start from ------------------------------------------------------------------------


def draw_examples(data_dir, number):
    """Three quarters of Natural Instructions, each task's in turn, the rest of rationales."""
    from t5lite.tasks import cot_files, natural_instructions_files

    rng = random.Random(0)

    def drawn(groups, number):
        for group in groups:
            rng.shuffle(group)
        in_turn = [
            group[i] for i in range(max(map(len, groups))) for group in groups if i < len(group)
        ]
        return in_turn[:number]

    files = sorted((data_dir / "niv2" / "tasks").glob("*.json"))
    tasks = [natural_instructions_files.read_task_file(path) for path in files]
    form = natural_instructions_files.Demonstrations()
    instructions = [
        [natural_instructions_files.word_example(task, one, form) for one in task.instances]
        for task in tasks
    ]
    reason = next(form for form in cot_files.FORMS if form.suffix == "reason")
    rationales = [
        cot_files.render_examples(cot_files.read_split(path, "train"), reason)
        for path in cot_files.find_sets(data_dir).values()
    ]
    of_rationales = WHOLE // 4
    examples = drawn(instructions, WHOLE - of_rationales) + drawn(rationales, of_rationales)
    rng.shuffle(examples)
    return [{"inputs": one.inputs, "targets": one.targets} for one in examples[:number]]


def make_checkpoint(size, vocabulary, folder):
    """A fresh model of transformers', with T5's tokenizer."""
    import transformers

    transformers.logging.disable_progress_bar()
    their_model(size).save_pretrained(folder)
    transformers.T5TokenizerFast(vocab_file=vocabulary).save_pretrained(folder)


# ---- The sides -----------------------------------------------------------------------------------


def run_ours(folder, arguments):
    """`t5lite train`; seconds of all, and tokens a second of the updates behind the second."""
    run = pathlib.Path(tempfile.mkdtemp(dir=folder))
    command = [
        *(sys.executable, "-m", "t5lite", "train", "--gin_file=runs/finetune.gin"),
        f"--initial_checkpoint_path={folder / 'checkpoint'}",
        *("--tasks=finetune_task", "--mixture=finetune", f"--data_dir={folder}"),
        "--task_feature_lengths=" + ",".join(f"{n}={x}" for n, x in LENGTHS.items()),
        *("--train_steps=1 epochs", f"--batch_size={arguments.batch_size}"),
        *("--gin.train.optimizer=@adamw()", f"--gin.adamw.learning_rate={LEARNING_RATE}"),
        "--gin.train.log_period=1",
        *(f"--model_dir={run / 'model'}", f"--cache_dir={run / 'cache'}"),
    ]
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    done = None

    def train():
        nonlocal done
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)

    seconds = seconds_of(train)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    lines = [json.loads(line) for line in (run / "model" / "metrics.jsonl").open()]
    lines = [line for line in lines if line["kind"] == "train"]
    shutil.rmtree(run)
    if len(lines) < 3:
        sys.exit("all examples are too few updates to time; give more by --examples")
    tokens = [b["tokens"] - a["tokens"] for a, b in itertools.pairwise(lines)]
    times = [n / line["tokens_per_second"] for n, line in zip(tokens, lines[1:], strict=True)]
    # Figures are written one step late, and a step on a CPU is over when the next one begins: the
    # second line has the third step's time, and so on. The first has the compiler's.
    rate = sum(tokens[1:]) / sum(times[:-1])
    return {
        "seconds": seconds,
        "rate": rate,
        "updates": len(lines),
        "examples": lines[-1]["examples"],
        "tokens": lines[-1]["tokens"],
        "filled": sum(tokens) / len(tokens) / (arguments.batch_size * sum(LENGTHS.values())),
    }


def run_theirs(folder, strategy, batch_size, threads, workers):
    """`Seq2SeqTrainer` once over the examples; tokens, positions and seconds of its updates."""
    import torch
    import transformers
    from torch.utils.data import RandomSampler
    from transformers.trainer_pt_utils import get_length_grouped_indices

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    checkpoint, counts = folder / "checkpoint", {"tokens": 0, "positions": 0}
    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(checkpoint)
    rows = [json.loads(line) for line in (folder / "examples.jsonl").open()]

    def ids(feature):
        texts = [row[feature] for row in rows]
        return tokenizer(texts, truncation=True, max_length=LENGTHS[feature])["input_ids"]

    examples = [
        {"input_ids": inputs, "labels": targets}
        for inputs, targets in zip(ids("inputs"), ids("targets"), strict=True)
    ]

    class Trainer(transformers.Seq2SeqTrainer):
        def _get_train_sampler(self, train_dataset=None):
            if strategy == "random":
                return RandomSampler(examples)
            # By itself it sorts a quarter of the examples at a time, at most 50 batches.
            return get_length_grouped_indices(
                [len(example["input_ids"]) for example in examples],
                batch_size,
                mega_batch_mult=min(WHOLE // (4 * batch_size), 50),
            )

        def training_step(self, model, inputs, *rest):
            for mask in (inputs["attention_mask"], inputs["labels"] != -100):
                counts["tokens"] += int(mask.sum())
                counts["positions"] += mask.numel()
            return super().training_step(model, inputs, *rest)

    run = tempfile.mkdtemp(dir=folder)
    trainer = Trainer(
        model=model,
        args=transformers.Seq2SeqTrainingArguments(
            run,
            num_train_epochs=1,
            per_device_train_batch_size=batch_size,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            dataloader_num_workers=workers,
            dataloader_pin_memory=False,
            use_cpu=True,
            max_grad_norm=0,
            save_strategy="no",
            logging_steps=10,
            report_to="none",
            disable_tqdm=True,
        ),
        data_collator=transformers.DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=8),
        train_dataset=examples,
        processing_class=tokenizer,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    began = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - began
    trainer.save_model(os.path.join(run, "model"))
    shutil.rmtree(run)
    updates = trainer.state.global_step
    return counts | {
        "rate": counts["tokens"] / seconds,
        "updates": updates,
        "examples": len(examples),
    }


def timed_theirs(*arguments):
    """`run_theirs` in a process of its own, and the seconds of all."""
    found = {}
    seconds = seconds_of(lambda: found.update(run_alone(run_theirs, *arguments)))
    return found | {"seconds": seconds}


# ---- The comparison ------------------------------------------------------------------------------


def spread(values, digits=2):
    """The median, and the least and the greatest."""
    values = list(values)
    median, least, most = (f(values) for f in (statistics.median, min, max))
    return f"{median:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def tune(folder, batch_size):
    """The trainer's best number of threads and of processes that load."""
    cores, rates = os.cpu_count(), {}
    for threads, workers in [(cores, 0), (cores, 1), (max(cores - 1, 1), 1)]:
        rates[threads, workers] = timed_theirs(folder, "grouped", batch_size, threads, workers)[
            "rate"
        ]
        print(f"{threads} threads, {workers} workers: {rates[threads, workers]:,.0f} tokens/s")
    return max(rates, key=rates.get)


def main():
    arguments = parse_arguments()
    os.environ["JAX_PLATFORMS"] = "cpu"
    data_dir = pathlib.Path(arguments.data_dir)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        rows = draw_examples(data_dir, arguments.examples)
        (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "finetune_task.py").write_text(TASK)
        vocabulary = str(data_dir / "vocab" / "t5_spiece.model")
        run_alone(make_checkpoint, arguments.size, vocabulary, folder / "checkpoint")
        compare(folder, arguments)


def compare(folder, arguments):
    """Lets the sides take turns, and prints what came of it."""
    found, steps = {name: [] for name in NAMES}, []
    threads, workers = arguments.threads, arguments.workers
    for run in range(arguments.runs):
        ours = run_ours(folder, arguments)
        if run == 0:
            batch_size = round(ours["examples"] / ours["updates"])
            if arguments.tune:
                threads, workers = tune(folder, batch_size)
            sides = step_sides(folder, batch_size, arguments, threads)
        found["t5lite"].append(ours)
        for name, strategy in (("by length", "grouped"), ("mixture's order", "random")):
            found[name].append(timed_theirs(folder, strategy, batch_size, threads, workers))
        turns = [[side.ask("step_seconds") for side, _ in sides] for _ in range(arguments.steps)]
        steps.append([min(turn[i] for turn in turns) / size for i, (_, size) in enumerate(sides)])
        rates = ", ".join(f"{name} {found[name][-1]['rate']:,.0f}" for name in NAMES)
        a_position = " and ".join(f"{1e6 * x:.0f}" for x in steps[-1])
        print(f"run {run + 1}: tokens/s {rates}; us a position {a_position}", flush=True)
    report(found, steps, arguments, batch_size=batch_size)


def step_sides(folder, batch_size, arguments, threads):
    """Steps of ours and of transformers' without padding, and how many positions they have."""
    means = [8 * round(length / 8) for length in mean_lengths(folder)]
    made = []
    for name, rows, lengths in (
        ("t5lite, packed", arguments.batch_size, LENGTHS.values()),
        ("transformers", batch_size, means),
    ):
        tokens = random_tokens(rows, lengths)
        side = Side(make_side, name, arguments.size, tokens, threads)
        side.ask("step_seconds")  # warms up
        made.append((side, sum(x.size for x in tokens)))
    return made


def mean_lengths(folder):
    """Tokens of the examples' inputs and targets, as they are cut."""
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "checkpoint" / "tokenizer.json"))
    rows = [json.loads(line) for line in (folder / "examples.jsonl").open()]
    return [
        statistics.mean(min(len(tokenizer.encode(row[feature]).ids), most) for row in rows)
        for feature, most in LENGTHS.items()
    ]


def report(found, steps, arguments, *, batch_size):
    """Prints the tables."""
    ours = found["t5lite"]
    print(
        f"\n{ours[-1]['examples']:,} examples, {ours[-1]['tokens']:,} tokens, "
        f"{ours[-1]['updates']} updates of {arguments.batch_size} rows of {LENGTHS}, "
        f"{ours[-1]['filled']:.0%} full; {batch_size} examples an update of transformers'"
    )
    rows = []
    for name, runs in found.items():
        padded = statistics.median(
            x["positions"] / x["tokens"] if "positions" in x else 1 / x["filled"] for x in runs
        )
        whole, rate = spread((x["seconds"] for x in runs), 1), spread((x["rate"] for x in runs), 0)
        label = name if name == "t5lite" else f"transformers, {name}"
        tokens = f"{runs[-1]['tokens'] / runs[-1]['examples']:.1f}"
        rows.append((label, whole, rate, tokens, f"{padded:.2f}"))
    titles = ("", "seconds", "tokens/s", "tokens an example", "positions a token")
    print(format_table(titles, rows, right=(1, 2, 3, 4)))
    step_ratios = [theirs / mine for mine, theirs in steps]
    print(f"\na position of a step without padding: {spread(step_ratios)} times as fast")
    rows = []
    for name in NAMES[1:]:
        pairs = list(zip(ours, found[name], step_ratios, strict=True))
        ratios = [a["rate"] / b["rate"] for a, b, _ in pairs]
        bounds = [b["positions"] / b["tokens"] * ratio for _, b, ratio in pairs]
        shares = [100 * ratio / bound for ratio, bound in zip(ratios, bounds, strict=True)]
        whole = [b["seconds"] / a["seconds"] for a, b, _ in pairs]
        rows.append((name, *map(spread, (ratios, bounds)), spread(shares, 0), spread(whole)))
    titles = ("transformers' batches", "tokens/s, ratio", "bound", "% of it", "seconds, ratio")
    print(format_table(titles, rows, right=(1, 2, 3, 4)))


if __name__ == "__main__":
    main()
