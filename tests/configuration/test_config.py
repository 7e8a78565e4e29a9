"""Reading gin with the place of every value, and what is said when something is wrong."""

import pathlib
import sys
import types

import gin
import pytest

from t5lite.configuration import config, folder_config
from t5lite.configuration.gin_reader import Macro, Reference, read_flag
from t5lite.initialization.restore import RestoreConfig, initial_checkpoint
from t5lite.models.config import TransformerConfig
from t5lite.models.position_config import Learned, RelativeBias, Rotary
from t5lite.models.rotary_scaling import LinearScaling

MODEL = """TransformerConfig:
  vocab_size = 32
  d_model = 8
  d_ff = %WIDTH
  d_kv = 4
  num_heads = 2
  num_encoder_layers = 1
  num_decoder_layers = 1
"""
TRAIN = """WIDTH = 16
MODEL_DIR = %gin.REQUIRED
train:
  model = @TransformerConfig()
  model_dir = %MODEL_DIR
  train_data = @DataConfig()
  optimizer = @adamw()
  train_steps = 3
adamw.learning_rate = 0.1
DataConfig:
  mixture_or_task_name = "mini"
  task_feature_lengths = {"inputs": 8, "targets": 4}
  batch_size = 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A current folder with a small, whole configuration in two files."""
    (tmp_path / "model.gin").write_text(MODEL)
    (tmp_path / "run.gin").write_text('include "model.gin"\n' + TRAIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message_of(*arguments, **settings) -> str:
    verb = settings.pop("verb", "train")
    with pytest.raises(ValueError) as caught:
        config.parse(*arguments, **settings).arguments(verb)
    return str(caught.value)


def test_builds_the_arguments_of_a_verb():
    arguments = config.parse(["run.gin"], ["MODEL_DIR=/tmp/run"]).arguments("train")
    assert arguments["model_dir"] == "/tmp/run"
    assert arguments["train_steps"] == 3
    # The very class, not gin's stand-in for it.
    assert type(arguments["model"]) is TransformerConfig
    assert arguments["model"].d_ff == 16


def test_later_wins_and_the_earlier_place_is_kept():
    (pathlib.Path.cwd() / "more.gin").write_text("WIDTH = 24\n")
    parsed = config.parse(
        ["run.gin", "more.gin"], ["WIDTH=32"], shorthands={"MODEL_DIR": ("--model_dir", "/a")}
    )
    assert parsed.macro("WIDTH") == 32
    assert parsed.bindings["WIDTH"].place == "--gin.WIDTH"
    assert [b.place for b in parsed.overridden["WIDTH"]] == ["run.gin:2", "more.gin:1"]
    assert parsed.bindings["MODEL_DIR"].place == "--model_dir"
    assert parsed.bindings["TransformerConfig.d_ff"].place == "model.gin:4"


def test_parse_starts_afresh():
    config.parse(["run.gin"], ["train.seed=7", "MODEL_DIR=/a"])
    assert "seed" not in config.parse(["run.gin"], ["MODEL_DIR=/a"]).arguments("train")


def test_table_shows_values_places_and_what_has_no_effect():
    (pathlib.Path.cwd() / "more.gin").write_text("adafactor.learning_rate = 0.5\n")
    table = config.parse(["run.gin", "more.gin"], ["MODEL_DIR=/a"]).table("train")
    lines = {line.split(" = ")[0]: line for line in table.splitlines()}
    assert lines["TransformerConfig.d_ff"].split("  ")[0] == "TransformerConfig.d_ff = %WIDTH -> 16"
    assert lines["TransformerConfig.d_ff"].endswith("model.gin:4")
    assert lines["MODEL_DIR"].endswith("--gin.MODEL_DIR (over run.gin:3)")
    assert table.index("# No effect") < table.index("adafactor.learning_rate")


def test_operative_config_can_be_read_back():
    parsed = config.parse(["run.gin"], ["MODEL_DIR=/a", "WIDTH=40"])
    arguments = parsed.arguments("train")
    text = parsed.operative_config()
    assert "train.seed = 0" in text, "defaults belong to it"
    assert "config_text" not in text
    pathlib.Path("saved.gin").write_text(text)
    again = config.parse(["saved.gin"]).arguments("train")
    assert again["model"] == arguments["model"]
    assert again["train_data"] == arguments["train_data"]


def test_a_file_elsewhere_is_found_by_search_path_and_packaged_files_always(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.gin").write_text('include "runs/train.gin"\nTRAIN_STEPS = 5\n')
    parsed = config.parse(["mine.gin"], search_paths=[str(elsewhere)])
    assert parsed.macro("TRAIN_STEPS") == 5
    assert parsed.macro("BATCH_SIZE") == 128


def test_include_prefers_the_tree_its_file_was_found_in(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "byte").mkdir()
    (tmp_path / "models" / "byte" / "mini.gin").write_text("TransformerConfig.d_model = 4\n")
    parsed = config.parse(["recipes/mini_demo.gin"])
    assert parsed.bindings["TransformerConfig.d_model"].value != 4


def test_an_include_that_includes_itself_is_reported():
    pathlib.Path("loop.gin").write_text('\ninclude "loop.gin"\n')
    assert message_of(["loop.gin"]).startswith("loop.gin:2: ")


def test_a_missing_file_lists_where_it_was_sought_and_near_names(tmp_path):
    message = message_of(["recipes/mini_dmo.gin"])
    assert "--gin_file=recipes/mini_dmo.gin" in message
    assert str(tmp_path) in message and str(config.packaged_gin_dir()) in message
    assert "'recipes/mini_demo.gin'" in message


def test_a_missing_include_names_the_line():
    pathlib.Path("a.gin").write_text('\n\ninclude "modle.gin"\n')
    message = message_of(["a.gin"])
    assert message.startswith("a.gin:3: ") and "'model.gin'" in message


def test_a_missing_search_path_is_reported():
    assert "nowhere" in message_of(["run.gin"], search_paths=["nowhere"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TransformrConfig.d_ff = 3", ["a.gin:2", "'TransformrConfig'", "'TransformerConfig'"]),
        ("TransformerConfig.d_f = 3", ["a.gin:2", "TransformerConfig has no", "'d_ff'"]),
        ("train.optimizer = @adamv()", ["a.gin:2", "@adamv", "'adamw'"]),
        ("train.optimizer = @adamw", ["a.gin:2", "write @adamw() with parentheses"]),
        ("train.evals = (@x/EvalConfig,)", ["a.gin:2", "write @x/EvalConfig() with"]),
        ("train.evals = [@x/EvalConfg()]", ["a.gin:2", "@x/EvalConfg", "'EvalConfig'"]),
        ("train.seed = (1, 2", ["a.gin:", "bracket"]),
        ("train.seed == 1", ["a.gin:2"]),
        ("train.seed", ["a.gin:2"]),
        ("import no_such_module", ["a.gin:2", "no_such_module"]),
        ("from __gin__ import dynamic_registration", ["a.gin:2", "dynamic registration"]),
        ("train.config_text = 'x'", ["a.gin:2", "has no parameter"]),
        ("Rotary.teta = 3.0", ["a.gin:2", "Rotary has no parameter 'teta'", "'theta'"]),
        ("train.objective = @tests.toy_run.Loss()", ["a.gin:2", "toy_run.py) has no 'Loss'"]),
        ("train.objective = @no_such.Loss()", ["a.gin:2", "No module 'no_such'"]),
        ("train.objective = @Objective()", ["a.gin:2", "write @CrossEntropy"]),
        ("Objective.z_loss = 0.1", ["a.gin:2", "write CrossEntropy.z_loss"]),
        # As they were written before positions had configs of their own.
        (
            "TransformerConfig.rope_theta = 5e5",
            ["a.gin:2", "\n  TransformerConfig.positions = @Rotary()\n  Rotary.theta = 500000.0"],
        ),
        (
            "TransformerConfig.rope_scaling_factor = 4.0",
            ["a.gin:2", "\n  Rotary.scaling = @LinearScaling()\n  LinearScaling.factor = 4.0"],
        ),
        (
            "TransformerConfig.positions = 'learned'",
            ["a.gin:2", "Write\n  TransformerConfig.positions = @Learned()"],
        ),
        (
            "initial_checkpoint.allow_differences = ('rope_theta',)",
            ["a.gin:2", "initial_checkpoint.allow_differences = ('positions.theta',)"],
        ),
    ],
)
def test_a_wrong_line_is_named_with_file_line_and_near_names(line, expected):
    pathlib.Path("a.gin").write_text(f"WIDTH = 1\n{line}\n")
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    for part in expected:
        assert part in message


def test_a_module_that_a_reference_names_may_register_no_tasks(monkeypatch):
    """They would have no vocabulary yet."""
    names = []
    registry = types.SimpleNamespace(names=lambda: names)
    monkeypatch.setitem(sys.modules, "seqio", types.SimpleNamespace(TaskRegistry=registry))
    pathlib.Path("loss_and_tasks.py").write_text(
        "import seqio\nseqio.TaskRegistry.names().append('mine')\nclass Loss: pass\n"
    )
    message = message_of(["run.gin"], ["train.objective=@loss_and_tasks.Loss()"])
    assert "--gin.train.objective: @loss_and_tasks.Loss" in message
    assert "registers Tasks (mine)" in message and "Put Loss into a module" in message


def test_a_required_macro_is_named_with_its_uses():
    message = message_of(["run.gin"])
    assert "MODEL_DIR" in message and "run.gin:6" in message


def test_an_undefined_macro_is_named_with_its_uses_and_near_names():
    pathlib.Path("a.gin").write_text("train.train_steps = %WIDHT\n")
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert "WIDHT" in message and "a.gin:1" in message and "'WIDTH'" in message


@pytest.mark.parametrize(
    ("name", "near"), [("WIDHT", "'WIDTH'"), ("MODELDIR", "'MODEL_DIR'"), ("DIR", "'MODEL_DIR'")]
)
def test_a_misspelt_macro_of_a_file_is_refused_with_the_nearest(name, near):
    pathlib.Path("a.gin").write_text(f"\n{name} = 3\n")
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert message.startswith(f"a.gin:2: nothing uses the macro {name}.") and near in message


def test_a_macro_that_another_part_of_the_files_uses_is_not_misspelt():
    pathlib.Path("a.gin").write_text("WIDTHS = 3\nevaluate.step = %WIDTHS\nNUM_BEAMS = 2\n")
    config.parse(["run.gin", "a.gin"], ["MODEL_DIR=/a"]).arguments("train")


def test_a_byte_order_mark_is_no_part_of_a_file(folder):
    (folder / "run.gin").write_bytes(b"\xef\xbb\xbf" + (folder / "run.gin").read_bytes())
    assert config.parse(["run.gin"], ["MODEL_DIR=/a"]).arguments("train")["model_dir"] == "/a"


def test_a_file_in_another_encoding_is_reported():
    pathlib.Path("a.gin").write_bytes("WIDTH = 3".encode("utf-16"))
    assert "a.gin is not UTF-8" in message_of(["a.gin"])


def test_a_macro_through_another_is_followed():
    pathlib.Path("a.gin").write_text("train.train_steps = %STEPS\nSTEPS = %LENGTH\n")
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert "LENGTH" in message
    assert config.parse(["run.gin", "a.gin"], ["LENGTH=4"]).macro("STEPS") == 4


def test_macros_in_a_circle_are_reported():
    pathlib.Path("a.gin").write_text("train.train_steps = %A\nA = %B\nB = %A\n")
    assert "itself" in message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])


def chain(length, end="4"):
    """`M0 = %M1`, `M1 = %M2` and so on; the last is the end."""
    return "".join(f"M{i} = %M{i + 1}\n" for i in range(length - 1)) + f"M{length - 1} = {end}\n"


@pytest.mark.parametrize("end", ["4", "%gin.REQUIRED", "%LACKING"])
@pytest.mark.parametrize("begin", ["%M0", "(%M180, %M140, %M100, %M60, %M0)", "{'a': [%M0]}"])
def test_long_chains_of_macros_are_refused(begin, end):
    pathlib.Path("a.gin").write_text(f"train.train_steps = {begin}\n" + chain(200, end))
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert "more than 50 deep" in message and "a.gin:" in message


def test_short_chains_of_macros_are_followed():
    pathlib.Path("a.gin").write_text("train.train_steps = %M0\n" + chain(45))
    arguments = config.parse(["run.gin", "a.gin"], ["MODEL_DIR=/a"]).arguments("train")
    assert arguments["train_steps"] == 4


def test_long_chains_of_configurables_are_refused():
    lines = [
        "train.objective = @s0/CrossEntropy()",
        *(f"s{i}/CrossEntropy.z_loss = @s{i + 1}/CrossEntropy()" for i in range(100)),
    ]
    pathlib.Path("a.gin").write_text("\n".join(lines))
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert "more than 50 deep" in message and "a.gin:" in message


def test_macros_that_double_are_refused_soon():
    lines = [f"A{i} = (%A{i + 1}, %A{i + 1})\n" for i in range(20)]
    text = "train.objective = %A0\n" + "".join(lines) + "A20 = @CrossEntropy()\n"
    pathlib.Path("a.gin").write_text(text)
    assert "10,000 times" in message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])


def test_a_list_as_a_key_is_refused_with_its_place():
    pathlib.Path("a.gin").write_text("WIDTH = {%B: 1}\nB = [1]\n")
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert "a.gin:2: B = [1] is used in the key %B of a dictionary" in message
    pathlib.Path("a.gin").write_text("# A comment\nWIDTH = {[1]: 1}\n")
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert message == "a.gin:2: unhashable type: 'list' as the key of a dictionary."


@pytest.mark.parametrize("macros", [{}, {"MODEL_DIR": ("--model_dir", "/a")}])
def test_files_of_a_model_alone_lack_one_of_a_run(macros):
    message = message_of(["models/t5_1_1/small.gin"], shorthands=macros)
    assert "one of runs/ is missing. Give --gin_file=runs/train.gin too" in message


def test_a_missing_parameter_is_named_with_the_use_of_its_configurable():
    pathlib.Path("a.gin").write_text("train.optimizer = @adafactor()\n")
    message = message_of(["run.gin", "a.gin"], ["MODEL_DIR=/a"])
    assert "adafactor.learning_rate" in message and "a.gin:1" in message


@pytest.mark.parametrize(
    ("flag", "near"),
    [("WIDHT=3", "'WIDTH'"), ("adafactor.beta1=0.9", "adafactor"), ("x/adamw.b1=0.9", "x/adamw")],
)
def test_a_flag_without_effect_is_refused(flag, near):
    message = message_of(["run.gin"], ["MODEL_DIR=/a", flag])
    assert f"--gin.{flag.split('=')[0]}" in message and near in message


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("RelativeBias.num_buckets = 64", "TransformerConfig.positions = @RelativeBias()"),
        (
            "LinearScaling.factor = 2.0",
            "TransformerConfig.positions = @Rotary() and Rotary.scaling = @LinearScaling()",
        ),
        ("MeshConfig.fsdp = 2", "train.mesh = @MeshConfig()"),
        ("RestoreConfig.path = '/a'", "train.initial_checkpoint = @RestoreConfig()"),
    ],
)
def test_a_config_that_nothing_holds_is_refused_in_files_as_in_flags(line, remedy):
    name = line.partition(" ")[0]
    wanted = f"{name} has no effect: train as configured does not use {name.partition('.')[0]}."
    pathlib.Path("a.gin").write_text(f"{line}\n")
    for files, flags in ((["a.gin"], []), ([], [line.replace(" = ", "=")])):
        message = message_of(["run.gin", *files], ["MODEL_DIR=/a", *flags])
        assert wanted in message and f"Set {remedy}, or leave it out." in message


def test_what_every_scope_replaces_is_not_needed_and_has_no_effect():
    """Each evaluation has a split of its own, so that nobody has to name one for all."""
    text = (
        "evaluate.model_dir = '/m'\n"
        "evaluate.evals = (@one/EvalConfig(), @two/EvalConfig())\n"
        "EvalConfig.mixture_or_task_name = 'a'\n"
        "EvalConfig.task_feature_lengths = {'inputs': 2}\n"
        "EvalConfig.split = %SPLIT\nSPLIT = %gin.REQUIRED\n"
        "one/EvalConfig.name = '1'\ntwo/EvalConfig.name = '2'\n"
        "one/EvalConfig.split = 'test'\n"
    )
    pathlib.Path("half.gin").write_text(text)
    pathlib.Path("whole.gin").write_text(text + "two/EvalConfig.split = 'dev'\n")
    parsed = config.parse(["whole.gin"])
    assert [e.split for e in parsed.arguments("evaluate")["evals"]] == ["test", "dev"]
    assert {b.key for b in parsed.unused("evaluate")} == {"EvalConfig.split", "SPLIT"}
    with pytest.raises(ValueError, match="needs a value for the macro SPLIT"):
        config.parse(["half.gin"]).arguments("evaluate")
    message = r"each EvalConfig that evaluate uses has a value of its own, such as two/EvalConfig"
    with pytest.raises(ValueError, match=message):
        config.parse(["whole.gin"], ["EvalConfig.split=train"]).arguments("evaluate")


def test_a_flag_within_a_used_scope_has_effect():
    pathlib.Path("a.gin").write_text(
        "train.evals = (@one/EvalConfig(),)\n"
        "EvalConfig.task_feature_lengths = {'inputs': 1, 'targets': 1}\n"
        "one/EvalConfig.name = 'one'\none/EvalConfig.mixture_or_task_name = 'x'\n"
        "EvalConfig.decoding = @DecodingConfig()\n"
    )
    flags = ["MODEL_DIR=/a", "one/EvalConfig.split=test", "one/DecodingConfig.max_decode_length=3"]
    (evaluation,) = config.parse(["run.gin", "a.gin"], flags).arguments("train")["evals"]
    assert evaluation.split == "test"
    assert evaluation.decoding.max_decode_length == 3


def test_an_objects_refusal_names_the_place_of_the_value_and_no_frame_of_gin():
    message = message_of(["run.gin"], ["MODEL_DIR=/a", "WIDTH=-3"])
    assert "d_ff" in message and "-3" in message
    assert "model.gin:4" in message and "--gin.WIDTH" in message
    assert "In call to configurable" not in message


def test_initial_checkpoint_is_none_without_a_path():
    assert initial_checkpoint() is None
    restored = initial_checkpoint("/a", remap=(("a", "b"),))
    assert restored == RestoreConfig(path="/a", remap=(("a", "b"),))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=3", 3),
        ("A=-1e-3", -1e-3),
        ("A='x'", "x"),
        ("A=mini", "mini"),
        ("A=/tmp/a b", "/tmp/a b"),
        ("A=~/runs/1", "~/runs/1"),
        ("A=3 epochs", "3 epochs"),
        ("A=50_000 examples", "50_000 examples"),
        ("A={'inputs': 4}", {"inputs": 4}),
        ("A=True", True),
        ("A=None", None),
        ("A=(1, %B)", (1, Macro("B"))),
        ("A=@x/f()", Reference("x/f", True)),
    ],
)
def test_a_flags_value_is_a_literal_or_plainly_a_text(text, value):
    assert read_flag(text).value == value


@pytest.mark.parametrize("text", ["A=true", "A=3b", "A=2026-01-01", "A=[1", "A=", "A", "=3"])
def test_an_unclear_value_of_a_flag_is_refused_with_the_right_form(text):
    with pytest.raises(ValueError, match="--gin"):
        read_flag(text)


def test_model_folder_defaults_need_a_model_folder(tmp_path):
    with pytest.raises(ValueError, match="--model_dir"):
        folder_config.model_folder_defaults(str(tmp_path))


# Of an operative configuration, which has the defaults of all fields too.
OLDER = """
TransformerConfig:
  max_positions = None
  position_offset = 0
  relative_attention_max_distance = 128
  relative_attention_num_buckets = 32
  relative_bias_per_layer = False
  rope_scaling_factor = 1.0
  rope_theta = 10000.0
  rotary_fraction = 1.0
"""


@pytest.mark.parametrize(
    ("fields", "positions"),
    [
        ({"positions": "relative", "relative_bias_per_layer": True}, RelativeBias(per_layer=True)),
        ({"positions": "rotary", "rope_theta": 77.0}, Rotary(theta=77.0)),
        (
            {"positions": "rotary", "rope_scaling_factor": 4.0},
            Rotary(scaling=LinearScaling(factor=4.0)),
        ),
        (
            {"positions": "learned", "max_positions": 9, "position_offset": 2},
            Learned(max_positions=9, offset=2),
        ),
        ({"positions": "none"}, None),
    ],
)
def test_an_older_run_resumes_with_its_positions_and_loss(fields, positions, tmp_path):
    lines = [f"TransformerConfig.{name} = {value!r}" for name, value in fields.items()]
    lines += [
        "initial_checkpoint.allow_differences = ('rope_scaling_factor', 'norm_epsilon')",
        "train.objective = @Objective()",
        "Objective.z_loss = 0.5",
    ]
    (tmp_path / "config.gin").write_text("\n".join([MODEL + OLDER, *lines, "WIDTH = 8"]))
    parsed = config.parse(defaults=folder_config.last_start(str(tmp_path)))
    assert gin.get_configurable("TransformerConfig")().positions == positions
    assert parsed.bindings["train.objective"].value == Reference("CrossEntropy", True)
    assert gin.get_configurable("CrossEntropy")().z_loss == 0.5
    allowed = parsed.bindings["initial_checkpoint.allow_differences"].value
    assert allowed == ("positions.scaling", "norm_epsilon")
