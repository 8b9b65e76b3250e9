"""Which captures the bucket is proven to have, so that their files may go."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..model import Capture
from .archive_parts import archived_parts, proven_members
from .bucket import Bucket, StoredObject
from .failure import readable_errors
from .local_source import has_content

if TYPE_CHECKING:
    from ..store import Store


async def proven_offsite(
    bucket: Bucket, store: Store, captures: Sequence[Capture]
) -> set[str]:
    """Return the ids of captures, all of one day, whose bytes the bucket has.

    What the catalogue says is not enough: the object must be there with the ETag that
    the file has, or the file must be in an archive that its index proves. Raises
    OffsiteError.
    """
    if not captures:
        return set()
    camera, day = captures[0].camera, captures[0].day
    with readable_errors(bucket.settings):
        objects = await bucket.listed(one.object_key for one in captures)
        archived: set[tuple[str, int]] = set()
        if any(one.archive_key for one in captures):
            parts = await archived_parts(bucket, camera, day)
            archived = {
                (proven.member.sha256, proven.member.size)
                for proven in (await proven_members(bucket, parts)).values()
            }
        return {
            one.id
            for one in captures
            if (one.archive_key and (one.sha256, one.size) in archived)
            or await _is_object(bucket, store, one, objects)
        }


async def _is_object(
    bucket: Bucket,
    store: Store,
    capture: Capture,
    objects: Mapping[str, StoredObject],
) -> bool:
    listed = objects.get(capture.object_key or "")
    if listed is None or listed.size != capture.size:
        return False
    path = store.path(capture)
    if await asyncio.to_thread(has_content, path, capture, listed.etag):
        return True
    # The ETag may tell nothing; what we have written ourselves says its hash.
    stored = await bucket.head(listed.key)
    return (
        stored is not None
        and stored.etag_is_opaque
        and stored.size == capture.size
        and stored.metadata.get("sha256") == capture.sha256
        and await asyncio.to_thread(has_content, path, capture, None)
    )
