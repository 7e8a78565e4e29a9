"""Evaluating: t5lite beside lm-evaluation-harness, same weights, same questions, one run.

    python benchmarks/eval_harness.py --model_dir=SMOLLM --data_dir=DATA
    python benchmarks/eval_harness.py --data_dir=DATA --repeats=0 --num_questions=0 \
        --ranking mmlu_5shot_letters bbh_3shot_multiple_choice --generating bbh_3shot \
        --new_tokens=32 --batch_size=32 --output=RESULTS.jsonl

Ranks the options of questions, such as MMLU's letters behind five shots, and writes answers to
others, such as BBH's behind three chains of thought, from local files by the Tasks of `tasks.eval`,
in float32 on the CPU. The first command measures speed: the two take turns, so that whatever else
the machine does slows both. Tokenising is counted on both sides, loading, and what a first run
compiles, on neither. The best of the turns is given, in examples a second.

The second asks every question of whole suites, of a small random model that it makes itself, which
anybody can afford. It prints a line a Task, and adds to RESULTS.jsonl what each side found for
each question; stopped, it goes on behind the last Task that is there.

Of a ranked question `same` says whether the log-likelihoods of all its options are the same, to
1e-3; of a written answer, whether the texts are. `border` are those of the others of which a token
reaches over the end of the prompt, so that the harness scores another text (docs/decoding.md).
`largest` is the largest difference of two log-likelihoods, `choice` are questions of which both
choose the same option, and `right` are both sides' shares of right answers.

Where speed is measured, the operations are counted of what each side has to read (the harness pads
to the longest of a batch, t5lite reads a shared prefix once): their ratio is what sharing alone can
bring.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import re
import tempfile
import time

import numpy as np

TOLERANCE = 1e-3
STOP_STRINGS = ("Q:", "\n\n")
SIDES = ("t5lite", "harness")
_NAMES = "Tasks of tasks.eval that have data: regular expressions of their names, or Mixtures"
# Of the random model. Most of its cost are the harness' logits of every token of a prompt.
_VOCAB_SIZE = 2048
_WIDTH = 32
# Five shots of the longest subjects have 14,000 characters.
_MAX_POSITIONS = 8192


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_dir", help="causal: any folder that eval takes; else a random one")
    parser.add_argument("--data_dir", required=True, help="what holds mmlu/ and bbh/")
    ranking, generating = ["mmlu_college_chemistry_5shot_letters"], ["bbh_navigate_3shot_cot"]
    parser.add_argument("--ranking", nargs="*", default=ranking, help=_NAMES)
    parser.add_argument("--generating", nargs="*", default=generating, help=_NAMES)
    parser.add_argument("--num_questions", type=int, default=32, help="of each Task; 0 for all")
    parser.add_argument("--new_tokens", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2, help="turns that are counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch")
    parser.add_argument("--output", help="JSONL file: what was found, a Task a line")
    return parser.parse_args()


def make_random_model(folder):
    """A LLaMA that transformers makes, with logits far apart, and a byte-level BPE tokenizer."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from tasks.eval.registration import TASKS

    texts = [
        example.inputs
        for task in TASKS.values()
        if task.mixture in ("mmlu_5shot_letters", "bbh_3shot_cot")
        and task.data_status(split="test").state == "present"
        for example in task("test")[:1]
    ]
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "</s>"]
    tokenizer.train_from_iterator(
        texts, vocab_size=_VOCAB_SIZE, special_tokens=special, show_progress=False
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer._tokenizer, bos_token=special[0], eos_token=special[1]
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=_VOCAB_SIZE,
        hidden_size=_WIDTH,
        intermediate_size=2 * _WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=_MAX_POSITIONS,
        initializer_range=0.2,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


class Ours:
    """t5lite's `SequenceGenerator`."""

    def __init__(self, model, args):
        from t5lite.inference.prompts import make_generator

        self._model, self._args = model, args
        self._generator = make_generator(model, batch_size=args.batch_size)
        self._params = self._generator.prepare(model.params)

    def ranking(self, examples):
        choices = [self.choices(example) for example in examples]
        prompts = [self._model.converter.prompt(choice.prompt) for choice in choices]
        options = [choice.options for choice in choices]
        found = self._generator.rank(self._params, prompts, options)
        return [ranking.scores.tolist() for ranking in found]

    def choices(self, example):
        from t5lite.inference.options import text_choices

        return text_choices(
            *(example.inputs, example.options),
            vocabulary=self._model.vocabulary,
            is_continued=True,
            delimiter=example.parts.target_delimiter,
        )

    def generating(self, examples):
        from t5lite.decoding.config import DecodingConfig
        from t5lite.inference.prompts import answer_text

        decoding = DecodingConfig(
            max_decode_length=self._args.new_tokens, stop_strings=STOP_STRINGS
        )
        prompts = self._prompts(examples)
        found = self._generator.generate(self._params, prompts, config=decoding)
        return [answer_text(answer, self._model, decoding) for (answer,) in found]

    def operations(self, examples):
        """Of reading the prompts: whole, and as t5lite plans to."""
        from t5lite.decoding import batching, shared_prefixes

        cost = shared_prefixes.ReadingCost.of(self._model.config)
        prompts = self._prompts(examples)
        longest_first = sorted(map(len, prompts), reverse=True)
        size = self._args.batch_size
        whole = sum(
            size * cost(longest_first[start], num_slots=longest_first[start])
            for start in range(0, len(prompts), size)
        )
        shared = 0
        for rows, before in shared_prefixes.plan(prompts, cost=cost, batch_size=size):
            rest = sorted((len(prompts[row]) - before for row in rows), reverse=True)
            slots = batching.fine_bucket_length(before) if before else 0
            shared += cost(slots, num_slots=slots)
            for start in range(0, len(rest), size):
                length = batching.fine_bucket_length(rest[start])
                shared += size * cost(length, num_slots=slots + length)
        return whole, shared

    def _prompts(self, examples):
        encode = self._model.vocabulary.encode
        return [self._model.converter.prompt(encode(example.inputs)) for example in examples]


class Theirs:
    """lm-evaluation-harness' `HFLM`."""

    def __init__(self, folder, args):
        import torch
        from lm_eval.models.huggingface import HFLM

        torch.set_num_threads(args.threads)
        self._lm = HFLM(
            pretrained=str(folder), device="cpu", dtype="float32", batch_size=args.batch_size
        )
        self._args = args

    def ranking(self, examples):
        requests = [
            (example.inputs, example.parts.target_delimiter + option)
            for example in examples
            for option in example.options
        ]
        found = iter([likely for likely, _ in self._run("loglikelihood", requests)])
        return [[next(found) for _ in example.options] for example in examples]

    def options(self, example):
        """The tokens that it scores."""
        delimiter = example.parts.target_delimiter
        pairs = [self._lm._encode_pair(example.inputs, delimiter + o) for o in example.options]
        return [option for _, option in pairs]

    def generating(self, examples):
        how = {"until": list(STOP_STRINGS), "max_gen_toks": self._args.new_tokens}
        how["do_sample"] = False
        return self._run("generate_until", [(example.inputs, how) for example in examples])

    def _run(self, kind, requests):
        from lm_eval.api.instance import Instance

        instances = [Instance(kind, {}, request, i) for i, request in enumerate(requests)]
        return getattr(self._lm, kind)(instances, disable_tqdm=True)


def measure(kind, task, sides, args):
    """What both find for a Task's questions, how long they take, and what they have to read."""
    examples = task("test")[: args.num_questions or None]
    run = {side: getattr(of, kind) for side, of in zip(SIDES, sides, strict=True)}
    found = {side: run[side](examples) for side in SIDES}  # compiles
    seconds = {side: [] for side in SIDES}
    for _ in range(args.repeats):
        for side in SIDES:
            start = time.perf_counter()
            found[side] = run[side](examples)
            seconds[side].append(time.perf_counter() - start)
    ours, theirs = sides
    questions = []
    for example, *of_sides in zip(examples, *found.values(), strict=True):
        question = {"id": example.id, "right": [is_right(f, task, example) for f in of_sides]}
        if kind == "ranking":
            is_same = apart(of_sides) <= TOLERANCE
            is_border = not is_same and ours.choices(example).options != theirs.options(example)
            question |= {"options": example.options, "border": is_border}
        questions.append(question | dict(zip(SIDES, of_sides, strict=True)))
    return {
        "kind": kind,
        "task": task.name,
        "seconds": {side: min(times, default=None) for side, times in seconds.items()},
        "operations": ours.operations(examples) if args.repeats else None,
        "questions": questions,
    }


def apart(log_likelihoods):
    """The largest difference of two sides' of the same options."""
    return float(np.abs(np.subtract(*log_likelihoods)).max())


def is_right(found, task, example):
    """Whether the likeliest option is, or the answer as its Task's rule reads it."""
    if isinstance(found, str):
        return task.rule(found) in example.references
    return example.options[np.argmax(found)] == example.targets


def row(name, results):
    """A line of the table: of one Task, or of several as one."""
    questions = [question for result in results for question in result["questions"]]
    pairs = [[question[side] for side in SIDES] for question in questions]
    right = np.mean([question["right"] for question in questions], axis=0)
    if isinstance(pairs[0][0], str):
        same, border, largest, choice = sum(a == b for a, b in pairs), "", "", ""
    else:
        differences = np.array([apart(pair) for pair in pairs])
        same, largest = int((differences <= TOLERANCE).sum()), f"{differences.max():.1e}"
        border = sum(question["border"] for question in questions)
        choice = sum(int(np.argmax(a) == np.argmax(b)) for a, b in pairs)
    cells = [name, len(questions), same, border, largest, choice]
    cells.append(", ".join(f"{share:.1%}" for share in right))
    if all(result["operations"] for result in results):
        seconds = [sum(result["seconds"][side] for result in results) for side in SIDES]
        whole, shared = np.sum([result["operations"] for result in results], axis=0)
        cells += [f"{len(questions) / of_side:.2f}" for of_side in seconds]
        cells.append(f"{whole / shared:.2f}")
    return "| " + " | ".join(map(str, cells)) + " |"


def tasks_of(name):
    """The Tasks of a Mixture, or whose names match, that have data."""
    from tasks.eval.registration import TASKS

    found = [
        task
        for task in TASKS.values()
        if (name in (task.mixture, *task.other_mixtures) or re.fullmatch(name, task.name))
        and task.data_status(split="test").state == "present"
    ]
    if not found:
        raise ValueError(f"{name}: no Task of tasks.eval with data (split test) is called so")
    return found


def results_so_far(lines, settings):
    """By kind and Task, of an output file that may be new."""
    if not lines.records:
        lines.append([{"settings": settings}])
    (_, first), *results = lines.records
    if first.get("settings") != settings:
        raise ValueError(
            f"--output={lines.path} was made with {first.get('settings')}, and this run has "
            f"{settings}; give another file"
        )
    return {(result["kind"], result["task"]): result for _, result in results}


def compare(sides, args, lines):
    """Prints the table, Task by Task."""
    settings = {
        name: getattr(args, name)
        for name in ("model_dir", "num_questions", "new_tokens", "batch_size", "repeats")
    }
    done = results_so_far(lines, settings) if lines else {}
    columns = ["", "questions", "same", "border", "largest", "choice", "right"]
    columns += [*SIDES, "operations"] if args.repeats else []
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for kind in ("ranking", "generating"):
        for name in getattr(args, kind):
            results = []
            for task in tasks_of(name):
                result = done.get((kind, task.name))
                if result is None:
                    result = measure(kind, task, sides, args)
                    if lines:
                        lines.append([result])
                results.append(result)
                print(row(task.name, [result]), flush=True)
            if len(results) > 1:
                print(row(f"**{name}**, {kind}", results), flush=True)


def convert(src, dst):
    from t5lite import cli

    assert cli.main(["convert", str(src), str(dst), "--noverify"]) == 0


def main():
    args = parse_arguments()
    os.environ |= {"T5LITE_DATA_DIR": args.data_dir, "HF_HUB_OFFLINE": "1"}
    from t5lite.checkpoints.load import load_model_dir
    from t5lite.convert.cached import model_folder
    from t5lite.files.appended_lines import AppendedLines

    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in (*args.ranking, *args.generating):
            tasks_of(name)  # before anything takes time
        lines = None
        if args.output:
            lines = stack.enter_context(AppendedLines(args.output, name="--output"))
        if args.model_dir:
            model_dir = model_folder(args.model_dir, is_alone=True)
        else:
            make_random_model(folder / "random")
            model_dir = folder / "model"
            convert(folder / "random", model_dir)
        exported = folder / "exported"
        convert(model_dir, exported)
        compare((Ours(load_model_dir(model_dir), args), Theirs(exported, args)), args, lines)


if __name__ == "__main__":
    main()
