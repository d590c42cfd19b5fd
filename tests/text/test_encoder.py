import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity
from transformers import AutoModel, AutoTokenizer

from lrdgraph.testing import TextEncoderContract
from lrdgraph.text import TextEncoder, VectorCache
from lrdgraph.text.checkpoint import Checkpoint

TEXTS = [
    "HP 12C financial calculator",
    "Ruled notebook, A5, with a soft cover and a ribbon to mark the page",
    "Scientific calculator with two lines",
    "",
    "Épices & thé: émaillé",
    "Lined writing pad",
]


class TestTextEncoder(TextEncoderContract):
    @pytest.fixture(autouse=True)
    def _model(self, minilm: Path) -> None:
        self.model = minilm

    def make(self) -> TextEncoder:
        return TextEncoder(self.model, batch_size=4)


def reference(folder: Path, text: str, pooling: str) -> Tensor:
    """One text through ``transformers``, as its documentation does it."""
    inputs = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = model(**inputs).last_hidden_state[0]
    return {"mean": states.mean(dim=0), "last": states[-1], "cls": states[0]}[pooling]


@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_vectors_are_those_of_transformers(minilm: Path, pooling: str) -> None:
    vectors = TextEncoder(minilm, pooling=pooling)(TEXTS)
    assert vectors.dtype == torch.float32
    assert vectors.shape == (6, 384)
    for row in (0, 1, 3):
        expected = reference(minilm, TEXTS[row], pooling)
        assert torch.allclose(vectors[row], expected, atol=1e-5)


def test_batch_size_does_not_matter(minilm: Path) -> None:
    together = TextEncoder(minilm)(TEXTS)
    for batch_size in (1, 4):
        vectors = TextEncoder(minilm, batch_size=batch_size)(TEXTS)
        assert torch.allclose(vectors, together, atol=1e-5)


def test_what_means_the_same_is_near(minilm: Path) -> None:
    x = TextEncoder(minilm)(TEXTS)
    calculators = cosine_similarity(x[0], x[2], dim=0)
    notebooks = cosine_similarity(x[1], x[5], dim=0)
    strangers = cosine_similarity(x[[0, 0, 2, 2]], x[[1, 5, 1, 5]])
    assert min(calculators, notebooks) > strangers.max() + 0.1


def test_long_texts_are_cut(minilm: Path) -> None:
    encoder = TextEncoder(minilm, max_length=6)  # four words and two special tokens
    words = encoder(["red pen blue ink", "red pen blue ink green paper"])
    assert torch.allclose(words[0], words[1], atol=1e-5)
    endless = TextEncoder(minilm, max_length=100_000)(["pen " * 1000])
    assert endless.isfinite().all()  # the model itself ends at 512


def test_a_model_ends_where_its_positions_do(minilm: Path, monkeypatch) -> None:
    """Not every tokenizer says where that is, and RoBERTa's begin later."""
    encoder = TextEncoder(minilm, max_length=100_000)
    monkeypatch.setattr(encoder._tokenizer, "model_max_length", 10**30)
    text = "pen " * 1000
    assert len(encoder._tokenize([text])[0]) == 512
    assert encoder([text]).isfinite().all()
    positions = encoder._model.embeddings.position_embeddings
    monkeypatch.setattr(positions, "padding_idx", 1)
    assert len(encoder._tokenize([text])[0]) == 510


def test_the_model_is_loaded_only_for_new_texts(
    minilm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = VectorCache(TextEncoder(minilm), tmp_path)(TEXTS)

    def load(checkpoint: Checkpoint) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(Checkpoint, "load", load)
    assert torch.equal(VectorCache(TextEncoder(minilm), tmp_path)(TEXTS), vectors)
    with pytest.raises(AssertionError, match="was loaded"):
        VectorCache(TextEncoder(minilm), tmp_path)(["a new text"])


def test_the_fingerprint_is_about_content(minilm: Path, tmp_path: Path) -> None:
    here = TextEncoder(minilm).fingerprint
    moved = Path(shutil.copytree(minilm, tmp_path / "moved"))
    assert TextEncoder(moved, batch_size=1).fingerprint == here
    assert TextEncoder(minilm, pooling="cls").fingerprint != here
    assert TextEncoder(minilm, max_length=128).fingerprint != here
    (moved / "config.json").write_text((moved / "config.json").read_text() + " ")
    assert TextEncoder(moved).fingerprint != here


def test_repr_tells_what_decides_about_the_vectors() -> None:
    encoder = TextEncoder("org/name", pooling="last", max_length=64, batch_size=2)
    assert repr(encoder) == "TextEncoder('org/name', pooling='last', max_length=64)"


@pytest.mark.parametrize(
    ("argument", "value"), [("pooling", "max"), ("batch_size", 0), ("max_length", 0)]
)
def test_bad_arguments_are_refused(argument: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"'{argument}' needs to be .*got {value!r}"):
        TextEncoder("org/name", **{argument: value})  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_decoder_from_a_gguf_file(gguf: Path) -> None:
    texts = [text for text in TEXTS if text]
    encoder = TextEncoder(gguf, pooling="last")
    vectors = encoder(texts)
    alone = torch.cat([encoder([text]) for text in texts])
    assert vectors.shape == (5, 576)
    assert torch.allclose(vectors, alone, atol=1e-3)
    assert not torch.allclose(vectors[0], vectors[1], atol=1e-1)
    assert torch.equal(encoder([""]), torch.zeros(1, 576))
