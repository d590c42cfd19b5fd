import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lrdgraph.testing import HashTextEncoder, TextEncoderContract
from lrdgraph.text import VectorCache

TEXTS = ["red pen", "blue notebook", "", "red pen", "stapler"]


class TestVectorCache(TextEncoderContract):
    @pytest.fixture(autouse=True)
    def _in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make(self) -> VectorCache:
        return VectorCache(HashTextEncoder(8), self.folder)


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


@pytest.mark.parametrize("chunk_size", [1, 3, 1024])
def test_every_text_is_embedded_once(counting, tmp_path: Path, chunk_size: int) -> None:
    expected = HashTextEncoder(8)(TEXTS)
    encoder = counting()
    cache = VectorCache(encoder, tmp_path, chunk_size=chunk_size)
    assert torch.equal(cache(TEXTS), expected)
    assert torch.equal(cache(TEXTS[::-1]), expected.flip(0))
    assert torch.equal(VectorCache(encoder, tmp_path)(TEXTS[1:]), expected[1:])
    assert sorted(encoder.seen) == sorted(set(TEXTS))


def test_only_new_texts_are_embedded(counting, tmp_path: Path) -> None:
    VectorCache(counting(), tmp_path)(TEXTS)
    encoder = counting()
    changed = ["red pens", *TEXTS[1:]]
    vectors = VectorCache(encoder, tmp_path)(changed)
    assert encoder.seen == ["red pens"]
    assert torch.equal(vectors, HashTextEncoder(8)(changed))


def test_another_encoder_never_meets_these_vectors(counting, tmp_path: Path) -> None:
    VectorCache(counting(8), tmp_path)(TEXTS)
    encoder = counting(16)
    assert VectorCache(encoder, tmp_path)(TEXTS).shape == (5, 16)
    assert sorted(encoder.seen) == sorted(set(TEXTS))


def test_what_another_cache_wrote_meanwhile_is_found(counting, tmp_path: Path) -> None:
    encoder = counting()
    cache = VectorCache(encoder, tmp_path)
    cache(TEXTS[:1])
    VectorCache(counting(), tmp_path)(TEXTS)
    cache(TEXTS)
    assert encoder.seen == TEXTS[:1]


def flip_a_bit(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)


def cut(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:-10])


def empty(shard: Path) -> None:
    shard.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip_a_bit, cut, empty])
def test_a_damaged_shard_is_embedded_again(counting, tmp_path: Path, damage) -> None:
    expected = VectorCache(counting(), tmp_path, chunk_size=2)(TEXTS)
    shard = shards(tmp_path)[0]
    damage(shard)
    encoder = counting()
    with pytest.warns(UserWarning, match=re.escape(f"{shard} is damaged")):
        vectors = VectorCache(encoder, tmp_path)(TEXTS)
    assert torch.equal(vectors, expected)
    assert len(encoder.seen) == 2


def test_an_interruption_costs_one_chunk(counting, tmp_path: Path) -> None:
    class Failing(counting):
        def __call__(self, texts: list[str]) -> Tensor:
            if len(self.seen) >= 20:
                raise KeyboardInterrupt
            return super().__call__(texts)

    texts = [f"text {number}" for number in range(50)]
    with pytest.raises(KeyboardInterrupt):
        VectorCache(Failing(), tmp_path, chunk_size=10)(texts)
    encoder = counting()
    vectors = VectorCache(encoder, tmp_path, chunk_size=10)(texts)
    assert len(encoder.seen) == 30
    assert torch.equal(vectors, HashTextEncoder(8)(texts))


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.ones(1, 8), "shape [2, C]"),
        (torch.full((2, 8), torch.nan), "nan for"),
        (torch.ones(2, 9), "8 channels as in"),
    ],
)
def test_unusable_vectors_are_not_kept(
    counting, tmp_path: Path, vectors: Tensor, message: str
) -> None:
    class Broken(HashTextEncoder):
        def __call__(self, texts: list[str]) -> Tensor:
            return vectors

        @property
        def fingerprint(self) -> str:
            return HashTextEncoder(8).fingerprint

    VectorCache(HashTextEncoder(8), tmp_path)(["something else"])
    with pytest.raises(ValueError, match=re.escape(message)):
        VectorCache(Broken(8), tmp_path)(["red pen", "blue pen"])
    assert len(shards(tmp_path)) == 1


def test_no_text_gives_no_file(tmp_path: Path) -> None:
    VectorCache(HashTextEncoder(8), tmp_path)([])
    assert shards(tmp_path) == []


def test_repr_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    cache = VectorCache(HashTextEncoder(8), tmp_path)
    assert repr(cache) == "VectorCache(HashTextEncoder(8))"


def test_chunk_size_needs_to_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'chunk_size' .*got 0"):
        VectorCache(HashTextEncoder(8), tmp_path, chunk_size=0)


def test_neither_texts_nor_names_are_paths(tmp_path: Path) -> None:
    class Encoder(HashTextEncoder):
        fingerprint = "../../elsewhere"

    texts = ["../../x", "/etc/passwd", "C:\\x", "a\0b", "."]
    VectorCache(Encoder(8), tmp_path / "cache")(texts)
    (folder,) = tmp_path.iterdir()
    (inner,) = folder.iterdir()
    assert (folder.name, len(inner.name)) == ("cache", 16)
    assert [path.suffix for path in inner.iterdir()] == [".safetensors"]


@pytest.mark.parametrize("cut", [None, 40])
@pytest.mark.filterwarnings("ignore:.*damaged")
def test_a_shard_that_is_lost_after_it_was_read(counting, tmp_path: Path, cut) -> None:
    encoder = counting()
    cache = VectorCache(encoder, tmp_path)
    expected = cache(TEXTS)
    [shard] = shards(tmp_path)
    content = shard.read_bytes()
    shard.unlink()
    if cut is not None:
        shard.write_bytes(content[:cut])
    assert torch.equal(cache(TEXTS), expected)
    assert len(encoder.seen) == 2 * len(set(TEXTS))


def test_another_size_that_another_process_wrote_is_refused(tmp_path: Path) -> None:
    class Encoder(HashTextEncoder):
        fingerprint = "one name"

    first, other = (VectorCache(Encoder(size), tmp_path) for size in (8, 4))
    first(["red pen"])
    other._embed({other._keys(["stapler"])[0]: "stapler"})  # as at the same time
    for cache in (first, VectorCache(Encoder(8), tmp_path)):
        with pytest.raises(ValueError, match="remove the folder"):
            cache(["red pen", "stapler"])
