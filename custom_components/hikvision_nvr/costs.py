"""What the bucket costs a month, by a table of prices that the owner can set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.const import CONF_CURRENCY

from .const import CONF_UPLOAD_PRICE, DEFAULT_CURRENCY
from .model import BucketTotal
from .offsite.classes import CLASSES

DEFAULT_UPLOAD_PRICE: Final = CLASSES["STANDARD"].put
"""Of 1000 uploads into the STANDARD class."""

DEFAULT_PRICES: Final[Mapping[str, float]] = {
    name: CLASSES[name].month
    for name in ("STANDARD", "STANDARD_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
}
"""US dollars for a GB-month, of the storage classes that the owner is asked about."""

_GIGABYTE: Final = 1 << 30
_DAYS_A_MONTH: Final = 30
_COLD: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_COLD_OVERHEAD: Final = 32 << 10
_NAME_OVERHEAD: Final = 8 << 10
"""Bytes that AWS bills with each object in a cold class: 32 KiB in that class for its
index, 8 KiB as STANDARD for its name (AWS S3 pricing page)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A table of prices: ``storage`` for a GB-month, ``upload`` for 1000 uploads."""

    currency: str
    storage: Mapping[str, float]
    upload: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a month costs: what is stored now, and uploads as many as today."""

    storage: float
    uploads: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.storage + self.uploads


def prices(options: Mapping[str, Any]) -> Prices:
    """Return the owner's prices, where there are none those of AWS."""
    return Prices(
        currency=options.get(CONF_CURRENCY, DEFAULT_CURRENCY),
        storage={
            storage_class: options.get(price_key(storage_class), default)
            for storage_class, default in DEFAULT_PRICES.items()
        },
        upload=options.get(CONF_UPLOAD_PRICE, DEFAULT_UPLOAD_PRICE),
    )


def price_key(storage_class: str) -> str:
    """Return the name under which a class's price is kept."""
    return f"price_{storage_class.lower()}"


def monthly_cost(
    totals: Iterable[BucketTotal], uploads_a_day: int, table: Prices
) -> Cost:
    """Return what a month costs; a class without a price counts as STANDARD.

    Requests other than uploads, retrieval, egress and taxes are not in it.
    """
    standard = table.storage["STANDARD"]
    storage = 0.0
    for total in totals:
        price = table.storage.get(total.storage_class, standard)
        size = total.bytes
        if total.storage_class in _COLD:
            size += total.objects * _COLD_OVERHEAD
            storage += total.objects * _NAME_OVERHEAD / _GIGABYTE * standard
        storage += size / _GIGABYTE * price
    return Cost(
        storage=storage,
        uploads=uploads_a_day * _DAYS_A_MONTH / 1000 * table.upload,
    )
