"""Draws the study: new instructions by round, what was dropped, likeness to the seeds, losses."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def draw(found: dict, results: dict, path: pathlib.Path) -> None:
    """Draws the four parts.

    Args:
      found: statistics.json of the teacher's run.
      results: what run.py writes.
      path: the picture to write.
    """
    figure, axes = plt.subplots(2, 2, figsize=(11, 7.5))
    both = (found["rounds"], results["scripted_rounds"])
    filters = sorted({name for rounds in both for record in rounds for name in record["dropped"]})
    colors = {"kept": "#17734a"} | {name: f"C{index}" for index, name in enumerate(filters)}
    titles = (f"teacher: {results['teacher']}", "teacher: a grammar that runs dry")
    for axis, rounds, title in zip(axes[0], both, titles, strict=True):
        _draw_rounds(axis, rounds, title, colors)
    _draw_likeness(axes[1, 0], found)
    _draw_losses(axes[1, 1], results["losses"])
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _draw_rounds(axis, rounds: list[dict], title: str, colors: dict[str, str]) -> None:
    """Of each round's candidates, how many were kept and which filter dropped the others."""
    places, bottom = range(1, len(rounds) + 1), [0.0] * len(rounds)
    for name, color in colors.items():
        counts = [r["kept"] if name == "kept" else r["dropped"].get(name, 0) for r in rounds]
        if not any(counts):
            continue
        shares = [n / max(1, r["candidates"]) for n, r in zip(counts, rounds, strict=True)]
        axis.bar(places, shares, bottom=bottom, label=name, color=color, width=1.0)
        bottom = [a + b for a, b in zip(bottom, shares, strict=True)]
    axis.xaxis.get_major_locator().set_params(integer=True)
    total = sum(record["kept"] for record in rounds)
    axis.set(title=f"{title}: {total} kept", xlabel="round", ylabel="share of the round's")
    axis.legend(fontsize=7)


def _draw_likeness(axis, found: dict) -> None:
    for key, label in (
        ("rouge_l_to_seeds", "the teacher's, to the nearest seed"),
        ("rouge_l_among_seeds", "seeds, to the nearest before"),
    ):
        counts = found[key]["counts"]
        edges = [index / len(counts) for index in range(len(counts) + 1)]
        axis.stairs([n / max(1, sum(counts)) for n in counts], edges, label=label)
    axis.set(title="likeness to the seeds", xlabel="ROUGE-L", ylabel="share of instructions")
    axis.legend(fontsize=7)


def _draw_losses(axis, losses: dict[str, list[dict]]) -> None:
    names = list(losses)
    for place, name in enumerate(names):
        after = [one["after"] for one in losses[name]]
        axis.plot([place] * len(after), after, "o", color="#30507a", alpha=0.6)
    axis.axhline(losses[names[0]][0]["before"], color="black", ls=":", label="untuned")
    axis.set_xticks(range(len(names)), names)
    axis.set(title="loss on instructions of people, nats a token", xlabel="tuned on")
    axis.legend(fontsize=7)
