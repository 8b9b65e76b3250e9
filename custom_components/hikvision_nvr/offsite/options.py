"""Storage class and tags of an object, as far as the service takes them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import ClientError

from ..errors import OffsiteAccessDeniedError, OffsiteError
from .bucket import DEFAULT_CLASS
from .failure import code_of, kind_of, status_of

_REFUSALS: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)
_NOT_ABOUT_OPTIONS: Final = frozenset({"BadDigest", "InvalidDigest", "NoSuchKey"})
_CLASS_REFUSED: Final = "InvalidStorageClass"


def option_variants(
    options: Mapping[str, Any], storage_class: str, tagging: str
) -> list[dict[str, Any]]:
    """Return the options with class and tags, and then with less and less of both."""
    in_class = {} if storage_class == DEFAULT_CLASS else {"StorageClass": storage_class}
    tagged = {"Tagging": tagging}
    variants: list[dict[str, Any]] = []
    for extra in ({**in_class, **tagged}, in_class, tagged, {}):
        variant = {**options, **extra}
        if variant not in variants:
            variants.append(variant)
    return variants


async def first_accepted[T](
    request: Callable[[Mapping[str, Any]], Awaitable[T]],
    variants: Sequence[Mapping[str, Any]],
) -> tuple[T, Mapping[str, Any]]:
    """Try variants of a request until the service takes one; raise its last refusal.

    Services refuse a class or tags with all kinds of codes (InvalidStorageClass,
    InvalidArgument, NotImplemented, AccessDenied), so it is tried, not looked up.
    """
    remaining = list(variants)
    while True:
        variant = remaining.pop(0)
        try:
            return await request(variant), variant
        except ClientError as error:
            if not _is_refusal(error):
                raise
            if code_of(error) == _CLASS_REFUSED:
                remaining = [
                    other for other in remaining if "StorageClass" not in other
                ]
            if not remaining:
                raise


def _is_refusal(error: ClientError) -> bool:
    return (
        status_of(error) in _REFUSALS
        and kind_of(error) in {OffsiteError, OffsiteAccessDeniedError}
        and code_of(error) not in _NOT_ABOUT_OPTIONS
    )
