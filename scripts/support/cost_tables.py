"""Prints the tables of docs/guide/costs.md from the prices that the integration uses.

.venv/dev/bin/python -m scripts.support.cost_tables
"""

from collections.abc import Iterable
from dataclasses import dataclass

from custom_components.hikvision_nvr.costs import DEFAULT_PRICES, monthly_cost, prices
from custom_components.hikvision_nvr.model import BucketTotal
from custom_components.hikvision_nvr.offsite.classes import CLASSES

READ = {
    "STANDARD": "at once",
    "STANDARD_IA": "at once",
    "GLACIER_IR": "at once; one picture without the rest",
    "GLACIER": "after a restore: minutes to 12 hours",
    "DEEP_ARCHIVE": "after a restore: 12 to 48 hours",
}
ARCHIVE_CLASSES = ("GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_KILOBYTE = 1000


@dataclass(frozen=True, slots=True)
class House:
    """Cameras, and what each of them delivers a day."""

    cameras: int
    pictures: int
    kilobytes: int

    def month(self, storage_class: str | None) -> float:
        """Return a month's cost once a year of pictures is kept, in US$.

        With a class, all but the last 30 days are in one archive a camera and day.
        """
        a_day = self.cameras * self.pictures
        size = a_day * self.kilobytes * _KILOBYTE
        days = 365 if storage_class is None else 30
        totals = [_total("STANDARD", days * a_day, days * size)]
        archiving = 0.0
        if storage_class is not None:
            old = 365 - days
            totals.append(_total(storage_class, old * self.cameras, old * size))
            archives = 30 * self.cameras
            archiving = archives / 1000 * CLASSES[storage_class].put
        return monthly_cost(totals, a_day, prices({})).total + archiving


HOUSES = (House(2, 100, 300), House(4, 300, 300), House(12, 2000, 200))


def _total(storage_class: str, objects: int, size: int) -> BucketTotal:
    return BucketTotal(
        camera="", storage_class=storage_class, objects=objects, bytes=size
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines.extend(list(row) for row in rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def class_table() -> str:
    """Return what the classes cost and demand."""
    return _table(
        (
            "Class",
            "$ for a GB-month",
            "Billed at least",
            "1,000 PUTs, $",
            "Reading a GB, $",
            "To read it",
        ),
        (
            (
                name,
                f"{CLASSES[name].month:.5f}".rstrip("0"),
                f"{days} days" if (days := CLASSES[name].minimum_days) else "–",
                f"{CLASSES[name].put:.3f}".rstrip("0"),
                f"{CLASSES[name].retrieval:.2f}" if CLASSES[name].retrieval else "–",
                READ[name],
            )
            for name in DEFAULT_PRICES
        ),
    )


def house_table() -> str:
    """Return what houses cost a month, with each way to keep old days."""
    return _table(
        ("House", "All in STANDARD", *(f"older in {one}" for one in ARCHIVE_CLASSES)),
        (
            (
                (
                    f"{house.cameras} cameras, {house.pictures:,} pictures a day each"
                    f" of {house.kilobytes} KB"
                ),
                *(f"${house.month(one):.2f}" for one in (None, *ARCHIVE_CLASSES)),
            )
            for house in HOUSES
        ),
    )


if __name__ == "__main__":
    print(class_table(), house_table(), sep="\n\n")
