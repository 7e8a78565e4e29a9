"""What a teacher is told when it is to write an example of a task: three texts, short to long.

Prompt2Model (arXiv 2308.12261, section 3.3) asks in turn with several, for each draws other
examples out of a teacher. The wording is ours.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from t5lite.files import strict_json
from t5lite.synthetic_data.prompt2model.prompt_spec import Demonstration, PromptSpec


@dataclasses.dataclass(frozen=True)
class MetaTemplate:
    """What stands before and behind a task and its examples.

    Attributes:
      name: "simple", "complex" or "middle".
      opening: What the teacher is to do.
      closing: How it is to answer.
    """

    name: str
    opening: str
    closing: str

    def prompt(self, spec: PromptSpec, *, generated: Sequence[Demonstration]) -> str:
        """What the teacher is asked.

        Args:
          spec: The task; its examples are called good.
          generated: Examples that a teacher wrote before, which are called unchecked.
        """
        parts = [self.opening, f"# Task\n\n{spec.instruction.strip()}"]
        if spec.demonstrations:
            title = "# Examples by the author of the task (high quality, follow them)"
            parts.append(f"{title}\n\n{_lines(spec.demonstrations)}")
        if generated:
            title = "# Examples that were generated before (quality unknown, some may be wrong)"
            parts.append(f"{title}\n\n{_lines(generated)}")
        if spec.language is not None:
            parts.append(
                f"The task was first written in {spec.language}. Keep each input and each output "
                "in the language that it has in the author's examples, or that the task asks for."
            )
        return "\n\n".join([*parts, self.closing])


_FORM = 'Answer with one JSON object and nothing else: {"input": "...", "output": "..."}'

_SIMPLE = MetaTemplate(
    "simple",
    "Write one new example of the task below: an input, and the right output for it.",
    f"The new example must differ from all above.\n{_FORM}",
)

_MIDDLE = MetaTemplate(
    "middle",
    "A model is going to be trained on examples of the task below. You add one example to its "
    "training set: an input as a user of the model could send it, and the output that the task "
    "asks for.",
    "Pick a subject, a length or a difficulty that the examples above do not have yet. Work out "
    "the output with care: a wrong one spoils the training set. Use the same form as the author's "
    f"examples.\n{_FORM}",
)

_COMPLEX = MetaTemplate(
    "complex",
    """You write training data. Below you find a task and examples of it. Some of them are by the
author of the task: their form and their outputs are right. Others, if there are any, were generated
like the one that you are about to write; their subjects are taken, and their outputs may be wrong.

This is how somebody wrote a new example for another task, whose instruction was "Say whether the
review of a restaurant is positive or negative." The author had given one example:
{"input": "The soup was cold and nobody came for an hour.", "output": "negative"}
A poor new example would be {"input": "The soup was cold.", "output": "negative"}: it says nothing
new. A good one is {"input": "I came for the view and stayed for the dumplings, which my \
grandmother would envy.", "output": "positive"}: another subject, another style, another length, and
an output of exactly the form that was asked for.""",
    f"""# Your example

1. Think of an input that the author would expect, and that is unlike every input above: in its
   subject, its words, its length or what makes it hard.
2. Leave nothing open: whoever reads the input and the instruction must be able to find the output.
3. Solve the task for this input step by step in your mind, and check the result against the
   instruction. Do not copy a mistake of a generated example.
4. Write input and output as the author writes them, with no remark around them.

{_FORM}""",
)

# The n-th request has the one at n modulo 3, in the order of the paper's code.
META_TEMPLATES = (_SIMPLE, _COMPLEX, _MIDDLE)


def _lines(examples: Sequence[Demonstration]) -> str:
    return "\n".join(
        strict_json.dumps({"input": one.input, "output": one.output}, ensure_ascii=False)
        for one in examples
    )
