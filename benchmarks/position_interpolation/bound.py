"""The bounds of Position Interpolation (arXiv:2306.15595, section 2.3), recomputed.

    python -m benchmarks.position_interpolation.bound

The attention score of two rotated vectors is a(s) = Re sum_j h_j exp(i s theta_j) of their distance
s, with theta_j = c^(-2j/d) and d / 2 pairs. Between two trained distances s1 and s2, a is at most
d max|h| (s - s1)(s2 - s) / (8 ln c) away from the straight line between them (theorem 2.1).
Beyond the trained distances it is only known to be at most 2 max|h| B(s), where B(s) is the sum of
|A_k(s)| over k = 1 to d / 2, A_k(s) the sum of the first k of the exp(i s theta_j).

Shapes: S distances, I pairs.
"""

from __future__ import annotations

import math

import numpy as np

from t5lite.messages.tables import format_table
from t5lite.models.position_config import Rotary

RANGES = (2048, 4096, 8192, 32768)
_CHUNK = 4096


def interpolation_divisor(theta: float) -> float:
    """What d max|h| is divided by, halfway between two whole distances: there the bound is largest.

    Args:
      theta: base of the wavelengths, c.
    """
    return 8 * math.log(theta) / (0.5 * 0.5)


def interpolation_error(h_I: np.ndarray, theta: float, distances_S: np.ndarray) -> np.ndarray:
    """How far a is from the straight line halfway behind whole distances, [S].

    Args:
      h_I: complex, a product of a query and a key a pair.
      theta: base of the wavelengths.
      distances_S: whole numbers.
    """
    frequency_I = frequencies(2 * len(h_I), theta)

    def score(s_S: np.ndarray) -> np.ndarray:
        return (np.exp(1j * s_S[:, None] * frequency_I) @ h_I).real

    line_S = (score(distances_S) + score(distances_S + 1)) / 2
    return np.abs(score(distances_S + 0.5) - line_S)


def extrapolation_sums(d: int, theta: float, most: int) -> np.ndarray:
    """B(s) / d at distances 1 to `most`, [S].

    Args:
      d: width of a head.
      theta: base of the wavelengths.
      most: the longest distance.
    """
    frequency_I = frequencies(d, theta)
    chunks = np.split(np.arange(1, most + 1), range(_CHUNK, most, _CHUNK))
    sums = [
        np.abs(np.cumsum(np.exp(1j * s_S[:, None] * frequency_I), axis=1)).sum(axis=1)
        for s_S in chunks
    ]
    return np.concatenate(sums) / d


def frequencies(d: int, theta: float) -> np.ndarray:
    """The model's own, float64 [I]."""
    return Rotary(theta=theta).frequencies(d)[0].astype(np.float64)


def main() -> None:
    """Prints what comes out beside what the paper says."""
    d, theta = 128, 10_000.0
    divisor = interpolation_divisor(theta)
    sums_S = extrapolation_sums(d, theta, max(RANGES))
    rng = np.random.default_rng(0)
    h_I = rng.normal(size=d // 2) + 1j * rng.normal(size=d // 2)
    error_S = interpolation_error(h_I, theta, np.arange(0, 2048))
    largest = error_S.max() / (d * np.abs(h_I).max() / divisor)
    lines = [
        ("interpolation bound", f"d max|h| / {divisor:.2f}", "d max|h| / 294.73"),
        ("largest error of random h, of that bound", f"{largest:.2f}", ""),
        ("extrapolation bound / interpolation bound, if B(s) >= d", f"{2 * divisor:.1f}", "600"),
    ]
    for most in RANGES:
        least = sums_S[:most].min()
        lines.append((f"least B(s) / d, s = 1 to {most:,}", f"{least:.2f}", "at least 1"))
    for most in RANGES:
        ratio = 2 * divisor * sums_S[:most].min()
        lines.append((f"least ratio of the bounds, s = 1 to {most:,}", f"{ratio:.0f}", ""))
    print(f"d = {d}, c = {theta:,.0f}")
    print(format_table(("", "computed", "the paper"), lines, right=(1, 2)))


if __name__ == "__main__":
    main()
