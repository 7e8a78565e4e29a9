"""Ways to decode that must give the same on every mesh: by number of processes, then by name."""

from t5lite.decoding.config import DecodingConfig

WAYS = {
    1: {
        "greedy": DecodingConfig(max_decode_length=6),
        "beam": DecodingConfig(
            strategy="beam", num_beams=3, num_return_sequences=2, max_decode_length=6
        ),
    },
    # Where to stop is the hosts' decision, in which they must agree.
    2: {
        "stopped": DecodingConfig(
            strategy="sample", num_return_sequences=2, max_decode_length=20, stop_strings=("e", "t")
        ),
    },
}
