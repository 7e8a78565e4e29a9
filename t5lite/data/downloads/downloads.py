"""Data sets with an official, stable address: what `t5lite data fetch` can get.

Files of a git commit are checked against git's own ids of them. The other places publish no
checksums, so what comes first is trusted, and its SHA-256 is written to `fetched.json` under the
data root; later downloads must agree with it.
"""

import dataclasses
import types
from collections.abc import Mapping

_FLAN_COT = (
    "https://raw.githubusercontent.com/google-research/FLAN/"
    "e9e4ec6e2701182c7a91af176f705310da541277/flan/v2/cot_data"
)
# Git's ids of the files in that commit.
_COT_BLOBS = {
    "aqua": "f3f97ded8ba3b10b0e2a053bd2a14e1679bd25b9",
    "creak": "f741598a9100efc20f964f460e5315e57c5f6ea9",
    "ecqa": "d4e01aadae7d5c413a8edd38bcfa75b93e1363cd",
    "esnli": "c60e7fb7066e8fe72256ea3b1a0797b5ee1b20b0",
    "gsm8k": "e90789ca5561bb21ea6640537b248efd8f648147",
    "qasc": "8310cbbaafdd20d6c5ee57252119e7f0531168a3",
    "qed": "6e9c08028dfe399f89e1c0d08d13638a1f62d502",
    "sensemaking": "21a49bab1353418f1a5f8ea094666d01b8f4ce50",
    "strategyqa": "ec8bcb0c8a516fb8e4a4a90f8f29372f0252cdcd",
}


_AI2 = "https://ai2-public-datasets.s3.amazonaws.com"
_MOSAIC = "https://storage.googleapis.com/ai2-mosaic/public"
_PIQA = "https://yonatanbisk.com/piqa/data"
_LOGIQA = (
    "https://raw.githubusercontent.com/lgw863/LogiQA-dataset/"
    "91e7b26bab6308fc222fe7f8838b61792f2f293f"
)


_MMLU_COT = (
    "https://raw.githubusercontent.com/jasonwei20/flan-2/"
    "d87762acfd45f44bf4613d4f4bd4b43df5d21779/mmlu-cot.json"
)
_MGSM = (
    "https://raw.githubusercontent.com/google-research/url-nlp/"
    "452a21ad3dae5668c06ceeac21ff073e1e40f9be/mgsm"
)
_MGSM_BLOBS = {
    "exemplars.py": "98cb95b816cc3cd3bf9d3e2a1d87f82332a1516a",
    "mgsm_bn.tsv": "8a14ad80f60e4c9bdb07f0281a7559a6c28d3593",
    "mgsm_de.tsv": "328073633236d55a937b3e5f3a94a8daec48fc5d",
    "mgsm_en.tsv": "40ebde3e9206309211b5ef2634d8d5dbd33c1b84",
    "mgsm_es.tsv": "44a27c01c034010b0fe47af55d95720f912a5c66",
    "mgsm_fr.tsv": "85474473613e2a10c6e060dbd63c684c27889720",
    "mgsm_ja.tsv": "8ffeefab976f7dae262a52be91c4cbf65427e455",
    "mgsm_ru.tsv": "d7817a2bb170085f5677d63409b0cb52f164159b",
    "mgsm_sw.tsv": "ab6238a88aeaecdbda841bf01855d30367313504",
    "mgsm_te.tsv": "3f5505f82da89c1470054dcce6486b587703c49b",
    "mgsm_th.tsv": "db1c4b24777da7530b39a63e452d91e655c51490",
    "mgsm_zh.tsv": "60d740933a9ee72abca71907127aa061609ac867",
}


@dataclasses.dataclass(frozen=True)
class File:
    """One file to get.

    Attributes:
      url: its address.
      path: where it goes, under the download's folder; for an archive, its own name meanwhile.
      unpack: whether it is an archive (.zip, .tar, .tar.gz, .tgz) whose members are wanted.
      strip: how many leading folders of its members are dropped.
      keep: members whose paths, so stripped, start with one of these; empty for all.
      sha256: its published checksum, or empty where there is none.
      git_blob: git's id of the file in the commit that the address names, or empty.
    """

    url: str
    path: str
    unpack: bool = False
    strip: int = 0
    keep: tuple[str, ...] = ()
    sha256: str = ""
    git_blob: str = ""


@dataclasses.dataclass(frozen=True)
class Download:
    """A data set to get.

    Attributes:
      name: what `t5lite data fetch` calls it.
      folder: where it goes under the data root.
      about: what it is, and its licence where its authors state one.
      files: its files.
    """

    name: str
    folder: str
    about: str
    files: tuple[File, ...]


def _github_archive(repository: str, reference: str) -> str:
    return f"https://codeload.github.com/{repository}/tar.gz/{reference}"


def _archive(name: str, title: str, url: str, keep: tuple[str, ...]) -> Download:
    """An archive with one folder in it, of which the questions to be evaluated on are wanted."""
    file = File(url, url.rpartition("/")[2], unpack=True, strip=1, keep=keep)
    return Download(name, name, f"{title}'s questions to be evaluated on", (file,))


def _questions(name: str, title: str, url: str, files: tuple[str, ...]) -> Download:
    """Files with questions to be evaluated on that lie in one place."""
    found = tuple(File(f"{url}/{file}", file) for file in files)
    return Download(name, name, f"{title}'s questions to be evaluated on", found)


_ALL = (
    Download(
        "niv2",
        "niv2",
        "Natural Instructions v2.8, all task files and split lists (Apache-2.0; tasks keep theirs)",
        (
            File(
                _github_archive("allenai/natural-instructions", "refs/tags/v2.8"),
                "natural-instructions-2.8.tar.gz",
                unpack=True,
                strip=1,
                keep=("tasks/", "splits/", "LICENSE"),
            ),
        ),
    ),
    Download(
        "flan_cot",
        "cot",
        "FLAN's nine chain-of-thought sets (Apache-2.0; the sets keep their own licences)",
        tuple(
            File(f"{_FLAN_COT}/{name}_train.tsv", f"{name}_train.tsv", git_blob=blob)
            for name, blob in _COT_BLOBS.items()
        ),
    ),
    Download(
        "promptsource",
        "promptsource",
        "PromptSource's templates, for T0's subtasks over raw data sets (Apache-2.0)",
        (
            File(
                _github_archive("bigscience-workshop/promptsource", "refs/tags/v0.2.3"),
                "promptsource-0.2.3.tar.gz",
                unpack=True,
                strip=2,
                keep=("templates/",),
            ),
        ),
    ),
    Download(
        "mmlu",
        "mmlu",
        "MMLU: an evaluation set, never to be trained on (MIT)",
        (
            File(
                "https://people.eecs.berkeley.edu/~hendrycks/data.tar",
                "data.tar",
                unpack=True,
                strip=1,
            ),
        ),
    ),
    Download(
        "mmlu_cot",
        "mmlu_cot",
        "Flan's chain-of-thought prompts for MMLU, never to be trained on",
        (File(_MMLU_COT, "mmlu-cot.json", git_blob="fea254196430736a8cb6669f563f07fb54a00524"),),
    ),
    Download(
        "bbh",
        "bbh",
        "BIG-Bench Hard with its prompts: an evaluation set, never to be trained on (MIT)",
        (
            File(
                _github_archive(
                    "suzgunmirac/BIG-Bench-Hard", "9ee07bd481feebf959a6b59d61ea57bdcf30964d"
                ),
                "BIG-Bench-Hard.tar.gz",
                unpack=True,
                strip=1,
                keep=("bbh/", "cot-prompts/", "LICENSE"),
            ),
        ),
    ),
    Download(
        "mgsm",
        "mgsm",
        "MGSM in eleven languages with its exemplars: an evaluation set, never to be trained on "
        "(CC BY-SA 4.0)",
        tuple(File(f"{_MGSM}/{name}", name, git_blob=blob) for name, blob in _MGSM_BLOBS.items()),
    ),
    Download(
        "gsm8k",
        "gsm8k",
        "GSM8K, train and test (MIT)",
        tuple(
            File(
                "https://raw.githubusercontent.com/openai/grade-school-math/master/"
                f"grade_school_math/data/{split}.jsonl",
                f"{split}.jsonl",
            )
            for split in ("train", "test")
        ),
    ),
    Download(
        "tydiqa",
        "tydiqa",
        "TyDiQA GoldP, train and dev: an evaluation set, never to be trained on (Apache-2.0)",
        tuple(
            File(f"https://storage.googleapis.com/tydiqa/v1.1/{name}", name)
            for name in ("tydiqa-goldp-v1.1-train.json", "tydiqa-goldp-v1.1-dev.json")
        ),
    ),
    Download(
        "lambada",
        "lambada",
        "LAMBADA's test passages as OpenAI has them: an evaluation set, never to be trained on",
        (
            File(
                "https://openaipublic.blob.core.windows.net/gpt-2/data/lambada_test.jsonl",
                "lambada_test.jsonl",
                sha256="4aa8d02cd17c719165fc8a7887fddd641f43fcafa4b1c806ca8abc31fabdb226",
            ),
        ),
    ),
    _questions("piqa", "PIQA", _PIQA, ("valid.jsonl", "valid-labels.lst")),
    _archive("winogrande", "WinoGrande 1.1", f"{_MOSAIC}/winogrande/winogrande_1.1.zip", ("dev.",)),
    _archive("arc", "ARC", f"{_AI2}/arc/ARC-V1-Feb2018.zip", ("ARC-Easy/", "ARC-Challenge/")),
    _archive("sciq", "SciQ", f"{_AI2}/sciq/SciQ.zip", ("valid.json", "test.json")),
    _questions("logiqa", "LogiQA", _LOGIQA, ("Eval.txt", "Test.txt")),
    Download(
        "squad",
        "squad",
        "SQuAD 1.1, dev: an evaluation set, never to be trained on (CC BY-SA 4.0)",
        (
            File(
                "https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json",
                "dev-v1.1.json",
            ),
        ),
    ),
    Download(
        "mconala",
        "mconala",
        "MCoNaLa's Japanese part: an evaluation set, never to be trained on (CC BY-SA 4.0)",
        (
            File(
                "https://raw.githubusercontent.com/zorazrw/multilingual-conala/"
                "b48112fe492432507d72004aafb6f0c399308333/dataset/test/ja_test.json",
                "ja_test.json",
                git_blob="b4fda99425f1be227399bba952e676bbe353cd16",
            ),
        ),
    ),
    Download(
        "temporal",
        "temporal",
        "ScatterShot's temporal expressions: an evaluation set, never to be trained on",
        (
            File(
                "https://raw.githubusercontent.com/tongshuangwu/scattershot-data/"
                "5a69a3c6e6a68e605d0b60b7cda3deb2028b40b5/temporal.json",
                "temporal.json",
                git_blob="f4cffbd6f6bbff5a1e8dcbac3eed15fd6d13383d",
            ),
        ),
    ),
    Download(
        "self_instruct",
        "self_instruct",
        "Self-Instruct's 252 user-oriented instructions: an evaluation set, never to be trained on "
        "(Apache-2.0)",
        (
            File(
                "https://raw.githubusercontent.com/yizhongw/self-instruct/"
                "0b26ccaa415992100fa32df62d41b994cf928e23/human_eval/"
                "user_oriented_instructions.jsonl",
                "user_oriented_instructions.jsonl",
                git_blob="ed6d5d986e3f4c65ff64d70328a2e1dab146f914",
            ),
        ),
    ),
)

DOWNLOADS: Mapping[str, Download] = types.MappingProxyType({item.name: item for item in _ALL})
