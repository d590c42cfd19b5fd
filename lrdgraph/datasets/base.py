"""What all datasets on disk have in common: raw files in, one stored graph out."""

import hashlib
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from zipfile import ZipFile

import torch
from torch_geometric.data import HeteroData, InMemoryDataset

from lrdgraph.datasets.identity import identity
from lrdgraph.files import download, is_writable, save_tensors, user_cache

Transform = Callable[[HeteroData], HeteroData]

_FORMAT = 3  # raise it when the processed file changes its meaning


class ItemDataset(InMemoryDataset):
    """A dataset of one :class:`HeteroData`, read from raw files once and then stored.

    A subclass sets its own attributes, calls this constructor and overrides
    :meth:`build`; if it reads raw files it overrides :attr:`raw_urls` and asks
    :meth:`raw_file` for each.

    The result is stored as ``<name>-<fingerprint>.pt``. The fingerprint covers the
    class, its arguments, the raw files (size and time of change) and ``pre_transform``,
    so that none of them can change and still be served a stale result. A
    ``pre_transform`` that cannot be told from another, as one with a plain function or
    an object of a foreign class in it, is applied every time and nothing is stored; an
    object with a ``fingerprint`` can be.

    Args:
        root: Folder with the raw files, either directly in it or in ``root/raw``.
            With ``None`` the data is built in memory and not stored.
        transform: Applied to the data at every access.
        pre_transform: Applied to the data once, before it is stored.
        force_reload: Whether to build the data even if a stored result exists.
        cache: Folder of the stored result. By default ``root/processed``, or, where
            ``root`` is read-only, a folder below ``$XDG_CACHE_HOME`` (``~/.cache``).

    Raises:
        FileNotFoundError: If a raw file is missing and cannot be downloaded.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        *,
        force_reload: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        self._cache = cache
        self._has_root = root is not None
        super().__init__(
            None if root is None else str(root), transform, pre_transform, log=False
        )
        self.data = self._load(force_reload)

    @abstractmethod
    def build(self) -> HeteroData:
        """Reads the raw files and returns the data, usually through ``assemble``."""

    @property
    def name_and_arguments(self) -> tuple[str, ...]:
        """What, beside the raw files, decides the result of :meth:`build`."""
        return (type(self).__name__,)

    @property
    def raw_urls(self) -> Mapping[str, str | None]:
        """The raw files, each with its official address if it can be downloaded."""
        return {}

    @property
    def raw_file_names(self) -> list[str]:
        """Names of the raw files."""
        return list(self.raw_urls)

    @property
    def raw_paths(self) -> list[str]:
        """Paths of the raw files, in ``root/raw`` unless they lie in ``root``."""
        return [str(self._raw_path(name)) for name in self.raw_file_names]

    @property
    def processed_dir(self) -> str:
        """Folder of the stored result; see the argument ``cache``."""
        root = Path(self.root)
        if self._cache is not None:
            return str(Path(self._cache).expanduser())
        return str(root / "processed" if is_writable(root) else user_cache(root))

    @property
    def processed_file_names(self) -> list[str]:
        """Name of the stored result, with its fingerprint."""
        raw = [Path(path) for path in self.raw_paths]
        stamps = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in raw]
        parts = (
            _FORMAT,
            self.name_and_arguments,
            stamps,
            identity(self.pre_transform),
        )
        fingerprint = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
        return [f"{'-'.join(self.name_and_arguments)}-{fingerprint}.pt"]

    def raw_file(self, name: str) -> Path:
        """Path of a raw file, which is downloaded if it is missing and known.

        Raises:
            FileNotFoundError: If it is missing and cannot be downloaded.
        """
        path = self._raw_path(name)
        url = self.raw_urls.get(name)
        if path.exists():
            return path
        reason = "has no known address"
        if url is not None:
            try:
                download(url, path)
                return path
            except OSError as error:
                reason = f"could not be downloaded ({error})"
        source = "" if url is None else f" get it from {url} and"
        raise FileNotFoundError(
            f"'{name}' is missing and {reason};{source} put it into '{path.parent}'"
        )

    def _raw_path(self, name: str) -> Path:
        root = Path(self.root)
        return root / name if (root / name).exists() else root / "raw" / name

    def _load(self, force_reload: bool) -> HeteroData:
        if not self._has_root:
            return self._build()
        for name in self.raw_file_names:
            self.raw_file(name)
        if identity(self.pre_transform) is None:
            return self._build()
        path = Path(self.processed_paths[0])
        stored = None if force_reload else _read(path)
        return stored if stored is not None else self._build_and_store(path)

    def _build(self) -> HeteroData:
        data = self.build()
        return data if self.pre_transform is None else self.pre_transform(data)

    def _build_and_store(self, path: Path) -> HeteroData:
        data = self._build()
        path.parent.mkdir(parents=True, exist_ok=True)
        save_tensors(data.to_dict(), path)
        return data


class SharedValueDataset(ItemDataset):
    """An :class:`ItemDataset` that links the items which share a value, as a brand.

    Args:
        root: Folder of the raw files; see :class:`ItemDataset`.
        transform: Applied at every access.
        pre_transform: Applied once, before the result is stored.
        max_partners: Most partners of an item by one shared value (default: 30).
        force_reload: Whether to read the raw files again.
        cache: Folder of the stored result.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        *,
        max_partners: int = 30,
        force_reload: bool = False,
        cache: str | Path | None = None,
    ) -> None:
        self.max_partners = max_partners
        super().__init__(
            root, transform, pre_transform, force_reload=force_reload, cache=cache
        )

    @property
    def name_and_arguments(self) -> tuple[str, ...]:
        """What, beside the raw files, decides the result."""
        return type(self).__name__, str(self.max_partners)


def _read(path: Path) -> HeteroData | None:
    """The stored data, or nothing if there is none that can be read."""
    if not path.exists():
        return None
    try:
        with ZipFile(path) as parts:  # whose checksums PyTorch does not look at
            if (broken := parts.testzip()) is not None:
                raise ValueError(f"the checksum of {broken} differs")
        return HeteroData.from_dict(torch.load(path, weights_only=True))
    except Exception as error:  # parsers raise whatever they like
        message = f"'{path}' cannot be read ({error}); building it anew"
        warnings.warn(message, stacklevel=2)
        return None
