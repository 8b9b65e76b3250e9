"""Reads what the path of an uploaded file says: type, channel and time of the event.

Each brand has a table of the forms of its names. They are an open set: a name that
fits none is no error, the file is kept all the same. ``DETECTION_WORDS`` are the words
for detections that are read in names of any brand.
"""

from contextlib import suppress
from datetime import datetime, tzinfo

from ...model import Brand, CaptureKind, DetectionType, Sighting
from . import axis, dahua, generic, hikvision, reolink, tvt, uniview, vivotek
from .connection_test import is_connection_test
from .form import Certainty, Form, UploadPath
from .template import (
    PLACEHOLDERS as TEMPLATE_PLACEHOLDERS,
    TemplateError,
    compile_template,
)
from .times import believable, name_time
from .words import COMMON_WORDS, DETECTION_WORDS, meaning

__all__ = (
    "DETECTION_WORDS",
    "TEMPLATE_PLACEHOLDERS",
    "TemplateError",
    "compile_template",
    "is_connection_test",
    "read_file_name",
)

_SNAPSHOT_SUFFIXES = frozenset({".jpg", ".jpeg"})
_CLIP_SUFFIXES = frozenset({".mp4", ".avi", ".dav", ".mkv", ".mov", ".ts"})

_TABLES = (hikvision, dahua, tvt, axis, vivotek, reolink, uniview)
_FORMS = tuple(form for table in _TABLES for form in table.FORMS)
# Sorting keeps the order of the tables within a certainty.
_AUTODETECTED = (
    *sorted(
        (form for form in _FORMS if form.certainty < Certainty.ONLY_IF_CHOSEN),
        key=lambda form: form.certainty,
    ),
    *generic.FORMS,
)
_BY_BRAND = {
    brand: (*(form for form in _FORMS if form.brand is brand), *generic.FORMS)
    for brand in Brand
}


def read_file_name(
    path: str,
    *,
    brand: Brand,
    arrived: datetime,
    time_zone: tzinfo,
    template: str | None = None,
) -> Sighting:
    """Return what the path that a camera uploaded to says about the file.

    ``time_zone`` is the zone of the camera's clock. Without a believable time in the
    name the event time is ``arrived``. ``template`` is the owner's, for the brand
    TEMPLATE; one that ``compile_template`` refuses fits no name.
    """
    upload = UploadPath.of(path)
    kind = _kind(upload.suffix)
    if brand is Brand.OTHER:
        return Sighting(
            kind=kind,
            type=None if kind is CaptureKind.OTHER else DetectionType.MOTION,
            raw_type=None,
            channel=None,
            event_time=arrived,
        )
    form, found = _find(upload, brand, template)
    when = name_time(found, arrived, time_zone)
    if when is None:
        times = (name_time(time, arrived, time_zone) for time in generic.times(upload))
        when = next(filter(None, times), None)
    event = found.get("event")
    if event is not None and event.replace("_", "").isdecimal():
        event = None
    if event is None and form is None:
        event = generic.event(upload)
    if event is not None:
        words = COMMON_WORDS if form is None else form.vocabulary
        detection_type = meaning(event, words)
    else:
        detection_type = DetectionType.OTHER if form is None else form.unnamed
    if kind is CaptureKind.OTHER:
        # An index or a list beside a clip was not what the camera saw.
        event = detection_type = None
    return Sighting(
        kind=kind,
        type=detection_type,
        raw_type=event,
        channel=found.get("channel"),
        event_time=when if when is not None and believable(when, arrived) else arrived,
        plate=found.get("plate"),
        brand=None if form is None else form.brand,
        name_time=when,
    )


def _find(
    upload: UploadPath, brand: Brand, template: str | None
) -> tuple[Form | None, dict[str, str]]:
    """Return the first form that fits, with what it found."""
    forms = _AUTODETECTED if brand is Brand.AUTO else _BY_BRAND[brand]
    if brand is Brand.TEMPLATE and template is not None:
        # The owner was told when it was entered; no file is lost for it.
        with suppress(TemplateError):
            forms = (compile_template(template), *forms)
    for form in forms:
        found = form.match(upload)
        if found is not None:
            return form, found
    return None, {}


def _kind(suffix: str) -> CaptureKind:
    if suffix in _SNAPSHOT_SUFFIXES:
        return CaptureKind.SNAPSHOT
    if suffix in _CLIP_SUFFIXES:
        return CaptureKind.CLIP
    return CaptureKind.OTHER
