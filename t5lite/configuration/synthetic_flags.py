"""The flags of the verbs that make data with a teacher, and what `t5lite --help` says of them."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from t5lite.configuration.macro_flags import (
    CACHE_DIR,
    DATA_DIR,
    EVAL_BATCH_SIZE,
    EXAMPLE_FLAGS,
    MAX_DECODE_LENGTH,
    MIXTURE,
    TASK_FLAGS,
    TASKS,
    Flag,
    comma_separated,
    duration,
    number,
)
from t5lite.configuration.prompt2model_flags import PROMPT2MODEL_FLAGS
from t5lite.messages.ranges import (
    Count,
    NotNegative,
    NumExamples,
    Positive,
    PresencePenalty,
    Range,
    Seed,
    Size,
)

TeacherTemperature = Annotated[float, Range(least=0, most=2)]


class SyntheticVerb(NamedTuple):
    """A verb that makes data: a function of its name, in the module that `config.VERBS` says.

    It begins with gin/runs/VERB.gin. A parameter `config_text` of the function gets the whole
    configuration, and `words` what stands on the command line besides flags.

    Attributes:
      help: What it does, for `t5lite --help`.
      flags: What it takes.
      words: How `--help` shows words that are no flags; None takes none.
      words_help: What they are.
    """

    help: str
    flags: tuple[Flag, ...]
    words: str | None = None
    words_help: str = ""


TEACHER_FLAGS = (
    Flag(
        *("--teacher", str),
        "who is asked: a model folder, the URL of an endpoint, endpoint ($OPENAI_BASE_URL), or "
        "recorded: answers on disk alone",
    ),
    Flag("--teacher_model", str, "the model's name at the endpoint, or of who gave the answers"),
    Flag("--api_key_variable", str, "environment variable with the key (OPENAI_API_KEY)"),
    Flag("--answers", str, "folder of the answers (default: in the run's folder)"),
    Flag("--requests_per_minute", number(Positive), "calls sent in a minute"),
    Flag("--max_concurrent", number(Size), "calls that wait at once (default: 16)"),
    Flag("--max_retries", number(Count), "of a call that failed (default: 6)"),
    Flag("--max_failures", number(Size), "requests in a row that may fail (default: 10)"),
    Flag("--max_retry_wait", number(NotNegative), "seconds before a retry (default: 300)"),
    Flag("--max_calls", number(NumExamples), "calls, with those whose answers are on disk"),
    Flag("--max_total_tokens", number(NumExamples), "tokens of requests and answers, likewise"),
    Flag("--max_price", number(Positive), "price of these tokens, likewise"),
    Flag("--prompt_price", number(NotNegative), "price of a million tokens of requests"),
    Flag("--completion_price", number(NotNegative), "price of a million tokens of answers"),
    Flag("--teacher_timeout", number(Positive), "seconds until a call failed (default: 120)"),
    Flag("--teacher_batch_size", number(Size), "rows a model folder answers at once (16)"),
    CACHE_DIR,
)
DRY_RUN = Flag("--dry_run", bool, "say calls, tokens and price at most, and ask nothing")

_SELF_INSTRUCT = SyntheticVerb(
    "have a teacher write instructions from a few seeds, and answer them",
    (
        Flag("--seeds", str, "a file of tasks that people wrote, or a registered task"),
        Flag("--output", str, "folder to write; a run that was killed goes on there"),
        Flag("--num_instructions", number(Size), "instructions to keep (default: 1000)"),
        Flag("--max_rounds", number(Size), "rounds of requests for them"),
        Flag("--requests_per_round", number(Size), "requests at once (default: 5)"),
        Flag("--include_seeds", bool, "write the seeds among the examples"),
        Flag("--presence_penalty", number(PresencePenalty), "of new instructions (default: 2)"),
        Flag("--prompt_form", str, "conversation, or continuation for models of texts alone"),
        Flag("--alphabet", str, "ascii, or unicode for languages of other scripts"),
        Flag("--seed", number(Seed), "of the choice of what requests show"),
        Flag("--workers", number(Size), "threads that compare texts"),
        Flag("--split", str, "of the registered task"),
        TASKS,
        DATA_DIR,
        *TEACHER_FLAGS,
        DRY_RUN,
    ),
)

_RATIONALES = SyntheticVerb(
    "have a teacher write reasons and answers, for Distilling Step-by-Step",
    (
        Flag("--input", str, "JSONL file with what is asked"),
        Flag("--inputs_field", str, "field of --input with it (default: input)"),
        *EXAMPLE_FLAGS,
        TASKS,
        DATA_DIR,
        Flag(
            *("--max_examples", number(NumExamples), "only the first so many, of each task"),
            "MAX_EXAMPLES_PER_TASK",
        ),
        Flag("--output", str, "folder for rationales.jsonl, the trace and the answers"),
        Flag(
            "--demonstrations",
            str,
            "what a prompt shows: nli, commonsense, arithmetic, or a JSONL file with input, "
            "rationale and label",
        ),
        Flag("--labels", comma_separated, "the answers that there are, comma separated"),
        Flag("--consistent_only", bool, "leave out answers that differ from the label"),
        Flag("--prompt_form", str, "conversation, or continuation for models of texts alone"),
        Flag("--teacher_temperature", number(TeacherTemperature), "0 (default): likeliest"),
        Flag("--max_answer_tokens", number(Size), "of an answer (default: 256)"),
        *TEACHER_FLAGS,
        DRY_RUN,
    ),
)

_PROMPT2MODEL = SyntheticVerb(
    "make a trained, scored model with a page to try it from a prompt",
    (*PROMPT2MODEL_FLAGS, *TEACHER_FLAGS, DRY_RUN),
    words="[STEP] [PROMPT]",
    words_help="the prompt's file, for all steps; or parse, retrieve_datasets, generate, "
    "process, retrieve_models, train, evaluate, export or demo for one; or status",
)

_REVERSE_INSTRUCTIONS = SyntheticVerb(
    "have a teacher write what each document of a corpus answers",
    (
        Flag("--documents", str, "a file, a pattern of files, or a folder"),
        Flag("--documents_format", str, "of the files; document where each is one document"),
        Flag("--text_field", str, "field of a record with its text (default: text)"),
        Flag("--output", str, "folder for examples.jsonl, the trace and the answers"),
        Flag("--num_documents", number(NumExamples), "so many, drawn (default: all)"),
        Flag("--styles", comma_separated, "of instructions: instruction, chat, search (all)"),
        Flag("--min_document_words", number(Size), "leave shorter ones out (default: 20)"),
        Flag("--max_document_tokens", number(Size), "and longer ones, about (default: 2000)"),
        Flag("--prompt_form", str, "conversation, or continuation for models of texts alone"),
        Flag("--teacher_temperature", number(TeacherTemperature), "default: 0.7"),
        Flag("--max_answer_tokens", number(Size), "of an instruction (default: 128)"),
        Flag("--seed", number(Seed), "of the draws of documents and styles"),
        *TEACHER_FLAGS,
        DRY_RUN,
    ),
)

_SELF_IMPROVE = SyntheticVerb(
    "fine-tune a model, and improve it by its own predictions",
    (
        Flag("--recipe", str, "a gin file of `t5lite train`, for any task of texts"),
        Flag("--output", str, "folder to write; a run that was killed goes on there"),
        Flag("--rounds", number(Count), "of improvement (default: 1)"),
        Flag("--fine_tuned", str, "a model folder that is fine-tuned already"),
        Flag("--improve_steps", duration, "of each round (default: as the recipe says)"),
        Flag("--num_beams", number(Size), "of each search, all compared with the target (10)"),
        MIXTURE,
        Flag("--split", str, "whose inputs are answered (default: train)"),
        Flag("--eval_split", str, "that each round is scored on (default: validation)"),
        *TASK_FLAGS,
        Flag("--initial_checkpoint_path", str, "what fine-tuning starts from"),
        CACHE_DIR,
        EVAL_BATCH_SIZE,
        MAX_DECODE_LENGTH,
    ),
)

# A row a verb. `config.VERBS` has its module.
VERBS: dict[str, SyntheticVerb] = {
    "prompt2model": _PROMPT2MODEL,
    "rationales": _RATIONALES,
    "reverse_instructions": _REVERSE_INSTRUCTIONS,
    "self_improve": _SELF_IMPROVE,
    "self_instruct": _SELF_INSTRUCT,
}
