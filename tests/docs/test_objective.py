"""docs/objective.md: its objective trains, made by a gin file; a wrong teacher is refused."""

import dataclasses
import json
import shutil

import pytest

from t5lite.checkpoints.checkpointer import Checkpointer
from t5lite.configuration import config, folder_config
from t5lite.data.vocabularies.byte_vocabulary import ByteVocabulary
from t5lite.training.objective import LossSums, Objective
from t5lite.training.optimizers import adafactor
from tests.docs.pages import DOCS, blocks
from tests.toy_run import MODEL, data_config, toy_train

PAGE = DOCS / "objective.md"
NEEDED = [
    "MODEL_DIR='x'",
    "MIXTURE_OR_TASK_NAME='x'",
    "TASK_FEATURE_LENGTHS={'inputs': 8, 'targets': 8}",
    "TRAIN_STEPS=1",
    "TASK_MODULES=('tasks.mini',)",
]


@pytest.fixture(scope="module")
def teacher(cache_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    toy_train(folder, cache_dir, train_steps=12)
    return folder


@pytest.fixture
def objective(tmp_path, monkeypatch, teacher):
    """What the page's module and gin file make; the same class for every test of the process."""
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(PAGE, "python")
    assert len(code.splitlines()) < 40
    (tmp_path / "distillation.py").write_text(code)
    (tmp_path / "distill.gin").write_text(blocks(PAGE, "gin")[0])
    given = [*NEEDED, f"distillation.DistillationLoss.teacher={str(teacher)!r}"]
    parsed = config.parse(["models/mini/small.gin", "distill.gin"], given)
    assert "DistillationLoss.temperature = 3.0" in parsed.table("train")
    made = parsed.arguments("train")["objective"]
    # What a run writes down is read back once its module is named.
    (tmp_path / "config.gin").write_text(parsed.operative_config())
    with pytest.raises(ValueError, match=r"--tasks=tasks\.mini,distillation`"):
        folder_config.last_start(str(tmp_path))
    last = folder_config.last_start(str(tmp_path), modules=["distillation"])
    assert config.parse(defaults=last).arguments("train")["objective"] == made
    return made


def test_it_distils_and_goes_on(objective, cache_dir, tmp_path, capfd):
    settings = {
        "objective": objective,
        "num_microbatches": 2,
        "frozen_dtype": "bfloat16",
        "optimizer": adafactor(learning_rate=0.02),
    }
    run = tmp_path / "run"
    for steps in (6, 12):
        toy_train(run, cache_dir, train_steps=steps, **settings)
    lines = [json.loads(x) for x in (run / "metrics.jsonl").read_text().splitlines()]
    lines = [line for line in lines if line["kind"] == "train"]
    assert [x["step"] for x in lines] == list(range(1, 13))
    assert lines[-1]["distillation"] < 0.8 * lines[0]["distillation"]
    for line in lines:
        hard = line["cross_entropy"] + line["z_loss"]
        assert line["loss"] == pytest.approx((hard + line["distillation"]) / 2, rel=1e-4)
    assert "tokens/s, distillation " in capfd.readouterr().err
    plain, ours = (
        Checkpointer(folder, read_only=True).saved_shapes(12) for folder in (objective.teacher, run)
    )
    assert ours == plain, "the run's own parameters and their optimizer state, and nothing else"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": "/no/where"}, r"DistillationLoss\.teacher /no/where does not exist"),
        ({"teacher": ""}, r"DistillationLoss\.teacher"),
        ({"architecture": "decoder_only"}, r"DistillationLoss\.teacher .* architecture 'enc"),
        (
            {"add_eos": False},
            r"(?s)DistillationLoss\.teacher .*targets_suffix: .*DataConfig.add_eos",
        ),
        ({"kind": "other"}, r"DistillationLoss\.teacher .* the vocabulary .*Set VOCABULARY"),
    ],
)
def test_a_teacher_that_does_not_fit(objective, teacher, cache_dir, tmp_path, change, message):
    arguments = {}
    if "teacher" in change:
        objective = dataclasses.replace(objective, **change)
    if "architecture" in change:
        arguments["model"] = dataclasses.replace(MODEL, num_encoder_layers=0, **change)
        arguments["train_data"] = data_config(str(cache_dir), converter="decoder_only")
    if "add_eos" in change:
        add_eos = {"inputs": True, "targets": False}
        arguments["train_data"] = data_config(str(cache_dir), add_eos=add_eos)
    if "kind" in change:
        other = ByteVocabulary(extra_ids=100).spec()
        record = json.loads((teacher / "t5lite.json").read_text())
        copy = tmp_path / "teacher"
        shutil.copytree(teacher, copy, ignore=shutil.ignore_patterns("hashes.json"))
        (copy / "t5lite.json").write_text(json.dumps(record | {"vocabulary": other}))
        objective = dataclasses.replace(objective, teacher=str(copy))
    with pytest.raises(ValueError, match=message):
        toy_train(tmp_path / "run", cache_dir, objective=objective, **arguments)


@dataclasses.dataclass(frozen=True)
class Unsummed(Objective):
    def sums(self, model, batch, *, dropout_key, frozen):
        logits_BTV = model.logits(batch, dropout_key=dropout_key)
        return LossSums(loss=logits_BTV.max(-1), weight=logits_BTV.sum())


def test_an_objective_that_gives_no_sums_is_refused_before_anything_is_built(tmp_path):
    with pytest.raises(ValueError, match=r"objective = @Unsummed\(\): loss is float32\[8, 16\]\."):
        toy_train(tmp_path / "run", tmp_path / "cache", objective=Unsummed())
    assert list(tmp_path.iterdir()) == []
