"""Every text that the owner may see exists, and none is left over."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any, get_args

from homeassistant.data_entry_flow import section
from homeassistant.util.yaml import load_yaml_dict
import pytest
import voluptuous as vol

from custom_components import hikvision_nvr
from custom_components.hikvision_nvr import (
    device_services,
    errors,
    forms,
    recording_services,
    recording_settings,
    self_test_service,
    services,
)
from custom_components.hikvision_nvr.const import WEEKDAYS
from custom_components.hikvision_nvr.model import (
    Brand,
    DetectionType,
    LockMode,
    OffsiteRecordings,
    RecordingMode,
    Security,
    StreamReader,
)
from custom_components.hikvision_nvr.receiver.file_names import template

FOLDER = Path(hikvision_nvr.__file__).parent
TEXTS: dict[str, Any] = json.loads((FOLDER / "translations/en.json").read_text())
ICONS: dict[str, Any] = json.loads((FOLDER / "icons.json").read_text())
SERVICES = load_yaml_dict(str(FOLDER / "services.yaml"))
CONFIG = TEXTS["config"]
CAMERA = TEXTS["config_subentries"]["camera"]
TEMPLATE_REASONS = set(get_args(template.Reason.__value__))


def kinds(base: type[errors.RecorderError]) -> Iterator[type[errors.RecorderError]]:
    yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


def fields(schema: vol.Schema) -> set[str]:
    return {str(key) for key, kind in schema.schema.items() if not _is_section(kind)}


def _is_section(kind: object) -> bool:
    return isinstance(kind, section)


@pytest.mark.parametrize(
    ("step", "schema"),
    [
        (CONFIG["step"]["user"], forms.RECORDER_FORM),
        (CONFIG["step"]["reconfigure"], forms.RECORDER_FORM),
        (CONFIG["step"]["certificate"], forms.CERTIFICATE_FORM),
        (CONFIG["step"]["s3"], forms.S3_FORM),
        (CONFIG["step"]["reauth_confirm"], forms.S3_KEYS_FORM),
        (TEXTS["options"]["step"]["prices"], forms.PRICES_FORM),
        (TEXTS["options"]["step"]["recordings"], recording_settings.RECORDINGS_FORM),
        (TEXTS["options"]["step"]["upkeep"], forms.UPKEEP_FORM),
        (CAMERA["step"]["other"], forms.CAMERA_FORM),
        (CAMERA["step"]["device"], forms.DEVICE_FORM),
        (CONFIG["step"]["device"], forms.DEVICE_FORM),
        (CONFIG["step"]["reauth_camera"], forms.DEVICE_PASSWORD_FORM),
        (CAMERA["step"]["delivery"], forms.DELIVERY_FORM),
        (CAMERA["step"]["reconfigure"], forms.CAMERA_AND_DELIVERY_FORM),
    ],
)
def test_each_field_has_a_name_and_says_what_it_is_for(
    step: dict[str, Any], schema: vol.Schema
) -> None:
    assert step["title"]
    assert set(step["data"]) == set(step["data_description"]) == fields(schema)
    for key, kind in schema.schema.items():
        if _is_section(kind):
            texts = step["sections"][str(key)]
            assert (
                set(texts["data"])
                == set(texts["data_description"])
                == fields(kind.schema)
            )


@pytest.mark.parametrize("kind", list(kinds(errors.RecorderError)))
def test_each_error_of_the_recorder_has_a_text(
    kind: type[errors.RecorderError],
) -> None:
    text = TEXTS["exceptions"][kind.key]["message"]
    if issubclass(kind, errors.OffsiteError) and kind not in (
        errors.ArchiveError,
        errors.CaptureColdError,
        errors.CaptureGoneError,
        errors.RestoreError,
    ):
        # Whatever went wrong, the error's own words are shown.
        assert "{message}" in text
        assert CONFIG["error"][kind.key]


def test_each_key_used_in_code_has_a_text_and_each_text_is_used() -> None:
    code = "\n".join(
        path.read_text() for path in FOLDER.glob("*.py") if path.name != "errors.py"
    )
    from_rooms = {kind.key for kind in kinds(errors.RecorderError)}
    in_code = set(re.findall(r'"([a-z0-9_]+)"', code))
    options = TEXTS["options"]["error"]
    for group in (CONFIG["error"], CONFIG["abort"], TEXTS["exceptions"], options):
        assert set(group) <= in_code | from_rooms
    assert set(CAMERA["error"]) <= in_code | TEMPLATE_REASONS | from_rooms
    assert set(CAMERA["error"]) >= TEMPLATE_REASONS
    shown = set(re.findall(r'_errors\[[^]]+\] = "([a-z_]+)"', code)) | set(
        re.findall(r'[^_]errors\[[^]]+\] = "([a-z_]+)"', code)
    )
    assert len(shown) > 15
    repairs = {
        key
        for issue in TEXTS["issues"].values()
        for key in issue.get("fix_flow", {}).get("error", {})
    }
    assert shown <= {*CONFIG["error"], *CAMERA["error"], *options, *repairs}


def test_each_service_and_field_has_texts_and_an_icon() -> None:
    schemas = {
        services.SERVICE_SORT: services.SORT_SCHEMA,
        services.SERVICE_ARCHIVE: services.ARCHIVE_SCHEMA,
        services.SERVICE_PURGE: services.PURGE_SCHEMA,
        services.SERVICE_RESTORE: services.RESTORE_SCHEMA,
        services.SERVICE_VERIFY: services.VERIFY_SCHEMA,
        services.SERVICE_LIST_CAMERAS: services.ON_RECORDER_SCHEMA,
        services.SERVICE_LIST_FILES: services.LIST_FILES_SCHEMA,
        services.SERVICE_RETRY_UPLOADS: services.ON_RECORDER_SCHEMA,
        services.SERVICE_CANCEL: services.CANCEL_SCHEMA,
        recording_services.SERVICE_EXPORT: recording_services.EXPORT_SCHEMA,
        recording_services.SERVICE_FILL_GAPS: recording_services.TIME_SCHEMA,
        recording_services.SERVICE_PROTECT: recording_services.TIME_SCHEMA,
        recording_services.SERVICE_UNPROTECT: recording_services.TIME_SCHEMA,
        self_test_service.SERVICE_SELF_TEST: self_test_service.SELF_TEST_SCHEMA,
        device_services.SERVICE_SNAPSHOT: vol.Schema({}),
        device_services.SERVICE_PROVISION: vol.Schema(device_services.PROVISION_FIELDS),
    }
    assert set(SERVICES) == set(TEXTS["services"]) == set(schemas)
    assert set(ICONS["services"]) == set(schemas)
    for name, schema in schemas.items():
        texts = TEXTS["services"][name]
        assert texts["name"]
        assert texts["description"]
        described, told = SERVICES[name].get("fields", {}), texts.get("fields", {})
        assert set(described) == set(told) == fields(schema)
        assert all(field["name"] and field["description"] for field in told.values())


def test_each_choice_has_a_text() -> None:
    selector = {key: set(one["options"]) for key, one in TEXTS["selector"].items()}
    purge = SERVICES["purge"]["fields"]["scope"]["selector"]["select"]
    archive = SERVICES["archive"]["fields"]["storage_class"]["selector"]["select"]
    tier = SERVICES["restore"]["fields"]["tier"]["selector"]["select"]
    checks = SERVICES["verify"]["fields"]["checks"]["selector"]["select"]
    listed = SERVICES["list_files"]["fields"]["scope"]["selector"]["select"]
    assert selector == {
        "brand": set(Brand),
        "detection_type": set(forms.PROVISIONED_TYPES),
        "live_stream": {"main", "sub"},
        "media_order": {"newest", "oldest"},
        "lock_mode": set(LockMode),
        "recording_mode": set(RecordingMode),
        "recording_reader": set(StreamReader),
        "recording_offsite": set(OffsiteRecordings),
        "sync_interval": {"2", "10", "30"},
        "weekdays": set(WEEKDAYS),
        "certificate": {"generate", "files"},
        "security": set(Security),
        purge["translation_key"]: set(purge["options"]),
        archive["translation_key"]: set(archive["options"]),
        tier["translation_key"]: set(tier["options"]),
        checks["translation_key"]: set(checks["options"]),
        listed["translation_key"]: set(listed["options"]),
    }
    assert set(archive["options"]) == set(services.STORAGE_CLASSES)
    assert set(purge["options"]) == {
        *services.PurgeScope,
        services.SCOPE_LOCAL,
        services.SCOPE_RECORDINGS,
    }
    assert set(tier["options"]) == set(services.TIERS)
    assert set(checks["options"]) == set(services.CHECKS)
    assert set(listed["options"]) == set(services.ListScope)


def test_each_type_of_detection_has_a_text() -> None:
    attributes = TEXTS["entity"]["event"]["detection"]["state_attributes"]
    assert set(attributes["event_type"]["state"]) == set(DetectionType)


@pytest.mark.parametrize("step", ["other", "reconfigure"])
def test_each_placeholder_of_a_template_is_told(step: str) -> None:
    section = CAMERA["step"][step]["sections"]["advanced"]
    text = section["data_description"]["name_template"]
    told = set(re.findall(r"{(\w+)}", text))
    assert told == set(template.PLACEHOLDERS)


def test_a_text_of_an_issue_either_explains_or_leads_through_the_repair() -> None:
    assert all(
        issue["title"] and ("description" in issue) != ("fix_flow" in issue)
        for issue in TEXTS["issues"].values()
    )


def test_nothing_refers_to_texts_of_home_assistant() -> None:
    # Home Assistant does not resolve such references for custom integrations.
    assert "[%key:" not in json.dumps(TEXTS)
