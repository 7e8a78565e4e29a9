"""Every shipped gin file parses, says what it is, and builds what it configures."""

import inspect
import pathlib
import re
import shlex

import gin
import pytest

from t5lite.configuration import config
from t5lite.configuration.flags import make_parser, split_gin_flags
from t5lite.data.vocabularies.sentencepiece_vocabulary import SentencePieceVocabulary
from t5lite.decoding.stopping import cut
from t5lite.evaluation.flan_table import FlanTable
from t5lite.evaluation.suites import SUITES
from t5lite.inference.eval_config import check_evals
from t5lite.initialization.initial_model import ModelOfCheckpoint
from t5lite.models.parameters import adapter_names, count_params, flatten_names, param_shapes
from t5lite.synthetic_data.prompt2model.run import prompt2model
from tests.conftest import REPOSITORY, shared_path

GIN = REPOSITORY / "gin"
FILES = sorted(str(path.relative_to(GIN)) for path in GIN.rglob("*.gin"))
FAMILIES = [name for name in FILES if name.endswith("/family.gin")]
MODELS = [name for name in FILES if name.startswith("models/") and name not in FAMILIES]
DATA_RECIPES = [name for name in FILES if name.startswith("recipes/self_instruct/")]
RECIPES = [
    name
    for name in FILES
    if name.startswith("recipes/") and "/eval_" not in name and name not in DATA_RECIPES
]
EVAL_RECIPES = [name for name in FILES if name.startswith("recipes/eval_")]

# Parameters, tied ones once: those published, or computed from the published shapes.
PUBLISHED = {
    "t5_1_0/small": 60_506_624,
    "t5_1_0/base": 222_903_552,
    "t5_1_0/large": 737_668_096,
    "t5_1_0/3b": 2_851_598_336,
    "t5_1_0/11b": 11_307_321_344,
    "t5_1_1/small": 76_961_152,
    "t5_1_1/base": 247_577_856,
    "t5_1_1/large": 783_150_080,
    "t5_1_1/xl": 2_849_757_184,
    "t5_1_1/xxl": 11_135_332_352,
    "mt5/small": 300_176_768,
    "mt5/base": 582_401_280,
    "mt5/large": 1_229_581_312,
    "mt5/xl": 3_742_619_648,
    "mt5/xxl": 12_921_057_280,
    "umt5/small": 306_601_984,
    "umt5/base": 592_043_520,
    "umt5/large": 1_242_449_920,
    "umt5/xl": 3_768_356_864,
    "umt5/xxl": 12_972_531_712,
    "byt5/small": 299_637_760,
    "byt5/base": 581_653_248,
    "byt5/large": 1_228_183_552,
    "byt5/xl": 3_737_801_728,
    "byt5/xxl": 12_906_899_328,
    "ul2/20b": 19_591_209_984,
    "palm/8b": 8_632_012_800,
    "palm/62b": 62_495_662_080,
    "palm/540b": 540_356_474_880,
    "gpt2/small": 124_439_808,
    "gpt2/medium": 354_823_168,
    "gpt2/large": 774_030_080,
    "gpt2/xl": 1_557_611_200,
    "opt/125m": 125_239_296,
    "opt/350m": 331_196_416,
    "opt/1.3b": 1_315_758_080,
    "opt/2.7b": 2_651_596_800,
    "opt/6.7b": 6_658_473_984,
    "opt/13b": 12_853_473_280,
    "opt/30b": 29_974_540_288,
    "opt/66b": 65_719_701_504,
    "opt/175b": 174_604_468_224,
    "pythia/14m": 14_067_712,
    "pythia/31m": 30_494_720,
    "pythia/70m": 70_426_624,
    "pythia/160m": 162_322_944,
    "pythia/410m": 405_334_016,
    "pythia/1b": 1_011_781_632,
    "pythia/1.4b": 1_414_647_808,
    "pythia/2.8b": 2_775_208_960,
    "pythia/6.9b": 6_857_302_016,
    "pythia/12b": 11_846_072_320,
    "llama/7b": 6_738_415_616,
    "llama/13b": 13_015_864_320,
    "llama/33b": 32_528_943_616,
    "llama/65b": 65_285_660_672,
    "smollm2/135m": 134_515_008,
    "llama3/1b": 1_235_814_400,
    "llama3/3b": 3_212_749_824,
    "llama3/8b": 8_030_261_248,
    "llama3/70b": 70_553_706_496,
    "mistral/7b": 7_241_732_096,
    "qwen2_5/0.5b": 494_032_768,
    "qwen2_5/1.5b": 1_543_714_304,
    "qwen2_5/7b": 7_615_616_512,
    "gemma/2b": 2_506_172_416,
    "gemma/7b": 8_537_680_896,
    "mpt/7b": 6_649_286_656,
    "bloom/560m": 559_214_592,
    "bloom/7b1": 7_069_016_064,
}

# What a user must say; any value will do here.
REQUIRED = {
    "MODEL_DIR": "'/tmp/run'",
    "MIXTURE_OR_TASK_NAME": "'mini'",
    "TASK_FEATURE_LENGTHS": "{'inputs': 64, 'targets': 32}",
    "TRAIN_STEPS": "10",
    "DATA_DIR": "'/tmp/data'",
    "VOCABULARY": "'bytes'",
    "INITIAL_CHECKPOINT_PATH": "'/tmp/checkpoint'",
    "OUTPUT": "'/tmp/out.jsonl'",
    "SCALING_FACTOR": "4.0",
    "WINDOW": "8192",
    "SEEDS": "'seeds.jsonl'",
    "ANSWERED_TASK": "'distilling_esnli_label'",
    "DEMONSTRATIONS": "'nli'",
}


def required_flags(files: list[str]) -> list[str]:
    parsed = config.parse(files)
    return [
        f"{name}={value}"
        for name, value in REQUIRED.items()
        if name in parsed.bindings and parsed.macro(name, default=None) is None
    ]


def header(name: str) -> str:
    lines = (GIN / name).read_text(encoding="utf-8").splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:end])


def commands(name: str) -> list[list[str]]:
    """The words of every command in a file's header; `[optional]` parts left out."""
    text = re.sub(r"\[[^\]]*\]", "", header(name).replace("\\\n", " "))
    found = re.findall(r"^.*?(t5lite [a-z_0-9]+ -.*)$", text, re.M)
    return [shlex.split(command)[1:] for command in found]


def test_there_are_gin_files():
    assert {"runs/train.gin", "runs/eval.gin", "runs/infer.gin"} <= set(FILES)
    assert len(MODELS) >= 71 and len(RECIPES) >= 11


def test_no_folder_of_gin_shadows_the_library():
    assert not list(GIN.rglob("__init__.py"))
    assert pathlib.Path(gin.__file__).name == "__init__.py"


@pytest.mark.parametrize("name", FILES)
def test_opens_with_what_it_is_and_the_command(name):
    text = header(name)
    for field in ("Command:", "Time:"):
        assert field in text, f"{name} does not say its {field}"
    assert "Hardware:" in text or "Memory:" in text
    assert commands(name)


@pytest.mark.parametrize("name", FILES)
def test_the_command_of_the_header_parses(name):
    for words in commands(name):
        rest, bindings = split_gin_flags(words)
        arguments = make_parser().parse_args(rest)
        config.parse(arguments.gin_file, bindings)
        if arguments.verb == "train" and name not in FAMILIES:
            assert any(name == file for file in arguments.gin_file)


@pytest.mark.parametrize("name", MODELS)
def test_a_models_header_states_its_parameters(name):
    config.parse([name])
    counted = count_params(gin.get_configurable("TransformerConfig")())
    stated = re.search(r"^Parameters: ([\d,]+)$", header(name), re.M)
    assert stated and int(stated[1].replace(",", "")) == counted


def test_every_size_has_the_published_parameters():
    """Counted from shapes alone: nothing is materialised, 540B or not."""
    sizes = {name.removeprefix("models/").removesuffix(".gin"): name for name in MODELS}
    counted = {}
    for size, name in sizes.items():
        config.parse([name])
        counted[size] = count_params(gin.get_configurable("TransformerConfig")())
    del counted["mini/small"]
    assert counted == PUBLISHED


@pytest.mark.parametrize("name", [*MODELS, *RECIPES])
def test_trains_with_it_could_begin(name):
    files = [name] if name in RECIPES else [name, "runs/train.gin"]
    flags = required_flags(files)
    arguments = config.parse(files, flags).arguments("train")
    converter = arguments["train_data"].converter
    model = arguments["model"]
    assert isinstance(model, ModelOfCheckpoint) or model.architecture == converter
    assert arguments["train_data"].batch_size > 0
    starts = arguments["initial_checkpoint"]
    assert (starts is not None) == any("INITIAL_CHECKPOINT_PATH=" in flag for flag in flags)
    assert arguments["optimizer"].learning_rate_at(1) > 0
    names = [evaluation.name for evaluation in arguments["evals"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [n for n in RECIPES if "/position_interpolation/" in n])
def test_windows_are_extended_as_in_the_paper(name):
    """Position Interpolation, section 3.1: 2,048 tokens before, and the run of each size."""
    size, length = re.search(r"/(\w+)_(\d+)k\.gin", name).groups()
    arguments = config.parse([name], required_flags([name])).arguments("train")
    rows, optimizer = arguments["train_data"], arguments["optimizer"]
    window = 1024 * int(length)
    before = 512 if size == "stories260k" else 2048
    assert arguments["model"].positions.scaling.factor == window / before
    # The checkpoint of stories260K brings its tokenizer in another file.
    differ = ("positions.scaling",) if before == 2048 else ("positions.scaling", "vocabulary")
    assert arguments["initial_checkpoint"].allow_differences == differ
    assert rows.task_feature_lengths == {"targets": window}
    assert str(arguments["train_steps"]) == "1000"
    rate = optimizer.learning_rate_at(20)
    assert optimizer.learning_rate_at(0) == pytest.approx(rate / 10)
    assert optimizer.learning_rate_at(10) == pytest.approx(rate * 0.55)
    if before == 2048:
        assert rows.batch_size == (64 if window == 8192 and size != "65b" else 128)
        assert rate == pytest.approx(1e-5 if size in ("33b", "65b") else 2e-5)


@pytest.mark.parametrize(
    ("name", "trained", "rate"),
    [
        ("7b", 1_228_800 + 30 * 32, 9e-3 * 32 / 256),
        ("v2_7b", 2_764_800, 1e-3 * 32 / 256),
        ("v2_65b", 13_811_712, 1e-3 * 32 / 256),
        ("stories260k", 4 * (10 * 64 + 8), 9e-3 * 32 / 256),
    ],
)
def test_llama_adapter_trains_what_its_papers_count(name, trained, rate):
    """Of 52,002 records in whole batches of 32: five epochs, the rate at its height after two."""
    file = f"recipes/llama_adapter/{name}.gin"
    arguments = config.parse([file], required_flags([file])).arguments("train")
    shapes = flatten_names(param_shapes(arguments["model"]))
    assert sum(shapes[name].size for name in adapter_names(arguments["model"])) == trained
    assert f"{trained:,} parameters are trained" in header(file)
    data, steps, optimizer = (arguments[n] for n in ("train_data", "train_steps", "optimizer"))
    assert not data.pack and sum(data.task_feature_lengths.values()) == 512
    rates = [float(optimizer.learning_rate_at(step)) for step in range(0, int(steps) + 1, 25)]
    assert max(rates) == pytest.approx(rate) and rates[-1] == pytest.approx(1e-8)
    if name == "7b":
        assert int(steps) == 5 * (52_002 // data.batch_size)
        assert rates.index(max(rates)) * 25 == 2 * (52_002 // data.batch_size)


@pytest.mark.parametrize("size", ["base", "large", "xl", "xxl"])
def test_distilling_has_the_settings_of_its_reference(size):
    file = f"recipes/distilling/t5_1_1_{size}.gin"
    arguments = config.parse([file], required_flags([file])).arguments("train")
    data, optimizer, objective = (arguments[n] for n in ("train_data", "optimizer", "objective"))
    assert (data.batch_size, data.pack) == (2 * 64, False)
    assert data.task_feature_lengths == {"inputs": 1024, "targets": 256}
    assert objective.parts == (0.5, 0.5) and objective.z_loss == 0
    assert optimizer.name == "adamw" and arguments["max_grad_norm"] == 1
    rates = [float(optimizer.learning_rate_at(step)) for step in (1, 5000, 10_000)]
    assert rates == pytest.approx([5e-5, 2.5e-5, 0], rel=1e-3, abs=2e-8)
    (answers,) = arguments["evals"]
    assert answers.decoding.max_decode_length == 64


@pytest.mark.parametrize(
    ("name", "verb"),
    [("runs/eval.gin", "evaluate"), ("runs/infer.gin", "infer"), ("runs/generate.gin", "generate")],
)
def test_decoding_verbs_could_begin(name, verb):
    flags = [*required_flags([name]), "NUM_BEAMS=3", "STRATEGY=beam"]
    if verb == "evaluate":
        flags += [f"{m}={REQUIRED[m]}" for m in ("TASK_FEATURE_LENGTHS", "VOCABULARY")]
    arguments = config.parse([name], flags).arguments(verb)
    assert arguments["model_dir"] == "/tmp/run"
    decoding = arguments["evals"][0].decoding if verb == "evaluate" else arguments["decoding"]
    assert (decoding.strategy, decoding.num_beams) == ("beam", 3)


@pytest.mark.parametrize("name", ["runs/self_instruct.gin", *DATA_RECIPES])
def test_self_instruct_could_begin(name):
    flags = [*required_flags([name]), "TEACHER='/tmp/teacher'"]
    arguments = config.parse([name], flags).arguments("self_instruct")
    assert arguments["seeds"] == "seeds.jsonl" and arguments["teacher"].teacher == "/tmp/teacher"
    settings = arguments["config"]
    if name.endswith("/alpaca.gin"):  # 3 seeds and what is asked for make 20 tasks
        assert settings.whole_tasks and settings.temperature == 1
        assert settings.num_demonstrations + settings.num_asked == 20
    else:
        assert settings.num_demonstrations == settings.num_asked == 8
    is_english = not name.endswith("/other_language.gin")
    assert bool(settings.heuristics.unwanted_words) == is_english
    assert settings.alphabet == ("ascii" if is_english else "unicode")


def test_rationales_could_begin():
    name = "runs/rationales.gin"
    arguments = config.parse([name], [*required_flags([name]), "TEACHER='/t'"]).arguments(
        "rationales"
    )
    assert arguments["teacher"].teacher == "/t" and arguments["temperature"] == 0


def test_the_demo_is_evaluated_at_three_levels():
    arguments = config.parse(["recipes/mini_demo.gin"], ["MODEL_DIR=/a"]).arguments("train")
    assert [e.mixture_or_task_name for e in arguments["evals"]] == [
        "mini_new_instances",
        "mini_new_templates",
        "mini_new_tasks",
    ]
    assert arguments["eval_first"]


def flan_evals(*flags):
    arguments = config.parse(
        ["runs/eval.gin", "recipes/eval_flan.gin"], ["MODEL_DIR=/a", "VOCABULARY=bytes", *flags]
    ).arguments("evaluate")
    assert isinstance(arguments["report"], FlanTable)
    return {evaluation.name: evaluation for evaluation in arguments["evals"]}


def test_flans_suites_are_asked_as_the_paper_asks_them():
    evals = flan_evals()
    assert [*evals] == [*(suite.name for suite in SUITES), "gsm8k"]
    for suite in SUITES:
        evaluation = evals[suite.name]
        assert (evaluation.mixture_or_task_name, evaluation.split) == (suite.mixture, suite.split)
        assert evaluation.num_shots is None and evaluation.rank_by is None
        reasons = suite.ending.endswith("_cot")
        assert evaluation.decoding.max_decode_length == (1024 if reasons else 32)
        assert evaluation.decoding.strategy == "greedy"
        assert evaluation.allow_missing_tasks


def test_flans_suites_stop_at_the_next_question_of_their_layout_alone():
    pytest.importorskip("seqio")  # The suites' package registers their Tasks.
    from tasks.eval.mgsm import LANGUAGES, QUESTION_WORDS

    marks = {"tydiqa": ["Passage:"], "mgsm": [QUESTION_WORDS[i] for i in LANGUAGES if i != "en"]}
    for name, evaluation in flan_evals().items():
        stops = {blank + mark for mark in marks.get(name, ["Q:"]) for blank in "\n "}
        assert {*evaluation.decoding.stop_strings} == stops, name


def test_flans_reasoning_is_not_cut_off():
    pytest.importorskip("seqio")
    from tasks.eval.bbh import read_prompt

    vocabulary = SentencePieceVocabulary(str(shared_path("data/vocab/t5_spiece.model")))
    decoding = flan_evals()["bbh_cot"].decoding
    files = [*shared_path("data/bbh/cot-prompts").glob("*.txt")]
    reasoning = [shown.targets for path in files for shown in read_prompt(path).exemplars]
    assert len(reasoning) == 81
    for text in reasoning:
        assert len(vocabulary.encode(text)) < decoding.decode_length
        assert cut(text, decoding.stop_strings) == text


def test_flans_suites_may_be_ranked_and_voted_on_where_that_can_be():
    evals = flan_evals("RANK_BY=sum", "RANK_END_TOKEN=False", "MMLU_SPLIT=test")
    ranked = {name for name, e in evals.items() if e.rank_by == "sum" and not e.rank_end_token}
    assert ranked == {"mmlu_direct"}
    check_evals([*evals.values()])  # The longest answer is set for all of them.
    assert {name for name, e in evals.items() if e.split == "test"} >= {"mmlu_direct", "mmlu_cot"}
    evals = flan_evals("STRATEGY=sample", "TEMPERATURE=0.7", "NUM_RETURN_SEQUENCES=40")
    voting = {name for name, e in evals.items() if e.decoding.num_return_sequences == 40}
    assert voting == {"mmlu_cot", "bbh_cot", "mgsm", "gsm8k"}


@pytest.mark.parametrize("name", EVAL_RECIPES)
def test_recipes_of_evaluations_leave_no_macro_without_effect(name):
    unused = config.parse(["runs/eval.gin", name]).unused("evaluate")
    assert [b.key for b in unused if b.is_macro and name in b.file] == []


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_leave_no_macro_without_effect(name):
    unused = config.parse([name]).unused("train")
    # Those of runs/train.gin that are about evaluations have none in a recipe without any.
    assert [b.key for b in unused if b.is_macro and "/runs/train.gin" not in b.file] == []


def test_prompt2model_begins_with_the_settings_of_its_functions():
    arguments = config.parse(["runs/prompt2model.gin"], ["OUTPUT='/tmp/x'"]).arguments(
        "prompt2model"
    )
    function = inspect.signature(prompt2model)
    assert arguments.pop("output") == "/tmp/x"
    assert arguments == {name: function.parameters[name].default for name in arguments}
    given_elsewhere = {"output", "words", "config_text"}
    assert set(arguments) == set(function.parameters) - given_elsewhere
