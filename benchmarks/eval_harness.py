"""Evaluating: t5lite beside lm-evaluation-harness, same weights, same questions, one run.

    python benchmarks/eval_harness.py --model_dir=SMOLLM --data_dir=DATA
    python benchmarks/eval_harness.py --model_dir=SMOLLM --data_dir=DATA --repeats=0 \
        --ranking=mmlu_5shot --generating=bbh_3shot --num_questions=1 --new_tokens=32

Ranks the letters of MMLU's questions behind five shots, and writes answers to BBH's behind three
chains of thought, both from local files by the Tasks of `tasks.eval`, in float32 on the CPU, in
turns, so that whatever else the machine does slows both. Tokenising is counted on both sides,
loading, and what a first run compiles, on neither. The best of the turns is given, in examples a
second; with `--repeats=0` there is none. `same` is the share of questions with the same
log-likelihoods (to 1e-3) or answer, and `right` that of right answers, on both sides.

The operations are counted too, of what each side has to read (the harness pads to the longest of a
batch, t5lite reads a shared prefix once): their ratio is what sharing alone can bring.
"""

import argparse
import os
import pathlib
import re
import tempfile
import time

import numpy as np

BATCH_SIZE = 8
STOP_STRINGS = ("Q:", "\n\n")
_NAMES = "Tasks of tasks.eval that have data: a regular expression of their names, or a Mixture"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_dir", required=True, help="causal: any folder that eval takes")
    parser.add_argument("--data_dir", required=True, help="what holds mmlu/ and bbh/")
    parser.add_argument("--ranking", default="mmlu_college_chemistry_5shot_letters", help=_NAMES)
    parser.add_argument("--generating", default="bbh_navigate_3shot_cot", help=_NAMES)
    parser.add_argument("--kinds", nargs="+", default=["ranking", "generating"])
    parser.add_argument("--num_questions", type=int, default=32, help="of each Task")
    parser.add_argument("--new_tokens", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=BATCH_SIZE)
    parser.add_argument("--repeats", type=int, default=2, help="turns that are counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of torch")
    return parser.parse_args()


class Ours:
    """t5lite's `SequenceGenerator`."""

    def __init__(self, model, args):
        from t5lite.inference.prompts import make_generator

        self._model, self._args = model, args
        self._generator = make_generator(model, batch_size=args.batch_size)
        self._params = self._generator.prepare(model.params)

    def ranking(self, examples):
        from t5lite.inference.options import text_choices

        choices = [
            text_choices(
                *(example.inputs, example.options),
                vocabulary=self._model.vocabulary,
                is_continued=True,
                delimiter=example.parts.target_delimiter,
            )
            for example in examples
        ]
        prompts = [self._model.converter.prompt(choice.prompt) for choice in choices]
        options = [choice.options for choice in choices]
        return [found.scores for found in self._generator.rank(self._params, prompts, options)]

    def generating(self, examples):
        from t5lite.decoding.config import DecodingConfig
        from t5lite.inference.prompts import answer_text

        encode, prompt = self._model.vocabulary.encode, self._model.converter.prompt
        decoding = DecodingConfig(
            max_decode_length=self._args.new_tokens, stop_strings=STOP_STRINGS
        )
        found = self._generator.generate(
            self._params, [prompt(encode(e.inputs)) for e in examples], config=decoding
        )
        return [answer_text(answer, self._model, decoding) for (answer,) in found]

    def operations(self, examples):
        """Of reading the prompts: whole, and as t5lite plans to."""
        from t5lite.decoding import batching, shared_prefixes

        cost = shared_prefixes.ReadingCost.of(self._model.config)
        prompts = [
            self._model.converter.prompt(self._model.vocabulary.encode(example.inputs))
            for example in examples
        ]
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
        found = [likely for likely, _ in self._run("loglikelihood", requests)]
        ends = np.cumsum([len(example.options) for example in examples])[:-1]
        return np.split(np.array(found), ends)

    def generating(self, examples):
        how = {"until": list(STOP_STRINGS), "max_gen_toks": self._args.new_tokens}
        how["do_sample"] = False
        return self._run("generate_until", [(example.inputs, how) for example in examples])

    def _run(self, kind, requests):
        from lm_eval.api.instance import Instance

        instances = [Instance(kind, {}, request, i) for i, request in enumerate(requests)]
        return getattr(self._lm, kind)(instances, disable_tqdm=True)


def share_same(ours, theirs):
    if isinstance(ours[0], str):
        return np.mean([a == b for a, b in zip(ours, theirs, strict=True)])
    return np.mean([np.allclose(a, b, atol=1e-3) for a, b in zip(ours, theirs, strict=True)])


def share_right(found, tasks, examples):
    """Of best options, or of answers as their Tasks' rules read them."""
    if isinstance(found[0], str):
        answers = [task.rule(text) for task, text in zip(tasks, found, strict=True)]
        pairs = zip(answers, examples, strict=True)
        return np.mean([answer in example.references for answer, example in pairs])
    pairs = zip(found, examples, strict=True)
    return np.mean([e.options[np.argmax(scores)] == e.targets for scores, e in pairs])


def main():
    args = parse_arguments()
    os.environ |= {"T5LITE_DATA_DIR": args.data_dir, "HF_HUB_OFFLINE": "1"}
    from t5lite import cli
    from t5lite.checkpoints.load import load_model_dir
    from t5lite.convert.cached import model_folder
    from tasks.eval.registration import TASKS

    model_dir = model_folder(args.model_dir, is_alone=True)
    with tempfile.TemporaryDirectory() as folder:
        exported = pathlib.Path(folder) / "exported"
        assert cli.main(["convert", str(model_dir), str(exported), "--noverify"]) == 0
        ours, theirs = Ours(load_model_dir(model_dir), args), Theirs(exported, args)
        print(f"| {'':36} | t5lite | harness | same | right    | operations, ratio |")
        for kind in args.kinds:
            name = getattr(args, kind)
            asked = [
                (task, example)
                for task in TASKS.values()
                if (name == task.mixture or re.fullmatch(name, task.name))
                and task.data_status(split="test").state == "present"
                for example in task("test")[: args.num_questions]
            ]
            tasks, examples = zip(*asked, strict=True)
            sides = {"ours": getattr(ours, kind), "theirs": getattr(theirs, kind)}
            found = {side: run(examples) for side, run in sides.items()}  # compiles
            seconds = {side: [] for side in sides}
            for _ in range(args.repeats):
                for side, run in sides.items():
                    start = time.perf_counter()
                    found[side] = run(examples)
                    seconds[side].append(time.perf_counter() - start)
            speed = {
                side: len(examples) / min(times, default=np.inf) for side, times in seconds.items()
            }
            right = [f"{share_right(found[side], tasks, examples):.1%}" for side in sides]
            whole, shared = ours.operations(examples)
            print(
                f"| {name:36} | {speed['ours']:6.2f} | {speed['theirs']:7.2f} | "
                f"{share_same(found['ours'], found['theirs']):4.0%} | {', '.join(right)} | "
                f"{whole / shared:17.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
