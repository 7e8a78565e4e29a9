"""From a prompt to a trained model, after Prompt2Model (arXiv 2308.12261), a step a module."""
