"""The tables of an invented shop, to try the command line on.

    python examples/invented_shop.py [--out DIR]

Writes ``purchases.csv`` and ``items.csv``; docs/command-line.md goes on with them.
"""

import argparse
from pathlib import Path

import pandas as pd

from lrdgraph.datasets import PlantedRelations

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the tables")
parser.add_argument("--num-users", type=int, default=1000)
parser.add_argument("--num-items", type=int, default=480)
args = parser.parse_args()

data = PlantedRelations(num_users=args.num_users, num_items=args.num_items)[0]
users, items, bought = data["user"], data["item"], data["user", "interacts", "item"]
user, item = bought.edge_index.tolist()
time = pd.to_datetime(bought.time.numpy(), unit="s").date
args.out.mkdir(parents=True, exist_ok=True)
pd.DataFrame(
    {
        "user_id": [users.id[index] for index in user],
        "item_id": [items.id[index] for index in item],
        "time": time,
    }
).to_csv(args.out / "purchases.csv", index=False)
pd.DataFrame(
    {
        "item_id": items.id,
        "title": items.title,
        "category": items.category,
        "brand": items.brand,
    }
).to_csv(args.out / "items.csv", index=False)
print(f"{len(item)} purchases of {len(users.id)} users and {len(items.id)} items")
