"""Text to token ids and back: bytes, SentencePiece, tokenizer.json."""
