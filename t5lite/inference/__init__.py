"""What eval, infer and generate share: prompts and answers of a loaded model."""
