"""What an S3 service can do, as far as it was tried."""

from dataclasses import asdict, dataclass
from datetime import datetime
import json


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What was found out about a bucket and its key, and when.

    ``conditional_*``: whether If-None-Match is honoured, and not just taken.
    ``checksum``: whether a wrong SHA-256 is refused. ``delete`` is a permission of the
    key. ``versioning`` and ``object_lock`` are None where the key may not ask.
    ``restore``: whether archived objects can be asked back.
    """

    conditional_put: bool
    conditional_complete: bool
    conditional_copy: bool
    copy: bool
    tagging: bool
    checksum: bool
    delete: bool
    multi_delete: bool
    restore: bool
    versioning: bool | None
    object_lock: bool | None
    storage_classes: tuple[str, ...]
    checked: datetime

    def to_json(self) -> str:
        """Return this as text that ``from_json`` reads."""
        return json.dumps({**asdict(self), "checked": self.checked.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> Capabilities:
        """Read ``to_json``; raises ValueError for what another release has written."""
        try:
            values = json.loads(text)
            values["storage_classes"] = tuple(values["storage_classes"])
            values["checked"] = datetime.fromisoformat(values["checked"])
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ValueError("These capabilities cannot be read") from error
