"""Sources of every kind of seqio's give the examples here that `seqio.Task.get_dataset` gives."""

import functools
import gzip
import json

import pytest

from t5lite.data.tasks import seqio_adapter, seqio_registry

seqio = pytest.importorskip("seqio")
tf = pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")

TEXTS = {name: tf.io.FixedLenFeature([], tf.string) for name in ("inputs", "targets")}
NUM_FILES, NUM_ROWS = 3, 5


def rows(number):
    return [(f"question {number} {i}", f"answer {i * number}") for i in range(NUM_ROWS)]


def record(question, answer):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
        for name, text in (("inputs", question), ("targets", answer))
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    for number in range(NUM_FILES):
        lines = "".join(f"{q}\t{a}\n" for q, a in rows(number))
        (root / f"a-{number}.tsv").write_text("question\tanswer\n" + lines)
        with gzip.open(root / f"a-{number}.tsv.gz", "wt") as file:
            file.write(lines)
        records = [json.dumps({"q": q, "a": a}) for q, a in rows(number)]
        (root / f"a-{number}.jsonl").write_text("\n".join(records))
        for kind in ("", "GZIP"):
            with tf.io.TFRecordWriter(str(root / f"a-{number}.tfrecord{kind}"), kind) as writer:
                for row in rows(number):
                    writer.write(record(*row))
    folder = root / "tfds" / "toy" / "1.0.0"
    folder.mkdir(parents=True)
    features = tfds.features.FeaturesDict({n: tfds.features.Text() for n in ("inputs", "targets")})
    for split, number in (("train", 1), ("test", 2)):
        with tf.io.TFRecordWriter(str(folder / f"toy-{split}.tfrecord-00000-of-00001")) as writer:
            for question, answer in rows(number):
                writer.write(features.serialize_example({"inputs": question, "targets": answer}))
    tfds.folder_dataset.write_metadata(data_dir=folder, features=features)
    return root


def split_lines(dataset):
    def split(line):
        question, answer = tf.unstack(tf.strings.split(line, "\t"), num=2)
        return {"inputs": question, "targets": answer}

    return dataset.map(split)


def read_json(path):
    def generate(path):
        with open(path) as file:
            for line in file:
                fields = json.loads(line)
                yield {"inputs": fields["q"], "targets": fields["a"]}

    spec = {name: tf.TensorSpec((), tf.string) for name in TEXTS}
    return tf.data.Dataset.from_generator(generate, args=(path,), output_signature=spec)


def read_zipped(path):
    return split_lines(tf.data.TextLineDataset(path, compression_type="GZIP"))


def read_split(split, shuffle_files, seed=7, folder=None):
    files = [f"{folder}/a-{number}.tsv" for number in {"train": (0, 2), "dev": (1,)}[split]]
    dataset = split_lines(tf.data.TextLineDataset(files))
    return dataset.shuffle(20, seed=seed) if shuffle_files else dataset


class Numbers(seqio.DataSource):
    def __init__(self):
        super().__init__(splits=["train"], num_input_examples={"train": 6})

    @property
    def supports_arbitrary_sharding(self):
        return False

    def list_shards(self, split):
        return ["0", "1"]

    def get_dataset(self, split="train", shuffle=True, seed=None, shard_info=None):
        texts = tf.data.Dataset.range(6).map(tf.strings.as_string)
        return texts.map(lambda text: {"inputs": text, "targets": text})


def sources(folder):
    gzipped = functools.partial(tf.data.TFRecordDataset, compression_type="GZIP")
    toy = functools.partial(
        seqio.TfdsDataSource, tfds_name="toy:1.0.0", tfds_data_dir=f"{folder}/tfds"
    )
    return {
        "lines": (
            seqio.TextLineDataSource(
                {"train": f"{folder}/a-*.tsv", "validation": [f"{folder}/a-1.tsv"]},
                skip_header_lines=1,
                num_input_examples={"train": 15, "validation": 5},
            ),
            [split_lines],
        ),
        "records": (seqio.TFExampleDataSource({"train": f"{folder}/*.tfrecord"}, TEXTS), []),
        "zipped records": (
            seqio.TFExampleDataSource({"train": f"{folder}/*GZIP"}, TEXTS, reader_cls=gzipped),
            [],
        ),
        "protos": (
            seqio.ProtoDataSource(
                {"train": f"{folder}/*.tfrecord"},
                decode_proto_fn=lambda data: tf.io.parse_single_example(data, TEXTS),
            ),
            [],
        ),
        "own reader": (seqio.FileDataSource(read_json, {"train": f"{folder}/*.jsonl"}), []),
        "zipped": (
            seqio.FileDataSource(
                read_zipped, {"train": f"{folder}/*.gz"}, performs_internal_shuffling=True
            ),
            [],
        ),
        "function": (
            seqio.FunctionDataSource(
                functools.partial(read_split, folder=folder), splits=("train", "dev")
            ),
            [],
        ),
        "class": (Numbers(), []),
        "tfds": (toy(splits=["train", "test"]), []),
        "tfds slices": (toy(splits={"train": "train[:60%]", "validation": "train[60%:]"}), []),
        "tfds as it is": (toy(), []),
    }


@pytest.mark.parametrize("kind", sources(""))
def test_examples_are_those_of_seqio(folder, kind, own_tasks):
    source, preprocessors = sources(folder)[kind]
    steps = [
        *preprocessors,
        seqio.preprocessors.tokenize,
        seqio.CacheDatasetPlaceholder(),
        seqio.preprocessors.append_eos,
    ]
    task = seqio.TaskRegistry.add(
        "peers_source",
        source=source,
        preprocessors=steps,
        output_features=seqio_adapter.output_features(),
    )
    assert task.splits
    for split in task.splits:
        dataset = task.get_dataset(None, split, shuffle=False)
        names = ("inputs", "targets")
        wanted = [{n: e[n].tolist() for n in names} for e in dataset.as_numpy_iterator()]
        found = seqio_adapter.iterate_examples("peers_source", split, task_feature_lengths=None)
        assert [{n: e[n].tolist() for n in names} for e in found] == wanted
        assert wanted
        repeated = seqio_adapter.varying_parts("peers_source", split, task_feature_lengths=None)
        assert repeated == ()


def test_tfds_looks_in_the_data_folder_and_what_is_missing_is_explained(
    folder, monkeypatch, own_tasks
):
    seqio.TaskRegistry.add(
        "peers_source",
        source=seqio.TfdsDataSource(tfds_name="toy:1.0.0"),
        preprocessors=[seqio.preprocessors.tokenize],
        output_features=seqio_adapter.output_features(),
    )
    try:
        with pytest.raises(ValueError, match=r"(?s)'toy:1.0.0'.*not found.*--data_dir"):
            seqio_adapter.splits("peers_source")
        monkeypatch.setenv("T5LITE_DATA_DIR", str(folder / "tfds"))
        seqio_registry.import_tasks([])
        assert set(seqio_adapter.splits("peers_source")) == {"train", "test"}
    finally:
        tfds.core.utils.file_utils.clear_registered_data_dirs()
