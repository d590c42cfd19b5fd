import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.datasets.identity import identity
from lrdgraph.testing import TransformContract
from lrdgraph.transforms import SetVectors

X = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
BY_ID = {"c": X[2], "z": torch.zeros(2), "a": X[0], "b": X[1]}


def make() -> HeteroData:
    data = HeteroData()
    data["item"].id = ["a", "b", "c"]
    data["item"].num_nodes = 3
    return data


class TestSetVectors(TransformContract):
    def make(self) -> SetVectors:
        return SetVectors(BY_ID)

    def data(self) -> HeteroData:
        return make()

    def bad_data(self) -> dict[str, HeteroData]:
        data = make()
        data["item"].id = ["a", "x", "y"]
        return {r"got none for 2 of 3 items, such as \['x', 'y'\]": data}


def test_what_made_the_vectors_before_is_forgotten() -> None:
    data = make()
    data["item"].encoder, data["item"].vector_steps = "one", [{"mean": X[0]}]
    found = SetVectors(X)(data)["item"]
    assert (found.encoder, found.vector_steps) == ("", [])


def vectors_of(given: Any) -> Tensor:
    return SetVectors(given)(make())["item"].x


@pytest.mark.parametrize(
    "given",
    [
        X,
        X.double(),
        X.numpy(),
        X.tolist(),
        BY_ID,
        {item: row.numpy() for item, row in BY_ID.items()},
        {item: row.tolist() for item, row in BY_ID.items()},
        X.numpy()[::-1].copy()[::-1],
        X.numpy().T.copy().T,
        X.numpy().astype(">f4"),
        X.numpy().astype(object),
        [*X],
        pd.DataFrame(X[[2, 0, 1]].numpy(), index=["c", "a", "b"]),
        pd.DataFrame(X.int().numpy(), index=["a", "b", "c"], dtype="Int64"),
        pd.Series({item: row.tolist() for item, row in BY_ID.items()}),
    ],
    ids=[
        *("tensor", "double", "array", "list", "mapping", "arrays", "lists"),
        *("reversed", "columns first", "other bytes", "objects", "list of tensors"),
        *("data frame", "nullable", "series"),
    ],
)
def test_vectors_are_taken_as_they_are(given: Any) -> None:
    x = vectors_of(given)
    assert x.dtype == torch.float32
    assert torch.equal(x, X)


@pytest.mark.parametrize("key", [1, 1.0, np.int64(1), b"1", " 1 "])
def test_keys_are_the_ids_that_a_catalogue_makes_of_them(key: Any) -> None:
    data = make()
    data["item"].id = ["1", "b", "c"]
    vectors = {key: X[0], "b": X[1], "c": X[2]}
    assert SetVectors(vectors)(data)["item"].x.equal(X)
    frame = pd.DataFrame(X.numpy(), index=pd.Index([*vectors], dtype=object))
    assert SetVectors(frame)(data)["item"].x.equal(X)


def test_files_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", X.numpy())
    save_file({"x": X}, tmp_path / "rows.safetensors")
    save_file(
        {item: row.clone() for item, row in BY_ID.items()},
        tmp_path / "by_id.safetensors",
    )
    for file in tmp_path.iterdir():
        assert torch.equal(vectors_of(file), X), file
        assert torch.equal(vectors_of(str(file)), X), file


def test_the_result_does_not_share_memory_with_what_was_given() -> None:
    given = X.clone()
    vectors_of(given).zero_()
    assert torch.equal(given, X)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (X[:2], "shape [3, C]"),
        (X[:, 0], "got [3]"),
        (torch.where(X == 4, torch.nan, X), "nan for 'b'"),
        ({"a": X[0]}, "2 of 3 items, such as ['b', 'c']"),
        ({}, "3 of 3 items"),
        ({**BY_ID, "b": torch.ones(3)}, "[3] for 'b' after [2]"),
        ({**BY_ID, "b": X[1:2]}, "[1, 2] for 'b' after [2]"),
        ({**BY_ID, "b": [1.0, float("nan")]}, "nan for 'b'"),
        ({**BY_ID, 1: X[0], "1": X[1]}, "each id once in 'SetVectors' (got '1' again)"),
        ({**BY_ID, None: X[0]}, "'vectors' needs an id in every row of keys (got None"),
        (pd.DataFrame(X.numpy(), index=[*"aba"]), "(got 'a' again)"),
        (pd.DataFrame(X.numpy()), "3 of 3 items, such as ['a', 'b', 'c']"),
        (pd.DataFrame({"a": ["pen"]}), "need to be numbers in 'SetVectors' (got"),
        ({**BY_ID, "b": ["pen", "ink"]}, "numbers in 'SetVectors' (got ['pen', 'ink']"),
        ([[1.0], [1.0, 2.0]], "numbers in 'SetVectors' (got [[1.0], [1.0, 2.0]]: "),
        (pd.Series([1.0, 2.0], index=["a", "b"]), "shape [] for 'a'"),
    ],
)
def test_unusable_vectors_are_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        vectors_of(given)


def test_unusable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing.npy"):
        SetVectors(tmp_path / "missing.npy")
    for name in ("broken.npy", "broken.safetensors", "vectors.csv"):
        (tmp_path / name).write_bytes(b"1,2,3")
        with pytest.raises(ValueError, match=name):
            SetVectors(tmp_path / name)
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match=r"pickled.npy.*allow_pickle"):
        SetVectors(tmp_path / "pickled.npy")
    np.save(tmp_path / "hole.npy", torch.where(X == 4, torch.nan, X).numpy())
    with pytest.raises(ValueError, match=r"hole.npy' \(got nan for 'b'"):
        vectors_of(tmp_path / "hole.npy")


def test_dataset_caches_tell_different_vectors_apart() -> None:
    assert identity(SetVectors(X)) == identity(SetVectors(X.numpy()))
    assert identity(SetVectors(X)) != identity(SetVectors(X + 1e-6))
    other_ids = dict(zip("bac", X, strict=True))
    assert identity(SetVectors(dict(zip("abc", X, strict=True)))) != identity(
        SetVectors(other_ids)
    )
