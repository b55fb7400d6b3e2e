"""Make `crema_d_splits.csv`, the committed lists of actors, from CREMA-D's demographics.

    python -m etl.corpora.make_crema_d_splits CREMA-D/VideoDemographics.csv > lists.csv

Of many seeded shuffles of the 91 actors it takes the one whose parts (70, 10, 11) are most alike
in sex, age, race and ethnicity. Run again, it gives the committed file.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from emotalk.schema import SPLITS, Doubles

SIZES = (70, 10, 11)
SEED = 0
SHUFFLES = 200_000
BATCH = 10_000
AGES = (20, 30, 45, 100)  # borders of the age groups, years
TRAITS = ("Sex", "Race", "Ethnicity", "Age")


def main(table: Path) -> None:
    """Print the lists as CSV: actor, split."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        split_of = balanced_splits(list(csv.DictReader(file)))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("actor", "split"))
    writer.writerows(sorted(split_of.items()))


def balanced_splits(people: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return each actor's split."""
    people = sorted(people, key=lambda row: row["ActorID"])
    traits = one_hot(people)
    random = np.random.Generator(np.random.PCG64(SEED))
    best, order = np.inf, np.arange(len(people))
    for _ in range(SHUFFLES // BATCH):
        orders = random.permuted(np.tile(np.arange(len(people)), (BATCH, 1)), axis=1)
        unlike = imbalance(traits[orders])
        if unlike.min() < best:
            best, order = float(unlike.min()), orders[unlike.argmin()]
    names = [name for name, size in zip(SPLITS, SIZES, strict=True) for _ in range(size)]
    return {people[index]["ActorID"]: name for index, name in zip(order, names, strict=True)}


def one_hot(people: Sequence[Mapping[str, str]]) -> Doubles:
    """Return one column for each value of each trait (people, values), 1 where it applies."""
    values = [[_value(row, trait) for row in people] for trait in TRAITS]
    columns = [
        [float(value == kind) for value in column]
        for column in values
        for kind in sorted({*column})
    ]
    return np.array(columns).T


def imbalance(traits: Doubles) -> Doubles:
    """Return the imbalance of splits: largest difference of a value's share from the whole's.

    `traits` is (..., people, values), people in the order train, val, test.
    """
    whole = traits.mean(-2)
    parts = np.split(traits, np.cumsum(SIZES)[:-1], axis=-2)
    unlike: Doubles = np.stack([np.abs(part.mean(-2) - whole).max(-1) for part in parts]).max(0)
    return unlike


def _value(row: Mapping[str, str], trait: str) -> str:
    if trait != "Age":
        return row[trait]
    return str(int(np.searchsorted(AGES, float(row[trait]), side="right")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
