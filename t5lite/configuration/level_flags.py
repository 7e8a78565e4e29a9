"""The flags of `t5lite tasks split`."""

from __future__ import annotations

import argparse

from t5lite.configuration import macro_flags as macro
from t5lite.messages.ranges import NumWords, Seed


def add(parser: argparse.ArgumentParser) -> None:
    """Adds what is to be split, how, and what is done about leaks."""
    parser.add_argument(
        "names", nargs="+", metavar="COLLECTION", help="a mixture, or several tasks and mixtures"
    )
    parser.add_argument("--output", required=True, metavar="FILE.json", help="file to write")
    parser.add_argument(
        "--name", help="what names of its mixtures begin with (default: the file's)"
    )
    parser.add_argument(
        "--seed", type=macro.number(Seed), default=0, metavar="N", help="of draws; default: 0"
    )
    for flag, what in (("--held_out_categories", "categories"), ("--held_out_tasks", "tasks")):
        parser.add_argument(
            flag,
            type=macro.number_or_names,
            default=0,
            metavar="N_OR_NAMES",
            help=f"how many {what} to hold out, or which, comma separated",
        )
    parser.add_argument(
        "--held_out_share",
        type=macro.share,
        default=0.0,
        metavar="SHARE",
        help="share of a trained task's instances to hold out; 0 evaluates its own other split",
    )
    parser.add_argument(
        "--held_out_instances", metavar="FILE.tsv", help="lines TASK<TAB>ID to hold out instead"
    )
    parser.add_argument(
        "--categories",
        metavar="FILE",
        help="lines TASK<TAB>CATEGORY for tasks that say no category, or another",
    )
    parser.add_argument(
        "--ngram",
        type=macro.number(NumWords),
        default=13,
        metavar="N",
        help="words in a row; default: 13",
    )
    parser.add_argument(
        "--leaks_above",
        type=macro.share,
        default=0.01,
        metavar="SHARE",
        help="list pairs of tasks that share n-grams in more than this share; default: 0.01",
    )
    parser.add_argument(
        "--drop_leaks",
        choices=("train", "eval"),
        help="do not train on the one, or do not evaluate the other, of each such pair",
    )
    parser.add_argument("--leaks", metavar="FILE.jsonl", help="also write all pairs here")
    parser.add_argument(
        "--nocheck_leaks", action="store_true", help="do not look for what tasks share"
    )
    parser.add_argument(
        "--allow_missing_tasks", action="store_true", help="leave out tasks that have no data"
    )
    parser.add_argument(
        "--num_workers", type=macro.positive, metavar="N", help="processes (default: cores)"
    )
