"""The command: its flags, its exit status, and what it says to a user's mistake."""

import contextlib
import dataclasses
import json
import pathlib
import re

import gin
import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from t5lite import cli
from t5lite.checkpoints.model_dir import ModelDescription
from t5lite.configuration import config, flags
from t5lite.configuration.flags import split_gin_flags
from t5lite.configuration.gin_reader import Binding
from t5lite.configuration.verb_config import GIN_VERBS, read_config
from t5lite.models.config import TransformerConfig
from tests.feature_converters import converter

MODEL = TransformerConfig(
    vocab_size=384,
    d_model=8,
    d_ff=16,
    d_kv=4,
    num_heads=2,
    num_encoder_layers=1,
    num_decoder_layers=1,
)


@pytest.fixture
def model_dir(tmp_path: pathlib.Path) -> pathlib.Path:
    """A model folder that says what it is, without checkpoints."""
    ModelDescription(
        model=MODEL,
        vocabulary={"kind": "bytes", "extra_ids": 0},
        converter=converter(task_feature_lengths={"inputs": 24, "targets": 12}),
    ).save(tmp_path)
    (tmp_path / "config.gin").write_text(
        "TASK_MODULES = ('tasks.mini',)\nDATA_DIR = None\nBATCH_SIZE = 7\nNAME = 'mini_zeroshot'\n"
        "DataConfig.mixture_or_task_name = %NAME\na/EvalConfig.mixture_or_task_name = 'mini_x'\n"
        "b/EvalConfig.mixture_or_task_name = 'mini_y'\n"
    )
    return tmp_path


def parse(line: str):
    words, bindings = split_gin_flags(line.split())
    arguments = flags.parse(words)
    arguments.gin_bindings = bindings
    return arguments


def built(line: str):
    arguments = parse(line)
    return read_config(arguments, arguments.verb).arguments(GIN_VERBS[arguments.verb])


def test_gin_flags_are_taken_out_in_order():
    words = ["train", "--gin.A=1", "--gin_file=x", "--gin.f.b", "(1, 2)", "--gin.C='a=b'"]
    assert split_gin_flags(words) == (
        ["train", "--gin_file=x"],
        ["A=1", "f.b=(1, 2)", "C='a=b'"],
    )


def test_gin_files_keep_their_order():
    arguments = parse("train --gin_file=a --gin_file b --gin_search_paths=x,y")
    assert arguments.gin_file == ["a", "b"]
    assert arguments.gin_search_paths == ("x", "y")


def test_shorthands_set_macros():
    arguments = built(
        "train --gin_file=recipes/mini_demo.gin --model_dir=/m --tasks=tasks.mini,mine "
        "--data_dir=/d --cache_dir=/c --vocabulary=bytes:3"
    )
    data = arguments["train_data"]
    assert arguments["model_dir"] == "/m"
    assert tuple(data.task_modules) == ("tasks.mini", "mine")
    assert (data.data_dir, data.cache_dir, data.vocabulary) == ("/d", "/c", "bytes:3")
    assert {evaluation.vocabulary for evaluation in arguments["evals"]} == {"bytes:3"}


def test_eval_needs_the_model_folder_and_a_name_only(model_dir):
    arguments = built(f"eval --model_dir={model_dir} --mixture=mini_new_tasks")
    (evaluation,) = arguments["evals"]
    assert evaluation.mixture_or_task_name == evaluation.name == "mini_new_tasks"
    assert evaluation.task_feature_lengths == {"inputs": 24, "targets": 12}
    assert evaluation.vocabulary == "bytes"
    assert tuple(evaluation.task_modules) == ("tasks.mini",)
    assert evaluation.batch_size == 32, "the training batch is not the evaluation's"
    assert evaluation.decoding.strategy == "greedy"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", (True, True)),
        ("--norank_end_token --noscore_targets", (False, False)),
        ("--noscore_targets --score_targets --norank_end_token", (False, True)),
    ],
)
def test_flags_without_a_value_say_yes_or_no(flags, expected, model_dir):
    line = f"eval --model_dir={model_dir} --mixture=mini_new_tasks --fewshot_seed=7 {flags}"
    (evaluation,) = built(line)["evals"]
    assert (evaluation.rank_end_token, evaluation.score_targets) == expected
    assert evaluation.fewshot_seed == 7


def test_eval_without_a_mixture_lists_those_of_the_run(model_dir, capsys):
    assert cli.main(["eval", f"--model_dir={model_dir}"]) == 2
    error = capsys.readouterr().err
    assert "MIXTURE_OR_TASK_NAME" in error
    expected = (
        "--mixture=VALUE (this run trains on mini_zeroshot and is evaluated on mini_x, mini_y)"
    )
    assert expected in error


def test_what_the_system_says_of_a_file_is_reported(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("x")
    words = ["tasks", "contamination", "x", "--against=.", f"--output={tmp_path}/file/report.jsonl"]

    def write(arguments):
        pathlib.Path(arguments.output).write_text("x")

    monkeypatch.setitem(cli._RUN, "tasks", write)
    assert cli.main(words) == 2
    expected = f"t5lite tasks: error: {tmp_path}/file/report.jsonl: Not a directory\n"
    assert capsys.readouterr().err == expected


def test_flags_win_over_the_model_folder_and_it_over_the_defaults(model_dir, tmp_path):
    (tmp_path / "mine.gin").write_text(
        "SPLIT = 'test'\nTASK_MODULES = ('b',)\nBATCH_SIZE = 7\nEVAL_BATCH_SIZE = 5\n"
    )
    arguments = built(
        f"eval --model_dir={model_dir} --mixture=x --gin_file={tmp_path}/mine.gin "
        "--gin.TASK_FEATURE_LENGTHS={'inputs':9,'targets':3} --step=4"
    )
    (evaluation,) = arguments["evals"]
    assert evaluation.split == "test"
    assert evaluation.batch_size == 5, "a recipe's EVAL_BATCH_SIZE is evaluation's in eval too"
    assert tuple(evaluation.task_modules) == ("b",)
    assert evaluation.task_feature_lengths == {"inputs": 9, "targets": 3}
    assert arguments["step"] == 4


@pytest.fixture
def begun(model_dir, tmp_path):
    """The folder of a run on bytes:2 that has a checkpoint, and the flags that began it."""
    line = f"train --gin_file=recipes/mini_demo.gin --model_dir={model_dir} --vocabulary=bytes:2"
    description = ModelDescription.load(model_dir)
    vocabulary = {"kind": "bytes", "extra_ids": 2}
    dataclasses.replace(description, vocabulary=vocabulary).save(model_dir)
    built(line)
    (model_dir / "config.gin").write_text(gin.operative_config_str())
    (model_dir / "checkpoints" / "3").mkdir(parents=True)
    return model_dir


def test_a_run_goes_on_with_all_settings_of_its_last_start(begun):
    before = built(f"train --gin_file={begun}/config.gin")
    after = built(f"train --model_dir={begun}")
    assert set(after) == set(before)
    for name in ("model", "model_dir", "train_data", "checkpoint", "evals", "seed"):
        assert after[name] == before[name], name
    assert after["train_data"].vocabulary == "bytes:2"
    assert built(f"train --model_dir={begun} --train_steps=99")["train_steps"] == 99


def test_a_resume_takes_the_models_vocabulary_unless_a_flag_names_one(begun):
    line = f"train --gin_file=recipes/mini_demo.gin --model_dir={begun}"
    assert built(line)["train_data"].vocabulary == "bytes:2", "the recipe says bytes"
    for flag in ("--vocabulary=bytes:3", "--gin.VOCABULARY=bytes:3"):
        assert built(f"{line} {flag}")["train_data"].vocabulary == "bytes:3"
    (begun / "checkpoints" / "3").rmdir()
    assert built(line)["train_data"].vocabulary == "bytes", "nothing to resume"


def test_a_resume_takes_the_tasks_unless_they_are_given(begun, tmp_path):
    line = (
        f"train --gin_file=models/t5_1_1/small.gin --gin_file=runs/train.gin --model_dir={begun} "
        "--mixture=x --train_steps=9 --task_feature_lengths=inputs=24,targets=12"
    )
    assert built(line)["train_data"].task_modules == ("tasks.mini",)
    assert built(f"{line} --tasks=mine")["train_data"].task_modules == ("mine",)


def test_a_folder_does_not_have_foreign_modules_imported(begun):
    config_file = begun / "config.gin"
    config_file.write_text(config_file.read_text().replace("'tasks.mini'", "'tasks.mini', 'evil'"))
    for line in (f"train --model_dir={begun}", f"eval --model_dir={begun} --mixture=x"):
        with pytest.raises(ValueError, match=r"config\.gin:\d+: .*--tasks=tasks\.mini,evil"):
            built(line)
        built(f"{line} --tasks=tasks.mini,evil")
    lines = f"infer --model_dir={begun} --input=a.jsonl --output=b.jsonl"
    assert built(lines).get("task_modules", ()) == ()
    assert built(f"{lines} --tasks=mine")["task_modules"] == ("mine",)
    with pytest.raises(ValueError, match=r"--tasks=tasks\.mini,evil"):
        built(f"infer --model_dir={begun} --mixture=x --output=b.jsonl")
    assert built(f"train --gin_file={config_file}")["train_data"].task_modules[1] == "evil"
    more = "MINE = ('evil',)\nDataConfig.task_modules = %MINE\n"
    config_file.write_text(config_file.read_text() + more)
    with pytest.raises(ValueError, match=r"config\.gin:\d+: .*--gin_file=.*config\.gin"):
        built(f"train --model_dir={begun} --tasks=tasks.mini")


def test_macros_in_macros_name_modules_too(begun):
    config_file = begun / "config.gin"
    text = re.sub(r"(?m)^TASK_MODULES = \\?[^=]*?\)\n", "", config_file.read_text())
    assert "TASK_MODULES = " not in text
    nested = "TASK_MODULES = (%B, %C)\nB = 'tasks.mini'\nC = {!r}\n"
    config_file.write_text(text + nested.format("evil"))
    for line in (f"train --model_dir={begun}", f"eval --model_dir={begun} --mixture=x"):
        with pytest.raises(ValueError, match=r"config\.gin:\d+: .*--tasks=tasks\.mini,evil"):
            built(line)
        built(f"{line} --tasks=tasks.mini,evil")
    # A list of the user's own does not have the folder fill it.
    with pytest.raises(ValueError, match=r"config\.gin:\d+: .*evil"):
        built(f"train --model_dir={begun} --gin.TASK_MODULES=(%C,)")
    config_file.write_text(text + nested.format("tasks.flan"))
    assert built(f"train --model_dir={begun}")["train_data"].task_modules == (
        "tasks.mini",
        "tasks.flan",
    )
    doubled = "".join(f"M{n} = (%M{n + 1}, %M{n + 1})\n" for n in range(20))
    config_file.write_text(text + f"TASK_MODULES = %M0\n{doubled}M20 = 'a'\n")
    for line in (f"train --model_dir={begun}", f"eval --model_dir={begun} --mixture=x"):
        with pytest.raises(ValueError, match="macros in macros are filled in 10,000 times"):
            built(line)


def test_a_run_goes_on_with_what_its_gin_files_imported(begun, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_schedules.py").write_text(
        "import gin\n\n\n@gin.configurable\ndef flat(rate):\n    return lambda step: rate\n"
    )
    (tmp_path / "mine.gin").write_text(
        "import my_schedules\nadamw.learning_rate = @flat()\nflat.rate = 0.5\n"
    )
    line = f"train --gin_file=recipes/mini_demo.gin --gin_file={tmp_path}/mine.gin"
    parsed = read_config(parse(f"{line} --model_dir={begun}"), "train")
    parsed.arguments("train")
    (begun / "config.gin").write_text(parsed.operative_config())
    with pytest.raises(ValueError, match=r"config\.gin:1: .* my_schedules\. .*--gin_file=.*config"):
        built(f"train --model_dir={begun}")
    for more in (f"--gin_file={begun}/config.gin", "--tasks=tasks.mini,my_schedules"):
        assert built(f"train --model_dir={begun} {more}")["optimizer"].learning_rate_at(3) == 0.5


def test_a_sampling_flag_means_sampling(model_dir):
    arguments = built(
        f"infer --model_dir={model_dir} --input=a --output=b --temperature=0.5 --top_k=3"
    )
    decoding = arguments["decoding"]
    assert (decoding.strategy, decoding.temperature, decoding.top_k) == ("sample", 0.5, 3)
    assert arguments["mixture_or_task_name"] is None
    line = f"generate --model_dir={model_dir}"
    generation = built(f"{line} --top_p=0.9 --decode_seed=3")["decoding"]
    assert (generation.strategy, generation.top_p, generation.seed) == ("sample", 0.9, 3)
    assert built(f"{line} hello")["decoding"].strategy == "greedy"


def test_generate_takes_gin_files_and_bindings(model_dir, tmp_path, capsys):
    (tmp_path / "talk.gin").write_text("CHAT = True\nTEMPERATURE = 0.5\nSTRATEGY = 'sample'\n")
    line = f"generate --model_dir={model_dir} --gin_file={tmp_path}/talk.gin --gin.TOP_K=3"
    arguments = built(f"{line} --stop_ids=7")
    decoding = arguments["decoding"]
    assert (decoding.strategy, decoding.temperature, decoding.top_k) == ("sample", 0.5, 3)
    assert arguments["chat"] is True and decoding.stop_ids == (7,)
    assert built(f"{line} --max_decode_length=9")["decoding"].max_decode_length == 9
    assert cli.main(f"config {line}".split()) == 0
    printed = capsys.readouterr().out
    assert "CHAT = True" in printed and "talk.gin:1 (over " in printed


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("--num_beams=0", "--num_beams: '0' is not an integer from 1 to"),
        ("--num_beams=1", "NUM_BEAMS = 1 at --num_beams"),
        (
            "--length_penalty=1",
            "num_beams is 1; it must be 2 or more in a beam search, which length",
        ),
        ("--num_return_sequences=2", "sample (temperature, top_k, top_p) or search (num_beams)"),
        ("--temperature=0", "--temperature: '0' is not a finite number from 1e-20 to 1e+20"),
        ("--num_beams=2 --top_k=3", "--top_k asks for sampling and --num_beams for a beam search"),
        ("--gin.NUM_BEEMS=2", "Did you mean 'NUM_BEAMS'"),
        ("--batch_size=2", "there is no flag --batch_size."),
    ],
)
def test_mistakes_in_decoding_are_reported_in_the_users_words(flags, expected, model_dir, capsys):
    with contextlib.suppress(SystemExit):
        assert cli.main(["generate", f"--model_dir={model_dir}", *flags.split(), "hello"]) == 2
    error = capsys.readouterr().err
    assert expected in error and "strategy" not in error


def test_shards_and_lengths_are_parsed():
    arguments = parse("cache mini --shard=1/4 --task_feature_lengths=inputs=5,targets=3")
    assert arguments.shard == (1, 4)
    assert arguments.task_feature_lengths == {"inputs": 5, "targets": 3}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "COMMAND"),
        ("trian", "'train'"),
        ("cache mini --shard=4", "not K/N"),
        ("cache mini --num_workers=0", "--num_workers: '0' is not an integer from 1 to"),
        ("tasks contamination mini --fail_above=2", "a finite number from 0 to 1"),
        ("cache mini --task_feature_lengths=inputs", "inputs=512,targets=128"),
        ("infer --adapters=a=x,a=y", "'a=x,a=y' has a name twice"),
        ("train --batch_size=x", "--batch_size: 'x' is not an integer from 1 to"),
        ("train --batchsize 3", "Did you mean '--batch_size'"),
        ("train --model-dir=x", "it is written --model_dir."),
        ("train --lr=3", "it is --learning_rate here"),
        ("train --num_train_epochs=3", "it is --train_steps='3 epochs' here"),
        ("train --weight_decay=0.1", "it is --gin.adamw.weight_decay here"),
        ("train --model_name_or_path=t5-small", "it is --initial_checkpoint_path here"),
        ("eval --batch_size=4", "it is --eval_batch_size here"),
        ("eval --model_name_or_path=t5-small", "it is --model_dir here"),
        ("generate --weight_decay=0.1", "there is no flag --weight_decay."),
        ("train --tfds_data_dir=/d", "it is --data_dir here"),
        ("train --coordinator_address=h:1", "it is --coordinator here"),
        ("eval --gin_bindings=X=3", "it is --gin.NAME=VALUE here"),
        ("train --alsologtostderr", "the log goes to stderr by itself. Leave it out"),
        ("cache mini --module_import=a", "it is --tasks here"),
        ("train --use_cached_tasks=False", "token stores"),
        ("train --saving_period=3", "is CHECKPOINT_PERIOD here. `t5lite config --from_t5x FILE`"),
        ("generate --max_new_tokens=5", "it is --max_decode_length here"),
        ("train recipes/mini_demo.gin", "Write --gin_file=recipes/mini_demo.gin"),
        ("eval mini", "Write --mixture=mini"),
        ("eval .", "Write --model_dir=."),
    ],
)
def test_unusable_flags_are_refused_with_the_right_ones(line, expected, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(line)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert expected in error
    assert "--help` shows its flags" in error


def test_every_plain_macro_of_a_run_has_a_flag():
    without_flag = {
        "train": {"EVALS"},  # holds configurables
        "eval": {"EVAL_NAME", "STRATEGY"},  # the mixture's name; chosen by other flags
        "infer": {"STRATEGY"},
        "generate": {"STRATEGY"},
    }
    for verb, expected in without_flag.items():
        macros = {
            binding.name
            for binding in config.read_defaults(f"runs/{verb}.gin")
            if isinstance(binding, Binding) and binding.is_macro
        }
        assert macros - set(parse(verb).shorthands.values()) == expected, verb


def test_flags_of_a_training_run_set_its_macros():
    arguments = built(
        "train --gin_file=models/t5_1_1/small.gin --gin_file=runs/train.gin --model_dir=/m "
        "--mixture=x --batch_size=4 --train_steps=50_000examples --learning_rate=0.5 --seed=3 "
        "--task_feature_lengths=inputs=9,targets=3 --dropout_rate=0.25 --allow_missing_tasks "
        "--initial_checkpoint_path=/hf --checkpoint_period=7"
    )
    data = arguments["train_data"]
    assert (data.mixture_or_task_name, data.batch_size, data.seed) == ("x", 4, 3)
    assert data.task_feature_lengths == {"inputs": 9, "targets": 3}
    assert data.allow_missing_tasks is True
    assert arguments["model"].dropout_rate == 0.25
    assert arguments["initial_checkpoint"].path == "/hf"
    assert arguments["checkpoint"].period == 7
    assert arguments["train_steps"] == "50_000examples"


def test_a_flag_whose_macro_the_run_does_not_use_is_refused(capsys):
    line = "config --gin_file=recipes/mini_demo.gin --model_dir=/m --num_beams=2"
    assert cli.main(line.split()) == 2
    assert "--num_beams" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train", "recipes/mini_demo.gin"),
        ("train --gin_file=recipes/mini_dem.gin", "'recipes/mini_demo.gin'"),
        ("train --gin_file=recipes/mini_demo.gin", "MODEL_DIR"),
        ("train --gin_file=recipes/mini_demo.gin --gin.TRAIN_STEP=3", "'TRAIN_STEPS'"),
        ("eval --mixture=mini", "MODEL_DIR"),
        ("eval --model_dir=/no/such --mixture=mini", "/no/such"),
        ("generate hello", "--model_dir"),
        ("generate --model_dir=/no/such hello", "/no/such"),
        ("tasks list --gin.A=3", "--gin.A"),
        ("tasks list --tasks=tasks.minni", "'tasks.mini'"),
        ("tasks show mini_last_fod --tasks=tasks.mini", "mini_last_food"),
        ("cache mini --tasks=tasks.mini --shard=4/4", "shard"),
    ],
)
def test_a_mistake_is_reported_in_one_message_and_exit_status_2(line, expected, capsys):
    assert cli.main(line.split()) == 2
    error = capsys.readouterr().err
    assert f"t5lite {line.split()[0]}: error: " in error
    assert expected in error
    assert "Traceback" not in error


def test_traceback_shows_where():
    with pytest.raises(ValueError, match="gin_file"):
        cli.main(["train", "--traceback"])


def test_an_error_of_a_library_is_not_dressed_up(monkeypatch):
    monkeypatch.setitem(cli._RUN, "cache", lambda arguments: json.loads("{"))
    with pytest.raises(ValueError, match="Expecting"):
        cli.main(["cache", "mini"])


def test_config_prints_every_value_with_its_place(capsys):
    assert cli.main(["config", "--gin_file=recipes/mini_demo.gin", "--model_dir=/m"]) == 0
    printed = capsys.readouterr().out
    assert "MODEL_DIR = '/m'" in printed and "--model_dir (over " in printed
    assert "recipes/mini_demo.gin:" in printed


def test_config_shows_what_is_there_before_it_says_what_is_missing(capsys):
    assert cli.main(["config", "--gin_file=runs/train.gin", "--model_dir=/m"]) == 2
    captured = capsys.readouterr()
    assert "BATCH_SIZE = 128" in captured.out
    assert "error: train needs" in captured.err


def test_every_verb_has_its_function():
    assert set(GIN_VERBS) <= set(cli._RUN)
    assert set(GIN_VERBS.values()) == set(config.VERBS)
    needs = {
        "eval compare": "eval compare a b",
        "eval levels": "eval levels a",
        "eval table": "eval table a",
        "tasks": "tasks list",
        "data": "data fetch",
        "cache": "cache x",
        "plan": "plan --topology=cpu:1",
        "preference": "preference report x",
        "vocabulary": "vocabulary x --size=300 --output=x.model",
        "convert": "convert x y",
        "trace": "trace x --folder=y",
    }
    for verb in cli._RUN:
        assert parse(needs.get(verb, verb)).verb == verb


def test_what_the_model_folder_says_in_vain_is_not_warned_of(model_dir, caplog):
    built(f"infer --model_dir={model_dir} --input=a --output=b")
    assert not caplog.messages


def test_what_has_no_effect_in_a_users_file_is_warned_of_and_in_ours_is_not(tmp_path, caplog):
    (tmp_path / "mine.gin").write_text(
        "include 'recipes/mini_demo.gin'\nNOTE = 5\nNUM_BEAMS = 2\nevl/EvalConfig.split = 'x'\n"
    )
    built(f"train --gin_file={tmp_path}/mine.gin --model_dir=/m")
    found = [text.replace(f"{tmp_path}/", "") for text in caplog.messages]
    assert found == [
        "mine.gin:2: macro NOTE has no effect on train",
        "mine.gin:3: macro NUM_BEAMS has no effect on train",
        "mine.gin:4: evl/EvalConfig.split has no effect on train",
    ]


def test_compiled_programs_are_kept_where_the_flag_says(monkeypatch, tmp_path, capsys):
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    compiles = jax.jit(lambda x: 3 * x + 17)
    monkeypatch.setattr(cli, "_RUN", {"infer": lambda _: 0 * int(compiles(jax.numpy.ones(5))[0])})
    try:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        compilation_cache.reset_cache()
        assert cli.main(["infer", f"--compilation_cache_dir={tmp_path}/compiled"]) == 0
        assert any((tmp_path / "compiled").iterdir())
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()
    (tmp_path / "file").touch()
    assert cli.main(["infer", f"--compilation_cache_dir={tmp_path}/file"]) == 2
    assert "--compilation_cache_dir" in capsys.readouterr().err
