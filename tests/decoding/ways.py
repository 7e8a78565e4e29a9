"""Ways to decode that must give the same on every mesh, by name."""

from t5lite.decoding.config import DecodingConfig

WAYS = {
    "greedy": DecodingConfig(max_decode_length=6),
    "beam": DecodingConfig(
        strategy="beam", num_beams=3, num_return_sequences=2, max_decode_length=6
    ),
    "stopped": DecodingConfig(
        strategy="sample", num_return_sequences=2, max_decode_length=20, stop_strings=("e", "t")
    ),
}
