"""What storage classes cost and demand (AWS, us-east-1, public prices of 2026, US$).

Other services have other prices; what is estimated from these is a guide, no bill.
"""

from dataclasses import dataclass
from typing import Final

GET_PRICE: Final = 0.0004
"""For 1000 GET requests of what is in STANDARD."""

_GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageClass:
    """A storage class.

    ``month`` is the price of a GiB for a month, ``put`` that of 1000 writing requests,
    ``retrieval`` that of reading a GiB. What is deleted before ``minimum_days`` is paid
    for until then. With ``restored`` it must be restored before it can be read.
    """

    month: float
    put: float
    retrieval: float = 0.0
    minimum_days: int = 0
    restored: bool = False


CLASSES: Final = {
    "STANDARD": StorageClass(month=0.023, put=0.005),
    "STANDARD_IA": StorageClass(
        month=0.0125, put=0.01, retrieval=0.01, minimum_days=30
    ),
    "ONEZONE_IA": StorageClass(month=0.01, put=0.01, retrieval=0.01, minimum_days=30),
    "GLACIER_IR": StorageClass(month=0.004, put=0.02, retrieval=0.03, minimum_days=90),
    "GLACIER": StorageClass(
        month=0.0036, put=0.03, retrieval=0.01, minimum_days=90, restored=True
    ),
    "DEEP_ARCHIVE": StorageClass(
        month=0.00099, put=0.05, retrieval=0.02, minimum_days=180, restored=True
    ),
}


def facts_of(storage_class: str) -> StorageClass:
    """Return the facts of a class; one that is not known counts as STANDARD."""
    return CLASSES.get(storage_class, CLASSES["STANDARD"])


def month_price(storage_class: str, size: int) -> float:
    """Return what so many bytes cost for a month."""
    return facts_of(storage_class).month * size / _GIB


def early_deletion_price(storage_class: str, size: int, age_days: float) -> float:
    """Return what deleting costs before the minimum duration is over; 0 after it."""
    left = max(0.0, facts_of(storage_class).minimum_days - age_days)
    return month_price(storage_class, size) * left / 30
