"""Numbers of flags, and of all that a gin file configures: taken, or refused by name."""

import inspect
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from t5lite import cli
from t5lite.configuration import config, flags
from t5lite.messages import value_types

LENGTHS = {"inputs": 8, "targets": 8}

# What each configurable needs besides; all that a gin file may name must be here.
NEEDED = {
    "TransformerConfig": {
        **{"vocab_size": 8, "d_model": 8, "d_ff": 8, "d_kv": 8, "num_heads": 2},
        **{"num_encoder_layers": 1, "num_decoder_layers": 1},
    },
    "RelativeBias": {},
    "Rotary": {},
    "LinearScaling": {"factor": 2.0},
    "NTKScaling": {"factor": 2.0},
    "DynamicNTKScaling": {"factor": 2.0, "original_length": 8},
    "Llama3Scaling": {"factor": 2.0, "original_length": 8},
    "YarnScaling": {"factor": 2.0, "original_length": 8},
    "LongRopeScaling": {"short_factor": [1.0], "long_factor": [2.0], "original_length": 8},
    "Learned": {"max_positions": 8},
    "Alibi": {},
    "Lora": {},
    "AdaptionPrompt": {},
    "ScaleBias": {},
    "PromptTuning": {},
    "ModelOfCheckpoint": {},
    "MeshConfig": {},
    "DataConfig": {
        "mixture_or_task_name": "m",
        "task_feature_lengths": LENGTHS,
        "batch_size": 8,
        "stop": "first_exhausted",
    },
    "SpanCorruption": {},
    "EvalConfig": {"name": "e", "mixture_or_task_name": "m", "task_feature_lengths": LENGTHS},
    "DecodingConfig": {"strategy": "sample"},
    "CheckpointConfig": {},
    "RestoreConfig": {"path": "p"},
    "initial_checkpoint": {"path": "p"},
    "CrossEntropy": {},
    "InterpolatedRationaleLoss": {},
    "AddedRationaleLoss": {},
    "FlanTable": {},
    "WindowReport": {},
    "adafactor": {"learning_rate": 0.1},
    "adamw": {"learning_rate": 0.1},
    "optax_optimizer": {"name": "sgd", "learning_rate": 0.1},
    "schedule": {},
    "TeacherConfig": {},
    "SelfInstructConfig": {},
    "InstructionHeuristics": {},
    "DatasetRetrieval": {},
    "ModelRetrieval": {},
    "GenerationConfig": {},
    "SplitConfig": {},
    "StudentTraining": {},
    "StudentEvaluation": {},
}
LISTS = ("stop_ids", "short_factor", "long_factor")
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 1, 10**12, 10**30, 10**4000, 1e308, 1e-320, 0.5, True, None, "4", "x"]),
)


def number_names():
    """`(configurable, parameter)` of every number."""
    registered = config.register_configurables()
    return [
        (name, parameter)
        for name in config.CONFIGURABLES
        for parameter in number_hints(registered[name])
    ]


def number_hints(function):
    names = inspect.signature(function).parameters
    return {n: h for n, h in value_types._number_hints(function).items() if n in names}


def test_every_configurable_is_here():
    assert NEEDED.keys() == config.CONFIGURABLES.keys()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(number_names()), NUMBERS, st.booleans())
def test_any_value_of_any_number_is_taken_or_refused_by_name(which, value, is_inside):
    name, parameter = which
    function = config.register_configurables()[name]
    if is_inside:  # of what is a list or a mapping
        value = {"inputs": value, "targets": value} if parameter not in LISTS else (value,)
    try:
        function(**{**NEEDED[name], parameter: value})
    except ValueError as error:
        assert parameter in str(error)
    except TypeError as error:
        raise AssertionError(f"{name}.{parameter} = {value!r}: {error}") from error


def bare_numbers(hint):
    """Number types inside a hint that no range limits."""
    if typing.get_origin(hint) is typing.Annotated:
        return []
    inner = [n for member in typing.get_args(hint) for n in bare_numbers(member)]
    return [hint] if hint in (int, float) else inner


def test_every_number_has_a_range():
    bare = [
        f"{name}.{parameter}"
        for name, function in config.register_configurables().items()
        for parameter, hint in number_hints(function).items()
        if bare_numbers(hint)
    ]
    # Durations are read by `parse_duration`; a length penalty is compared with the lengths.
    assert bare == [
        *("train.train_steps", "train.eval_period", "self_improve.improve_steps"),
        *("DecodingConfig.length_penalty", "CheckpointConfig.period"),
    ]


DIGITS = "9" * 30
# What no flag of a number takes; and what is refused by a flag's range.
NO_NUMBERS = ("nan", "inf", "-inf", "1e999", "x", "", "9" * 5000, "0x10", "None")
REFUSED = {
    "--profile_steps": ("0:5", "-1:5", "1:2:3"),
    "--temperature": ("0", "-1", "1e-30", "1e300"),
    "--top_k": ("-1", "0.5", DIGITS),
    "--top_p": ("0", "1.1", "1e-320"),
    "--num_beams": ("0", "1e3", DIGITS),
    "--num_options": ("0", "1.5", DIGITS),
    "--shared_prefix": ("0", "-1", DIGITS),
    "--sweep_limit": ("0", "-1", DIGITS),
    "--num_return_sequences": ("0", "-3", DIGITS),
    "--length_penalty": ("1e300",),
    "--repetition_penalty": ("0", "-2", "1e39"),
    "--max_decode_length": ("0", "1000000000000", DIGITS),
    "--min_decode_length": ("-1", "1000000000000"),
    "--stop_ids": ("-1", DIGITS, f"3,{DIGITS}", "1.5"),
    "--decode_seed": ("-1", "4294967296", DIGITS),
    "--fewshot_seed": ("-1", "4294967296", DIGITS),
    "--step": ("-1", DIGITS),
    "--eval_batch_size": ("0", "-8", "1000000000000"),
    "--max_examples": ("0", "-1", DIGITS),
    "--num_shots": ("-1", DIGITS),
    "--task_feature_lengths": ("inputs=0", "inputs=1000000000000", f"inputs={DIGITS}", "inputs=-3"),
    "--train_steps": ("0", "-5", "3000000000", "1e300 tokens", "nan epochs", "5 miles"),
    "--batch_size": ("0", "-8", "1000000000000"),
    "--num_microbatches": ("0", DIGITS),
    "--learning_rate": ("-1", "1e39"),
    "--max_grad_norm": ("0", "-1", "1e-320"),
    "--dropout_rate": ("1", "-0.1", "2"),
    "--seed": ("-1", "4294967296", DIGITS),
    "--max_store_examples": ("0", "-1", f"a={DIGITS}", "a=0"),
    "--store_epochs": ("0", "100000"),
    "--eval_period": ("0", "-1 epochs", DIGITS),
    "--checkpoint_period": ("0", "-2", DIGITS),
    "--checkpoint_minutes": ("0", "-1"),
    "--keep_checkpoints": ("0", "-1", DIGITS),
    "--mesh_fsdp": ("0", "-2", DIGITS),
    "--mesh_sequence": ("0", "-2", DIGITS),
    "--mesh_tensor": ("0", "-2", DIGITS),
    "--num_slices": ("0", "-1", DIGITS),
    "--num_processes": ("0", "-1", DIGITS),
    "--process_id": ("-1", DIGITS),
    "--num_examples": ("0", DIGITS),
    "--ngram": ("0", "-1", "2000000000"),
    "--fail_above": ("-0.1", "1.5"),
    "--num_workers": ("0", "-1", DIGITS),
    "--shard": ("-1/4", f"0/{DIGITS}", "0/0", "1"),
    "--size": ("0", "-1", "2000000000", DIGITS),
    "--context_length": ("0", DIGITS),
    "--max_shard_size": ("0GB", "-1GB", "1e9GB", "5XB"),
    "--port": ("-1", "65536"),
    "--held_out_share": ("-0.1", "1.5"),
    "--leaks_above": ("-0.1", "2"),
    "--held_out_tasks": ("-1", DIGITS),
    "--held_out_categories": ("-1",),
    **dict.fromkeys(
        [
            *("--answers_per_request", "--bertscore_layers", "--generation_calls"),
            *("--max_answer_tokens", "--max_concurrent", "--max_document_tokens"),
            *("--max_failures", "--max_rounds", "--min_document_words", "--num_instructions"),
            *("--num_shown", "--requests_per_round", "--teacher_batch_size", "--workers"),
        ],
        ("0", "-1", "1.5", DIGITS),
    ),
    **dict.fromkeys(
        ["--max_calls", "--max_retrieved", "--max_total_tokens", "--num_documents"],
        ("0", "-1", "1.5"),
    ),
    **dict.fromkeys(
        ["--max_model_bytes", "--max_price", "--requests_per_minute", "--teacher_timeout"],
        ("0", "-1"),
    ),
    **dict.fromkeys(
        [
            *("--completion_price", "--prompt_price", "--max_retry_wait"),
            *("--initial_temperature", "--max_temperature"),
        ],
        ("-1", "-0.1"),
    ),
    **dict.fromkeys(["--max_retries", "--rounds"], ("-1", "0.5", DIGITS)),
    **dict.fromkeys(["--test_share", "--validation_share"], ("1", "-0.1")),
    "--improve_steps": ("0", "-5", "3000000000", "5 miles"),
    "--min_score": ("-0.1", "1.1"),
    "--presence_penalty": ("-2.1", "2.1"),
    "--teacher_temperature": ("-0.1", "2.1"),
}
# Flags that read a name, too, where it is no number.
ALSO_NAMES = ("--held_out_tasks", "--held_out_categories")


def flags_of_numbers():
    """Every flag of every command that reads a number: its command words, and its name."""
    found = {}

    def visit(parser, words):
        for action in parser._actions:
            if isinstance(getattr(action, "choices", None), dict):
                for name, inner in action.choices.items():
                    visit(inner, [*words, name])
            elif getattr(action.type, "__module__", "").startswith("t5lite") and (
                action.type.__name__ not in ("comma_separated", "_texts", "_folders")
            ):
                found[action.option_strings[0]] = parser

    visit(flags.make_parser(), [])
    return found


@pytest.fixture(scope="module")
def numbers():
    return flags_of_numbers()


def test_every_flag_of_a_number_is_here(numbers):
    assert numbers.keys() - REFUSED.keys() == set()
    plain = {
        option
        for parser in numbers.values()
        for action in parser._actions
        if action.type in (int, float)
        for option in action.option_strings
    }
    assert plain == set()


@pytest.mark.parametrize("flag", REFUSED)
def test_flags_refuse_what_is_out_of_range_by_name(flag, numbers, capsys):
    parser = numbers[flag]
    values = REFUSED[flag] + (() if flag in ALSO_NAMES else NO_NUMBERS)
    if flag == "--stop_ids":  # of none
        values = [value for value in values if value]
    for value in values:
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([f"{flag}={value}"])
        error = capsys.readouterr().err
        assert ended.value.code == 2 and f"argument {flag}: " in error, (value, error)
        assert len(error) < 500, value


def test_numbers_in_range_are_read():
    read = flags.parse(
        [
            "generate",
            "--temperature=1e-7",
            "--top_k=0",
            "--stop_ids=2, 13",
            "--decode_seed=4294967295",
        ]
    )
    assert (read.temperature, read.top_k, read.stop_ids) == (1e-7, 0, (2, 13))
    assert read.decode_seed == 2**32 - 1
    read = flags.parse(["train", "--train_steps=2e6 tokens", "--eval_period=30"])
    assert (read.train_steps, read.eval_period) == ("2e6 tokens", 30)


@pytest.mark.parametrize(
    "binding",
    (
        *("SEED=10**30", "SEED=1" + "0" * 30, "LEARNING_RATE=1e999", "BATCH_SIZE=0", "SEED=-1"),
        *("DROPOUT_RATE=1.0", "train.max_grad_norm=0", "train.num_microbatches=0"),
    ),
)
def test_gin_values_out_of_range_are_named(binding, capsys, tmp_path):
    words = ["--gin_file=recipes/mini_demo.gin", f"--model_dir={tmp_path / 'run'}"]
    assert cli.main(["train", *words, f"--gin.{binding}"]) == 2
    error = capsys.readouterr().err
    assert f"--gin.{binding.partition('=')[0]}" in error and "Traceback" not in error
