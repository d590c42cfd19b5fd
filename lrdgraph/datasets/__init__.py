"""Raw files in, one :class:`torch_geometric.data.HeteroData` out.

Every dataset, :func:`from_tables` and :func:`assemble`, the door that all of them go
through, give data of the same form, and everything after relies on it. With ``U``
users, ``N`` items and ``M`` interactions:

``data['user'].id``, ``data['item'].id``
    The external ids, lists of ``U`` and ``N`` strings. An id's place in the list is the
    number by which all tensors name the user or item. ``num_nodes`` is set on both.
``data['item'].text``
    ``N`` readable texts without HTML, whitespace collapsed; ``''`` where there is none.
``data['item'].title``, ``.category``, ``.brand`` ...
    Further attributes as far as the dataset has them, ``N`` strings each; ``''`` where
    unknown.
``data['user', 'interacts', 'item']``
    ``edge_index [2, M]`` (int64): grouped by user from 0 to ``U - 1``, in stable order
    of time within a user, so ties keep the order of the file. ``time [M]`` (int64):
    seconds. ``split [M]`` (int8): 0 train, 1 validation, 2 test, once a split is made;
    the train part of a user comes first, then validation, then test.
``data['item', <relation>, 'item'].edge_index``
    ``[2, E]`` (int64), one for each observed relation: directed, without repetitions
    and self loops, sorted by source. It may be empty.
``data['user'].val_negatives``, ``.test_negatives``
    Items to rank against, int64 ``[U, 99]``, where the files give them; -1 for a user
    without.
``data.split_hash``
    The first 16 hex digits of a sha256 over the split in external ids, wherever there
    is a split. Results with the same hash were measured on the same split.
``data.gold_edge_index``, ``.gold_edge_type``, ``.gold_relations``
    The true relations, where a dataset knows them: item pairs ``[2, E]``, the relation
    of each ``[E]`` and the names. They are for judging only, hence no edge type.
"""

from lrdgraph.datasets.amazon import AmazonReviews
from lrdgraph.datasets.assemble import INTERACTS, assemble, split_hash
from lrdgraph.datasets.base import ItemDataset
from lrdgraph.datasets.movielens import MovieLens
from lrdgraph.datasets.planted import PlantedRelations
from lrdgraph.datasets.rechorus import ReChorus
from lrdgraph.datasets.tables import from_tables

__all__ = [
    "INTERACTS",
    "AmazonReviews",
    "ItemDataset",
    "MovieLens",
    "PlantedRelations",
    "ReChorus",
    "assemble",
    "from_tables",
    "split_hash",
]
