"""Words and title patterns of :class:`PlantedRelations`, shared by all its domains.

The patterns say what a product *is for*; being the same in every domain, they are what
a model can learn about a relation in one domain and use in another.
"""

TIERS = (
    *("Compact", "Pro", "Studio", "Home", "Family", "Premium", "Everyday", "Classic"),
    *("Slim", "Heavy-Duty", "Entry-Level", "Signature"),
)
LINES = (
    *(
        "Solis",
        "Arden",
        "Vento",
        "Nimbus",
        "Strata",
        "Orbit",
        "Pico",
        "Halden",
        "Tundra",
    ),
    *("Mistral", "Cobalt", "Sequoia", "Lumen", "Basalt", "Corsa", "Delta", "Ember"),
    *("Fjord", "Gala", "Heron", "Indigo", "Juniper", "Kestrel", "Larkspur", "Meridian"),
    *("Nova", "Onyx", "Prairie", "Quartz", "Ridge", "Sable", "Tempo", "Umbra", "Vireo"),
    *("Willow", "Xeno", "Yonder", "Zephyr", "Aspen", "Birch", "Cirrus", "Dune", "Echo"),
    *("Falcon", "Granite", "Harbor", "Iris", "Jade", "Karst", "Lotus", "Monsoon"),
)
GENERATIONS = (
    ("Mk I", "Mk II", "Mk III"),
    ("Gen 1", "Gen 2", "Gen 3"),
    ("1st Generation", "2nd Generation", "3rd Generation"),
    ("V1", "V2", "V3"),
    ("Original", "II", "III"),
)
HEADS = (
    *("Bor", "Cald", "Cor", "Dal", "Dov", "Fen", "Garn", "Hald", "Harr", "Ing", "Jor"),
    *("Kelm", "Lind", "Lor", "Mard", "Merr", "Norr", "Ost", "Pell", "Quill", "Rask"),
    *("Rosk", "Selk", "Stav", "Tarn", "Thal", "Ulv", "Varn", "Vesk", "Wend", "Yarr"),
    *("Zell", "Brenn", "Drav", "Elm", "Frid", "Grell", "Hask"),
)
MIDDLES = ("", "am", "el", "in", "or", "ul", "ard", "ess", "ov", "ick")
TAILS = (
    *("ane", "aro", "eby", "eck", "eno", "era", "ett", "evik", "ex", "ia", "igo"),
    *("ik", "ila", "ingen", "iro", "ista", "ivo", "oda", "olo", "ona", "oro", "ova"),
    *("um", "ura", "uso", "yx", "ander", "ovia", "ell"),
)

COLORS = ("Black", "White", "Navy Blue", "Forest Green", "Red", "Silver", "Rose Gold")
REMARKS = (
    *("2-Year Warranty", "Gift Box", "Made in Portugal", "Best Seller", "BPA-Free"),
    *("Recycled Packaging", "Renewed", "Limited Edition", "Easy-Open Packaging"),
    *("Vegan", "Value Line", "Award Winner 2021", "Designed in Oslo"),
)
"""What a shop adds to any title, whatever the product: noise to a relation model."""

DEVICE_TITLES = (
    "{brand} {line} {generation} {tier} {device}, {spec}, {system} System",
    "{brand} {line} {generation} {device} with {spec}, {tier} Model, {system} System",
    "{tier} {device} {brand} {line} {generation} ({spec}, {system} System)",
    "{brand} {tier} {device}, {line} {generation}, {spec}, {system}",
    "{line} {generation} {device} by {brand}, {tier} Class, {system}, {spec}",
)
REFILL_TITLES = (
    "{brand} {system} {part} Refill, {variant}, for {line} {generation} {device}",
    "Genuine {brand} Replacement {part} {system} for {line} {generation}, {variant}",
    "{variant} Refill {part} for {brand} {line} {generation} {device}, {system}",
    "{brand} Original {part} for {line} {generation}, {variant}, Replaces {system}",
    "{part} ({variant}), {system} Refill for {device} {brand} {line} {generation}",
)
THIRD_PARTY_TITLES = (
    "{maker} Refill {part} Compatible with {brand} {line} {generation} {system}, "
    "{variant}",
    "Third-Party Replacement {part} by {maker} for {brand} {line} {generation} "
    "{device} {system}, {variant}",
    "{variant} {part} by {maker}, Alternative Refill for {brand} {line} {generation} "
    "{system}",
    "{maker} Non-OEM {part} for {line} {generation} {device} by {brand}, {variant}, "
    "Replaces {system}",
)
ACCESSORY_TITLES = (
    "{part} Accessory for {brand} {line} {generation} {device}, Fits {system}",
    "{brand} {part}, Add-On for {line} {generation} {device} ({system} Fit)",
    "{brand} {line} {generation} Accessory: {part} for {system} {device}",
    "Custom-Fit {part} for {device} {brand} {line} {generation}, {system}",
    "{brand} {system} {part}, Optional Extra for {line} {generation}",
)
COMPANION_TITLES = (
    "{brand} {tier} {part} {generation}, Great for {activity}",
    "{brand} {part} {generation}, Ideal for {activity}, {tier} Model",
    "{tier} {part} by {brand}, {generation}, Made for {activity}",
    "{part} for {activity}, {brand} {generation}, {tier}",
)
SUPPLY_TITLES = (
    "{brand} {part}, Great for {activity}",
    "{brand} {tier} {part}, Ideal for {activity}",
    "{part} by {brand}, Made for {activity}",
    "{part} for {activity}, {brand}, {tier}",
)
