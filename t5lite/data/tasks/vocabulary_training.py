"""Training a SentencePiece vocabulary on the text of a mixture."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

import sentencepiece

from t5lite.data.tasks import seqio_adapter
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.files.local_paths import writable_file
from t5lite.files.whole_file import write_whole

# 3 special ids and a piece for each byte, so that no text is ever unknown.
_SMALLEST = 3 + 256


def train_vocabulary(
    mixture_or_task_name: str,
    *,
    size: int,
    output: str,
    split: str = "train",
    task_modules: Sequence[str] = (),
    data_dir: str | None = None,
    max_examples_per_task: int = 400,
) -> None:
    """Trains a unigram vocabulary (Kudo 2018, arXiv:1804.10959) with a piece for every byte.

    Ids are T5's: 0 padding, 1 end of sequence, 2 unknown. Every text survives encoding and
    decoding: nothing is normalised, and what no piece covers is spelled in bytes. Digits are
    pieces of their own. The same examples give the same file.

    Args:
      mixture_or_task_name: whose inputs and targets to read, each text once.
      size: number of ids, sentinels not counted.
      output: the file to write, ending in `.model`.
      split: of the Tasks.
      task_modules: task modules to import first.
      data_dir: root of the Tasks' files; None leaves `T5LITE_DATA_DIR` as it is.
      max_examples_per_task: the first so many of each Task are read.

    Raises:
      ValueError: a wrong size or file name, an unknown mixture, or too little text for the size.
    """
    if not output.endswith(".model"):
        raise ValueError(f"--output {output}: a vocabulary's file name must end in .model")
    if size <= _SMALLEST:
        raise ValueError(
            f"--size {size} is too small: {_SMALLEST} ids are special or bytes; give more"
        )
    path = writable_file(output, name="--output")
    # Read as bytes, whose ids give the text back exactly.
    seqio_adapter.import_tasks(task_modules, data_dir=data_dir, vocabulary="bytes")
    tasks = seqio_adapter.resolve(mixture_or_task_name).task_names
    texts = dict.fromkeys(_texts(tasks, split=split, max_examples=max_examples_per_task))
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=itertools.chain(texts, _words_again(texts)),
            model_writer=model,
            vocab_size=size,
            model_type="unigram",
            byte_fallback=True,
            split_digits=True,
            character_coverage=1.0,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            pad_id=0,
            eos_id=1,
            unk_id=2,
            bos_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ValueError(
            f"no vocabulary of --size {size} can be trained on {len(texts):,} texts of "
            f"{mixture_or_task_name!r} ({error}); give a smaller one"
        ) from error
    write_whole(path, model.getvalue())


def _words_again(texts: Iterable[str]) -> Iterator[str]:
    """Every word of the texts, doubled.

    SentencePiece proposes only pieces that two different words hold. A text of few words would
    lose even its most frequent ones, and spell them.
    """
    yield from dict.fromkeys(word * 2 for text in texts for word in re.findall(r"\w+", text))


def _texts(tasks: Sequence[str], *, split: str, max_examples: int) -> Iterator[str]:
    vocabulary = ByteVocabulary()
    for task in tasks:
        for example in seqio_adapter.iterate_examples(
            task, split, task_feature_lengths=None, max_examples=max_examples
        ):
            for tokens in example.values():
                yield vocabulary.decode(tokens)
