"""Text vectors on disk, so that no text is embedded twice."""

from __future__ import annotations

import warnings
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from lrdgraph.files import atomic_write
from lrdgraph.text.progress import progress_bar
from lrdgraph.text.vectors import check_vectors


class FingerprintedEncoder(Protocol):
    """A text encoder that says what decides about its vectors."""

    @property
    def fingerprint(self) -> str:
        """Equal for two encoders only if they give the same vectors."""

    def __call__(self, texts: list[str]) -> Tensor:
        """Embed texts: ``[len(texts), C]``."""


class VectorCache:
    """An encoder's vectors on disk, found by content; an encoder itself.

    A vector is filed under the SHA-256 of the encoder's fingerprint and the text:
    equal texts are embedded once, a changed text or model never meets an old vector.
    After each ``chunk_size`` new texts a shard (a safetensors file) is written and
    moved into place whole, so an interrupted run goes on where it stopped, and
    several processes may share a folder. When all texts are known, the encoder isn't
    called: :class:`~lrdgraph.text.TextEncoder` then never loads its model. Vectors
    stay on disk, mapped into memory shard by shard when they are asked for; only where
    each one is (some 150 bytes a text) is kept.

    Each call with new texts writes a shard: give it lists, not single texts.

    Args:
        encoder: Any callable ``list[str] -> Tensor [n, C]`` with a ``fingerprint``.
        folder: Where vectors are kept, a subfolder per fingerprint; created if needed.
        chunk_size: Texts a shard: what an interruption can lose.
        progress: Show a progress bar (only on a terminal).

    Example:
        >>> from lrdgraph.testing import HashTextEncoder
        >>> from lrdgraph.text import VectorCache
        >>> encoder = VectorCache(HashTextEncoder(), 'cache/')  # doctest: +SKIP
    """

    def __init__(
        self,
        encoder: FingerprintedEncoder,
        folder: str | Path,
        *,
        chunk_size: int = 1024,
        progress: bool = True,
    ) -> None:
        if chunk_size < 1:
            raise ValueError(
                f"'chunk_size' needs to be positive in 'VectorCache' (got {chunk_size})"
            )
        self.encoder = encoder
        self.folder = Path(folder).expanduser()
        self.chunk_size = chunk_size
        self.progress = progress
        self._shards: dict[str, int] = {}  # file name -> C, 0 where it is damaged
        self._places: dict[bytes, tuple[str, int]] = {}  # key -> file name, row

    def __repr__(self) -> str:
        """Name the encoder alone: where its vectors are kept doesn't change them."""
        return f"VectorCache({self.encoder!r})"

    @property
    def fingerprint(self) -> str:
        """The encoder's own."""
        return self.encoder.fingerprint

    @property
    def shard_folder(self) -> Path:
        """Where the vectors of this encoder are."""
        return self.folder / sha256(self.fingerprint.encode()).hexdigest()[:16]

    def __call__(self, texts: list[str]) -> Tensor:
        """Give the vectors of texts, embedding those that are new.

        Returns:
            Float32 vectors ``[len(texts), C]``.

        Raises:
            ValueError: If the encoder gives anything but a finite vector per text, or
                vectors of another size than those in the folder. Nothing of it is kept.
            MemoryError: If all of them together do not fit in memory. They are kept.

        Warns:
            UserWarning: If a shard is damaged; its texts are embedded again.
        """
        if not texts:
            return self.encoder([])
        keys = self._keys(texts)
        self._fill(keys, texts)
        try:
            return self._gather(keys)
        except (FileNotFoundError, SafetensorError):  # removed or cut off since read
            self._shards, self._places = {}, {}
            self._fill(keys, texts)
            return self._gather(keys)

    def fill(self, texts: list[str]) -> int:
        """Embed the texts that are new, and keep their vectors without giving them.

        Memory holds ``chunk_size`` vectors at a time, however many there are.

        Returns:
            How many different texts were new.

        Raises:
            ValueError: As when it is called.

        Warns:
            UserWarning: As when it is called.
        """
        return self._fill(self._keys(texts), texts)

    def _fill(self, keys: list[bytes], texts: list[str]) -> int:
        self._read_new_shards()
        missing = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if key not in self._places
        }
        self._embed(missing)
        return len(missing)

    def _keys(self, texts: list[str]) -> list[bytes]:
        fingerprint = self.fingerprint.encode() + b"\0"
        return [sha256(fingerprint + text.encode()).digest() for text in texts]

    def _embed(self, missing: dict[bytes, str]) -> None:
        """Embed new texts, chunk by chunk, longest first to keep padding low."""
        order = sorted(missing, key=lambda key: -len(missing[key]))
        with progress_bar(len(order), "New texts", shown=self.progress) as bar:
            for start in range(0, len(order), self.chunk_size):
                keys = order[start : start + self.chunk_size]
                texts = [missing[key] for key in keys]
                vectors = check_vectors(self.encoder(texts), texts, "VectorCache").cpu()
                self._keep(self._write_shard(keys, vectors), keys, vectors.size(1))
                bar.update(len(keys))

    def _gather(self, keys: list[bytes]) -> Tensor:
        """Collect vectors by key, a shard at a time: ``[len(keys), C]``."""
        rows: dict[str, list[tuple[int, int]]] = {}
        for place, key in enumerate(keys):
            name, row = self._places[key]
            rows.setdefault(name, []).append((place, row))
        gathered = self._room(len(keys), self._shards[next(iter(rows))])
        for name, pairs in rows.items():
            place, row = torch.tensor(pairs).T
            with safe_open(self.shard_folder / name, framework="pt") as file:
                gathered[place] = file.get_tensor("vector")[row]
        return gathered

    def _room(self, number: int, num_channels: int) -> Tensor:
        try:
            return torch.empty(number, num_channels)
        except RuntimeError as error:  # which PyTorch raises in place of a MemoryError
            size = 4 * number * num_channels / 2**30
            raise MemoryError(
                f"{number:,} vectors of {num_channels} channels need {size:.1f} GiB of "
                f"memory, which are not there; nothing is lost, they are kept in "
                f"{self.shard_folder}"
            ) from error

    def _keep(self, name: str, keys: list[bytes], num_channels: int) -> None:
        """Remember a shard that is on disk."""
        self._shards[name] = num_channels
        self._places.update((key, (name, row)) for row, key in enumerate(keys))

    def _read_new_shards(self) -> None:
        """Read what this or another process has written since the last call."""
        for path in sorted(self.shard_folder.glob("*.safetensors")):
            if path.name not in self._shards:
                keys, vectors = _read_shard(path)
                if keys:
                    self._check_size(vectors.size(1))
                self._keep(path.name, keys, vectors.size(1))

    def _check_size(self, num_channels: int) -> None:
        for name, known in self._shards.items():
            if known not in (0, num_channels):
                raise ValueError(
                    f"vectors need to have {known} channels as in "
                    f"{self.shard_folder / name} in 'VectorCache' (got "
                    f"{num_channels}); if another model now has that name, remove "
                    f"the folder"
                )

    def _write_shard(self, keys: list[bytes], vectors: Tensor) -> str:
        """Write a shard, whole or not at all, and give its file name."""
        self._check_size(vectors.size(1))
        self.shard_folder.mkdir(parents=True, exist_ok=True)
        path = self.shard_folder / f"{uuid4().hex}.safetensors"
        with atomic_write(path) as file:
            file.write(_to_bytes(keys, vectors))
        return path.name


def _to_bytes(keys: list[bytes], vectors: Tensor) -> bytes:
    """Pack keys ``[n, 32]`` and vectors ``[n, C]`` with their checksum."""
    packed = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 32)
    tensors = {"key": torch.from_numpy(packed.copy()), "vector": vectors.contiguous()}
    return save(tensors, {"checksum": _checksum(**tensors)})


def _read_shard(path: Path) -> tuple[list[bytes], Tensor]:
    """Read keys and vectors ``[n, C]``; nothing, with a warning, if damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            key, vector = file.get_tensor("key"), file.get_tensor("vector")
            if (file.metadata() or {}).get("checksum") != _checksum(key, vector):
                raise ValueError("the checksum differs")
    except (OSError, SafetensorError, ValueError) as error:
        warnings.warn(
            f"{path} is damaged and ignored, its texts are embedded again; remove it "
            f"to be rid of this warning ({error})",
            stacklevel=4,
        )
        return [], torch.empty(0, 0)
    packed = key.numpy().tobytes()
    return [packed[at : at + 32] for at in range(0, len(packed), 32)], vector


def _checksum(key: Tensor, vector: Tensor) -> str:
    return str(zlib.crc32(vector.numpy().data, zlib.crc32(key.numpy().data)))
