"""What is registered, what a mixture holds, and what a Task's examples look like to the model.

Behind `t5lite tasks list | describe | show`. Everything is printed as plain text.
"""

import collections
import fnmatch
import os
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tqdm

from t5lite.data.mixing.mixing import transform_keys
from t5lite.data.stores import build
from t5lite.data.stores.plan import MaxExamples
from t5lite.data.stores.store import TokenStore
from t5lite.data.tasks import data_status, seqio_adapter, seqio_mixtures, task_data
from t5lite.data.tasks.eval_tasks import EvalExample, EvalTask
from t5lite.data.tasks.labels import exemplar_report
from t5lite.data.tasks.shipped_tasks import shipped_modules
from t5lite.data.transforms.listed_examples import ListedExamples
from t5lite.data.transforms.transform import describe as describe_transform
from t5lite.data.vocabularies.load import format_vocabulary
from t5lite.data.vocabularies.vocabulary import Vocabulary
from t5lite.messages.suggest import did_you_mean
from t5lite.messages.tables import format_table

# Examples are transformed as for rows that hold so many tokens of each feature.
_SHOWN_ROOM = 512
_SENTINEL = re.compile(r"<extra_id_\d+>")
_SHOWN_DECLARED = 20

# ----------------------------------------------------------------------------------------- list


def list_tasks(
    pattern: str | None = None,
    *,
    task_modules: Sequence[str],
    data_dir: str | None = None,
    vocabulary: str | None = None,
) -> None:
    """Prints the registered Mixtures, then the Tasks: name, kind, what it holds, where it is made.

    Args:
      pattern: only names that match: a shell pattern such as `*_2shot`, or a part of the name.
      task_modules: task modules to import first; where there are none, `list_shipped` prints.
      data_dir: data root of the task modules.
      vocabulary: vocabulary of the task modules.

    Raises:
      ValueError: if no name matches.
    """
    if not task_modules:
        list_shipped(pattern)
        return
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    tasks, mixtures = seqio_adapter.registered_names()
    rows = []
    for kind, names in (("mixture", mixtures), ("task", tasks)):
        for name in fnmatch.filter(names, _wildcard(pattern)):
            rows.append((name, kind, _holds(name, kind), _place(seqio_adapter.provenance(name))))
    if not rows and pattern is None:
        raise ValueError(f"--tasks={','.join(task_modules)} registers no Task and no Mixture")
    if not rows:
        hint = did_you_mean(pattern or "", [*mixtures, *tasks])
        raise ValueError(f"no registered Task or Mixture matches {pattern!r}.{hint}")
    print(format_table(("name", "kind", "holds", "registered at"), rows))


def list_shipped(pattern: str | None = None) -> None:
    """Prints the mixtures that t5lite comes with, and how to see a module's tasks; imports none.

    Args:
      pattern: as in `list_tasks`.

    Raises:
      ValueError: if no mixture's name matches.
    """
    modules = shipped_modules()
    rows = [
        (mixture, module.module, module.holds)
        for module in modules
        for mixture in fnmatch.filter(module.mixtures, _wildcard(pattern))
    ]
    if not rows:
        known = [mixture for module in modules for mixture in module.mixtures]
        names = ", ".join(module.module for module in modules)
        raise ValueError(
            f"no mixture that t5lite comes with matches {pattern!r}."
            f"{did_you_mean(pattern or '', known)} With --tasks=MODULE it looks among that "
            f"module's tasks too: yours, or {names}"
        )
    print(format_table(("mixture", "--tasks", "of"), rows))
    print("\ndata that they need under --data_dir:")
    print(format_table(("--tasks", "data"), [(m.module, m.data) for m in modules]))
    print(
        "\n`t5lite tasks list --tasks=MODULE` lists a module's tasks as well, or those of a module "
        "of your own; mixtures of data that are not there are not registered."
    )


def _wildcard(pattern: str | None) -> str:
    """A shell pattern; for a plain text one that finds it anywhere in a name."""
    return pattern if pattern and any(c in pattern for c in "*?[") else f"*{pattern or ''}*"


def _holds(name: str, kind: str) -> str:
    """The number of Tasks of a Mixture, or the splits of a Task."""
    if kind == "mixture":
        return f"{len(seqio_mixtures.leaf_names(name))} tasks"
    try:
        return ", ".join(seqio_adapter.splits(name))
    except ValueError:  # They are its data set's, which is not there.
        return "splits of its data set"


# ------------------------------------------------------------------------------------- describe


def describe(
    name: str,
    *,
    task_modules: Sequence[str],
    data_dir: str | None = None,
    vocabulary: str | None = None,
    split: str = "train",
    cache_dir: str | None = None,
    task_feature_lengths: Mapping[str, int] | None = None,
    max_store_examples: MaxExamples | None = None,
) -> None:
    """Prints what a Mixture or Task holds, a line a Task: rate, share, cap, examples, truncation.

    Numbers of examples are those of the token stores where they are built, else the sources'.

    Args:
      name: a Task or Mixture.
      task_modules: task modules to import first.
      data_dir: data root of the task modules.
      vocabulary: vocabulary of the task modules.
      split: the split to count.
      cache_dir: folder of the token stores; None for the default one.
      task_feature_lengths: if given, the share of examples longer than this is printed for each
        feature and Task whose token store is built.
      max_store_examples: that of the stores, where they were built with one.

    Raises:
      ValueError: if the name is not registered or a Task lacks the split.
    """
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    task_names = seqio_adapter.resolve(name).task_names
    _check_split(task_names, split)
    stores = build.find_stores(
        task_names,
        split=split,
        cache_dir=cache_dir,
        task_feature_lengths=task_feature_lengths,
        max_store_examples=max_store_examples,
    )
    counts = _count_examples(task_names, split, stores)
    weights = seqio_mixtures.weights(name, counts)
    shares = seqio_adapter.rates(name, counts)
    caps = seqio_mixtures.caps(name)
    lengths = task_feature_lengths or {}
    rows = [
        (
            task,
            f"{weights[task]:,.6g}",
            f"{shares[task]:.2%}",
            f"{caps[task]:,.0f}" if task in caps else "-",
            f"{counts[task]:,}",
            _counted_from(task, counts[task], stores),
            *(_truncated(stores.get(task), feature, lengths) for feature in lengths),
        )
        for task in task_names
    ]
    total = ("total", f"{sum(weights.values()):,.6g}", "100%", "", f"{sum(counts.values()):,}", "")
    _print_header(name, split, task_names)
    _print_sub_mixtures(name, counts)
    titles = ("task", "rate", "share", "cap", "examples", "counted from")
    table = format_table(
        (*titles, *(f"{feature} > {length}" for feature, length in lengths.items())),
        [*rows, (*total, *("" for _ in lengths))],
        right=range(1, 5),
    )
    print(table)
    _print_declared(split, stores)
    if exemplars := exemplar_report(stores.values()):
        print(f"\n{exemplars}")
    if varying := build.varying_report(stores.values(), store_epochs=1):
        print(f"\n{varying}")
    _print_provenance(task_names)
    if len(stores) < len(task_names):
        print(
            f"\n{len(task_names) - len(stores)} of {len(task_names)} tasks have no token store for "
            f"this split yet; `t5lite cache {name}` builds them, and so does the first run."
        )


def _counted_from(task: str, count: int, stores: Mapping[str, TokenStore]) -> str:
    if task in stores:
        return "token store"
    is_cut = count == seqio_adapter.MOST_COUNTED and seqio_adapter.may_be_endless(task)
    return "source, no further" if is_cut else "source"


def _check_split(task_names: Sequence[str], split: str) -> None:
    """Raises a ValueError if Tasks lack the split, with their number and the splits they have."""
    splits = {name: seqio_adapter.splits(name) for name in task_names}
    lacking = [name for name in task_names if split not in splits[name]]
    if lacking:
        others = sorted({other for name in lacking for other in splits[name]})
        raise ValueError(
            f"{len(lacking)} of {len(task_names)} tasks have no split {split!r}, such as "
            f"{lacking[0]!r}; they have {', '.join(others)}. Name a split with --split"
        )


def _count_examples(
    task_names: Sequence[str], split: str, stores: Mapping[str, TokenStore]
) -> dict[str, int]:
    """Examples of each Task: of its store; else what its source says; else by reading it all."""
    counts = {}
    for name in tqdm.tqdm(
        task_names, desc="counting", unit="task", delay=2, leave=False, disable=None
    ):
        if name in stores:
            counts[name] = stores[name].num_examples
        else:
            counts[name] = seqio_adapter.counted_examples(name, split)
    return counts


def _print_declared(split: str, stores: Mapping[str, TokenStore]) -> None:
    """Prints which Tasks declare another number of examples than their stores have."""
    counts = {name: store.num_examples for name, store in stores.items()}
    declared = seqio_adapter.declared_otherwise(counts, split=split)
    if not declared:
        return
    print(
        f"\n{len(declared)} task(s) declare another num_input_examples than was counted, and "
        "seqio.mixing_rate_num_examples goes by it:"
    )
    for name in list(declared)[:_SHOWN_DECLARED]:
        print(f"  {name}: declared {declared[name]:,}, counted {counts[name]:,}")
    if len(declared) > _SHOWN_DECLARED:
        print(f"  and {len(declared) - _SHOWN_DECLARED:,} more")


def _truncated(store: TokenStore | None, feature: str, lengths: Mapping[str, int]) -> str:
    """Share of a store's examples that are longer than allowed."""
    if store is None or feature not in store.features:
        return "-"
    return f"{build.share_truncated(store, feature, lengths):.1%}"


def _print_header(name: str, split: str, task_names: Sequence[str]) -> None:
    """Prints the name, where it is registered, its vocabulary, and its module's notes on it."""
    kind = "mixture" if seqio_mixtures.is_mixture(name) else "task"
    print(f"{kind} {name}: {len(task_names)} task(s), split {split}")
    print(f"registered at {_place(seqio_adapter.provenance(name))}")
    for feature, vocabulary in seqio_adapter.task_source(task_names[0]).features.items():
        print(f"{feature}: {_describe_vocabulary(vocabulary)}")
    # A task module may leave remarks on a Mixture, such as what it found missing.
    for note in seqio_mixtures.notes(name):
        print(f"note: {note}")
    statuses = task_data.statuses(task_names)
    if statuses:
        print(f"data, by form (`t5lite data status` counts tasks):\n{data_status.table(statuses)}")
    print()


def _print_sub_mixtures(name: str, counts: Mapping[str, int]) -> None:
    """Prints the share of each mixture inside a mixture, those within others after them."""
    inside = seqio_mixtures.inner_mixtures(name, counts)
    if not inside:
        return
    rows = [(inner.name, f"{inner.share:.2%}", f"{inner.num_tasks} tasks") for inner in inside]
    print(format_table(("sub-mixture", "share", "holds"), rows, right=(1,)))
    print()


def _print_provenance(task_names: Sequence[str]) -> None:
    """Prints the places that register the Tasks, and how many each."""
    places = collections.Counter(_place(seqio_adapter.provenance(name)) for name in task_names)
    print()
    for place, count in places.items():
        print(f"{count} task(s) registered at {place}")


def _describe_vocabulary(vocabulary: Vocabulary) -> str:
    spec = vocabulary.spec()
    return f"{spec.get('path', spec['kind'])}, {vocabulary.vocab_size:,} ids"


# ----------------------------------------------------------------------------------------- show


def show(
    name: str,
    *,
    task_modules: Sequence[str],
    data_dir: str | None = None,
    vocabulary: str | None = None,
    split: str = "train",
    num_examples: int = 3,
    show_tokens: bool = False,
) -> None:
    """Prints a Task's first examples as the model sees them: decoded from the token ids it gets.

    Where the Task was registered with a transform, its examples come as they are evaluated, and
    then as the transform might make them for training, in rows of `_SHOWN_ROOM` tokens.

    Warns where the vocabulary has no id for something, or loses it on the way.

    Args:
      name: a Task.
      task_modules: task modules to import first.
      data_dir: data root of the task modules.
      vocabulary: vocabulary of the task modules.
      split: the split to read.
      num_examples: how many examples.
      show_tokens: whether to print every token id with its text.

    Raises:
      ValueError: if the name is no Task, or the split is missing or empty.
    """
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary=vocabulary)
    task_names = seqio_adapter.resolve(name).task_names
    if task_names != (name,):
        raise ValueError(
            f"{name!r} is a Mixture of {len(task_names)} tasks, and `show` takes a Task, such as "
            f"{', '.join(map(repr, task_names[:3]))}; `t5lite tasks describe {name}` lists them"
        )
    source = seqio_adapter.task_source(name)
    (task,) = seqio_adapter.load_eval_tasks(
        name, split=split, task_feature_lengths={}, max_examples=num_examples
    )
    if not task.examples:
        raise ValueError(f"Task {name!r} gave no example in split {split!r}")
    print(f"task {name}, split {task.split} (of {', '.join(source.splits)})")
    print(f"registered at {_place(source.provenance)}")
    print(f"preprocessors: {', '.join(source.preprocessors) or 'none'}")
    print(f"metrics: {', '.join(seqio_adapter.metric_names(name)) or 'none'}")
    if transform := seqio_adapter.example_transform(name):
        print(f"transform: {describe_transform(transform)}")
    transformed = _transformed(name, task.examples, source.features)
    for number, example in enumerate(task.examples, start=1):
        print(f"\nexample {number}")
        _print_feature("inputs", example.inputs, source.features.get("inputs"), show_tokens)
        _print_feature("targets", example.targets, source.features["targets"], show_tokens)
        _print_scored_against(task, example)
        for feature, ids in transformed[number - 1].items():
            _print_feature(f"transformed {feature}", ids, source.features[feature], show_tokens)
    for warning in _losses(task.examples, source.features):
        print(f"\nwarning: {warning}")


def _transformed(
    name: str, examples: Sequence[EvalExample], vocabularies: Mapping[str, Vocabulary]
) -> list[dict[str, np.ndarray]]:
    """What a Task's transform makes of each example, by feature; nothing where it has none."""
    transform = seqio_adapter.example_transform(name)
    if transform is None:
        return [{} for _ in examples]
    features = [feature for feature in ("inputs", "targets") if feature in vocabularies]
    listed = ListedExamples.without_ends(
        [tuple(getattr(example, feature) for feature in features) for example in examples],
        vocabulary=vocabularies["targets"],
        room=dict.fromkeys(features, _SHOWN_ROOM),
        is_chat=seqio_adapter.is_chat(name),
    )
    first_N = np.arange(len(examples))
    keys_N2 = transform_keys(0, np.zeros_like(first_N), first_N)
    return [
        dict(zip(features, example, strict=True)) for example in transform(listed, first_N, keys_N2)
    ]


def _print_feature(
    name: str, ids: np.ndarray, vocabulary: Vocabulary | None, show_tokens: bool
) -> None:
    """Prints one feature of one example, decoded; ids are `[length]`."""
    if vocabulary is None:
        return
    print(f"  {name}, {len(ids)} tokens:")
    # Every line, blank ones too: nothing is left to guess about what the model gets.
    print(textwrap.indent(vocabulary.shown(ids), "    | ", lambda line: True))
    if show_tokens:
        tokens = " ".join(f"{token}:{vocabulary.shown([token])!r}" for token in map(int, ids))
        print(textwrap.fill(tokens, 100, initial_indent="    ", subsequent_indent="    "))


def _print_scored_against(task: EvalTask, example: EvalExample) -> None:
    """Prints what the metrics compare with, where it is not the target's text."""
    if task.postprocess_fn is None:
        return
    target = task.postprocess_fn(example.targets_text, example=example.raw, is_target=True)
    if target != example.targets_text:
        print(f"  scored against: {target!r}")


def _losses(examples: Sequence[EvalExample], features: Mapping[str, Vocabulary]) -> Iterable[str]:
    """What the shown examples lose in each vocabulary."""
    for name, vocabulary in features.items():
        if name not in ("inputs", "targets"):
            continue
        # Sentinels are no text: what they read as is not encoded as it stands.
        texts = [_SENTINEL.sub("", getattr(example, f"{name}_text")) for example in examples]
        ids = [int(token) for example in examples for token in getattr(example, name)]
        num_unknown = sum(token == vocabulary.unk_id for token in ids)
        if num_unknown:
            yield (
                f"{name}: {num_unknown} of {len(ids)} tokens ({num_unknown / len(ids):.1%}) are "
                f"unknown to {_describe_vocabulary(vocabulary)}"
            )
        if format_vocabulary(vocabulary) is None:  # Its ids need stand for no texts.
            continue
        lost = _lost_characters("".join(texts), vocabulary)
        if lost:
            what = ", ".join(f"{char!r} ({count} times)" for char, count in lost)
            yield f"{name}: the vocabulary cannot give back {what}; the model never sees them"


def _lost_characters(text: str, vocabulary: Vocabulary) -> list[tuple[str, int]]:
    """Characters that encoding and decoding do not give back, most frequent first."""
    return [
        (char, count)
        for char, count in collections.Counter(text).most_common()
        # Between letters: a SentencePiece vocabulary drops blanks at the ends of a text anyway.
        if char not in vocabulary.decode(vocabulary.encode(f"a{char}a"))
    ]


# --------------------------------------------------------------------------------------- places


def _place(provenance: str) -> str:
    """A place in the code, seen from the current folder."""
    return provenance.replace(f"{os.getcwd()}{os.sep}", "")
