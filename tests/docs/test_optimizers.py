"""docs/optimizers.md: its gin builds, its figures are those of the schedules."""

import jax
import pytest

from t5lite.configuration import config
from t5lite.models.parameters import param_axes, param_shapes
from t5lite.training.optimizers import make_transformation
from t5lite.training.parameter_groups import partition_parameters
from t5lite.training.schedules import schedule
from tests.docs.pages import DOCS, blocks, table_rows

PAGE = DOCS / "optimizers.md"
NEEDED = [
    "MODEL_DIR='x'",
    "MIXTURE_OR_TASK_NAME='x'",
    "TASK_FEATURE_LENGTHS={'inputs': 8, 'targets': 8}",
]
FILES = ["models/mini/small.gin", "runs/train.gin"]


@pytest.mark.parametrize("block", blocks(PAGE, "gin"))
def test_its_gin_builds_an_optimizer(block, tmp_path, caplog):
    path = tmp_path / "page.gin"
    path.write_text(f"TRAIN_STEPS = 1000\n{block}")
    arguments = config.parse([*FILES, str(path)], NEEDED).arguments("train")
    assert "has no effect" not in caplog.text
    shapes = param_shapes(arguments["model"])
    partition = partition_parameters(shapes, arguments.get("parameter_groups", ()))
    axes, _ = partition.split(param_axes(arguments["model"]))
    transformation = make_transformation(
        arguments["optimizer"], axes, max_grad_norm=arguments["max_grad_norm"]
    )
    jax.eval_shape(transformation.init, partition.split(shapes)[0])
    assert float(arguments["optimizer"].learning_rate_at(10)) > 0


def test_its_table_has_the_rates_of_the_schedules():
    rows = [row for row in table_rows(PAGE) if len(row) == 6]
    assert len(rows) == 6
    for _, factors, *rates in rows:
        rate_at = schedule(factors.strip("`"), 1e-3, warmup_steps=100, total_steps=1000)
        found = [float(rate_at(step)) for step in (50, 100, 550, 1000)]
        assert [float(rate) for rate in rates] == pytest.approx(found, rel=1e-3), factors


@pytest.mark.parametrize(
    "row", [r for r in table_rows(PAGE) if len(r) == 6][:5], ids=lambda r: r[0]
)
def test_schedules_are_those_that_hugging_face_calls_so(row):
    optimization = pytest.importorskip("transformers.optimization")
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    name, factors = row[0].strip("`"), row[1].strip("`")
    theirs = optimization.get_scheduler(
        name, optimizer, num_warmup_steps=100, num_training_steps=1000
    )
    rate_at = schedule(factors, 1e-3, warmup_steps=100, total_steps=1000)
    for step in (1, 50, 100, 101, 550, 999):
        expected = 1e-3 * theirs.lr_lambdas[0](step)
        assert float(rate_at(step)) == pytest.approx(expected, rel=1e-4, abs=1e-8), step
