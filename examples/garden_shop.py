"""What a small garden shop's system exports, to try the library on.

    python examples/garden_shop.py [--out DIR]

Writes ``orders_export.csv`` and ``products_export.csv`` with the columns that shop
systems such as Shopify give them; docs/exports.md goes on with them.
"""

import argparse
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random

import pandas as pd

VENDORS = ("Grünwerk", "Holt & Sons", "Veldra")
TOOLS = {
    "Hedge Trimmer": ("Spare Blade", "Blade Oil 500 ml", "Carry Sheath"),
    "Lawn Mower": ("Grass Bag", "Replacement Blade", "Spark Plug"),
    "Pressure Washer": ("Lance Extension", "Foam Bottle", "Detergent 5 L"),
    "Chainsaw": ("Chain 35 cm", "Chain Oil 1 L", "File Set"),
    "Leaf Blower": ("Collection Bag", "Nozzle Set", "Shoulder Strap"),
    "Garden Shredder": ("Reversible Blade", "Catch Sack", "Maintenance Spray"),
}
PLANTS = ("Tomato", "Basil", "Pumpkin", "Lettuce", "Carrot", "Sunflower")
CARE = (
    *("Potting Soil 20 L", "Tomato Fertiliser 1 kg", "Snail Barrier Tape"),
    *("Seed Trays (12)", "Watering Can 10 L", "Garden Gloves M", "Garden Gloves L"),
    "Plant Labels, Wood",
)


def catalogue() -> pd.DataFrame:
    """All products: what they are called, who makes them, of what type they are."""
    rows = []
    for tool, parts in TOOLS.items():
        sizes = product(VENDORS, ("18 V", "36 V"))
        rows += [(f"{who} {tool} {size}", who, tool) for who, size in sizes]
        rows += [
            (f"{who} {part} for {tool}", who, f"{tool} Parts")
            for part, who in product(parts, VENDORS)
        ]
    kinds = product(PLANTS, ("Early Joy", "Old Gold", "Nantes"))
    rows += [(f"{plant} Seeds '{kind}'", "Maier", "Seeds") for plant, kind in kinds]
    rows += [(title, "", "Garden Care") for title in CARE]
    table = pd.DataFrame(rows, columns=["Title", "Vendor", "Type"])
    numbers = [f"GS-{number:04d}" for number in range(1, len(table) + 1)]
    return table.assign(**{"Variant SKU": numbers})


def basket(random: Random) -> list[str]:
    """Titles in the order in which a customer buys them."""
    titles = []
    if random.random() < 0.7:  # a tool, and parts that fit it
        tool, vendor = random.choice([*TOOLS]), random.choice(VENDORS)
        titles.append(f"{vendor} {tool} {random.choice(('18 V', '36 V'))}")
        parts = random.sample(TOOLS[tool], random.randint(1, 3))
        titles += [f"{vendor} {part} for {tool}" for part in parts]
    if random.random() < 0.8 or not titles:
        plant = random.choice(PLANTS)
        kinds = random.sample(("Early Joy", "Old Gold", "Nantes"), random.randint(1, 2))
        titles += [f"{plant} Seeds '{kind}'" for kind in kinds]
        titles += random.sample(CARE, random.randint(1, 3))
    return titles


def orders(products: pd.DataFrame, num_customers: int) -> pd.DataFrame:
    """A line for each product of each order."""
    random, rows = Random(7), []
    number_of = dict(zip(products["Title"], products["Variant SKU"], strict=True))
    for customer in range(num_customers):
        name = random.choice(("anna", "ben", "carla", "dirk", "gül", "héctor"))
        day = datetime(2024, 1, 3) + timedelta(days=500 * random.random())
        for title in basket(random):
            day += timedelta(days=40 * random.random())
            paid = f"{day:%Y-%m-%d %H:%M:%S} +0100"
            mail = f"{name}{customer}@example.org"
            rows.append((mail, paid, 1, title, number_of[title]))
    columns = [f"Lineitem {name}" for name in ("quantity", "name", "sku")]
    return pd.DataFrame(rows, columns=["Email", "Paid at", *columns])


parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the tables")
parser.add_argument("--num-customers", type=int, default=700)
args = parser.parse_args()
products = catalogue()
args.out.mkdir(parents=True, exist_ok=True)
products.to_csv(args.out / "products_export.csv", index=False)
lines = orders(products, args.num_customers).sort_values("Paid at")
lines.to_csv(args.out / "orders_export.csv", index=False)
print(f"{len(lines)} lines of orders, {len(products)} products")
