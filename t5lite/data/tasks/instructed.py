"""What a model that was made of a prompt is asked: one form, for training, evaluation and the page.

The form is Prompt2Model's (arXiv 2308.12261, section 3.4): a tag that tells data sets apart, the
instruction, the input and the word that the answer follows. What ends the answer is the model's
feature converter's.
"""

# The tag of examples that were made for the prompt, and of what users ask.
OWN_TASK = 0


def instructed_inputs(instruction: str, text: str, *, task: int = OWN_TASK) -> str:
    """A prompt for one input.

    Args:
      instruction: What is to be done.
      text: What it is to be done with; "" where the instruction alone asks.
      task: The number of the data set that an example comes from: 0 for what was made for the
        prompt, and for what a user asks; data sets that were found have others.
    """
    return f"<task {task}>{instruction}\nExample:\n{text}\nLabel:\n"
