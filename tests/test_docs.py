"""The documents are true: links lead somewhere, nothing is left out, figures are ours."""

from functools import cache
import json
from pathlib import Path
import re
from typing import Any
from urllib.parse import unquote

from botocore import xform_name
from botocore.session import get_session
from PIL import Image
import pytest
import yaml

from custom_components.hikvision_nvr.receiver.file_names import compile_template
from scripts.support import cost_tables
from scripts.support.screenshots import PICTURES

ROOT = Path(__file__).resolve().parents[1]
GUIDE = ROOT / "docs" / "guide"
IMAGES = ROOT / "docs" / "images"
INTEGRATION = ROOT / "custom_components" / "hikvision_nvr"
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
TEXTS: dict[str, Any] = json.loads(
    (INTEGRATION / "translations" / "en.json").read_text(encoding="utf-8")
)
WIDEST = 1280
HEAVIEST = 400_000
"""Bytes of a picture: whoever reads the guide on a phone pays for it."""

_FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _prose(path: Path) -> str:
    """Return a document without its blocks of code."""
    return _FENCE.sub("", _text(path))


@cache
def _anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub gives to a document's headings."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *$", _prose(path), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = sum(one == anchor for one in found)
        found.append(anchor)
        if count:
            found.append(f"{anchor}-{count}")
    return set(found)


def _section(path: Path, heading: str) -> str:
    """Return what stands below a heading, until the next of its level or above."""
    match = re.search(
        rf"^(#+) {re.escape(heading)} *$(.*?)(?=^#{{1,6}} |\Z)",
        _prose(path),
        re.MULTILINE | re.DOTALL,
    )
    assert match, f"{_name(path)} has no section {heading}"
    return match[2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_each_link_leads_somewhere(document: Path) -> None:
    for link in _LINK.findall(_prose(document)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in _anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_headings_and_blocks_of_code_are_whole(document: Path) -> None:
    text = _text(document)
    assert text.count("```") % 2 == 0
    for language, block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL):
        if language == "yaml":
            yaml.safe_load(block)
        elif language == "json":
            json.loads(block)


def test_the_index_leads_to_each_page_of_the_guide() -> None:
    links = {
        link.partition("#")[0] for link in _LINK.findall(_text(GUIDE / "README.md"))
    }
    pages = {page.name for page in GUIDE.glob("*.md")} - {"README.md"}
    assert pages <= links


def test_pictures_are_those_of_the_script_and_small() -> None:
    """No picture is made by hand, none is left over, and each is shown somewhere."""
    shown = {
        (document.parent / link).resolve()
        for document in DOCUMENTS
        for link in re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)", _text(document))
        if not link.startswith("http")
    }
    made = {IMAGES / name for name in PICTURES}
    assert set(IMAGES.glob("*.png")) == made
    assert {path for path in shown if path.suffix == ".png"} == made
    for path in made:
        assert path.stat().st_size <= HEAVIEST, path.name
        with Image.open(path) as image:
            assert image.width <= WIDEST, path.name


@pytest.mark.parametrize(
    "service", yaml.safe_load((INTEGRATION / "services.yaml").read_text())
)
def test_each_action_and_each_of_its_fields_is_explained(service: str) -> None:
    section = _section(GUIDE / "actions.md", service)
    for field in TEXTS["services"][service].get("fields", {}):
        assert f"`{field}`" in section, field


@pytest.mark.parametrize(
    ("platform", "key"),
    [
        (platform, key)
        for platform, entities in TEXTS["entity"].items()
        for key, entity in entities.items()
        if "name" in entity
    ],
)
def test_each_entity_is_explained(platform: str, key: str) -> None:
    name = TEXTS["entity"][platform][key]["name"]
    assert f"*{name}*" in _text(GUIDE / "entities.md")


@pytest.mark.parametrize("issue", TEXTS["issues"])
def test_each_repair_is_explained(issue: str) -> None:
    texts = TEXTS["issues"][issue]
    title = re.sub(r"\{\w+\}", "…", texts["title"])
    fixed = "✔" if "fix_flow" in texts else ""
    assert f"| {title} | {fixed} | " in _section(
        GUIDE / "troubleshooting.md", "Repairs"
    )


def _labels(step: dict[str, Any]) -> set[str]:
    labels = set(step.get("data", {}).values())
    for section in step.get("sections", {}).values():
        labels |= set(section.get("data", {}).values())
    return labels


@pytest.mark.parametrize(
    "step",
    [
        *("config.step.user", "config.step.certificate", "config.step.s3"),
        *(f"options.step.{name}" for name in TEXTS["options"]["step"]),
        *(
            f"config_subentries.camera.step.{name}"
            for name in ("other", "delivery", "reconfigure", "provision")
        ),
    ],
)
def test_each_field_of_a_form_is_explained(step: str) -> None:
    found = TEXTS
    for part in step.split("."):
        found = found[part]
    # "User name on the camera, password on the camera" is said in one.
    text = " ".join(_text(GUIDE / "settings.md").split()).replace(
        "User name, password on the camera",
        "User name on the camera, Password on the camera",
    )
    for label in _labels(found):
        assert re.search(rf"(?<![\w-]){re.escape(label)}(?![\w-])", text), label


def test_figures_of_costs_are_those_of_the_command() -> None:
    text = _text(GUIDE / "costs.md")
    assert cost_tables.class_table() in text
    assert cost_tables.house_table() in text


def test_templates_of_the_guide_can_be_entered() -> None:
    section = _section(GUIDE / "other-brands.md", "Names of your own")
    rows = re.findall(r"^\| `([^`]+\.jpg)` \| `([^`]+)` \|$", section, re.MULTILINE)
    assert rows
    for name, template in rows:
        pattern = compile_template(template).pattern
        assert pattern.fullmatch(name.removesuffix(".jpg")), name


PERMISSIONS = {
    "abort_multipart_upload": "AbortMultipartUpload",
    "complete_multipart_upload": "PutObject",
    "copy_object": "PutObject",
    "create_multipart_upload": "PutObject",
    "delete_object": "DeleteObject",
    "delete_objects": "DeleteObject",
    "get_bucket_versioning": "GetBucketVersioning",
    "get_object": "GetObject",
    "get_object_lock_configuration": "GetBucketObjectLockConfiguration",
    "get_object_tagging": "GetObjectTagging",
    "head_bucket": "ListBucket",
    "head_object": "GetObject",
    "list_multipart_uploads": "ListBucketMultipartUploads",
    "list_objects_v2": "ListBucket",
    "list_parts": "ListMultipartUploadParts",
    "put_object": "PutObject",
    "restore_object": "RestoreObject",
    "upload_part": "PutObject",
    "upload_part_copy": "PutObject",
}
"""What each request of S3 needs (Service Authorization Reference of AWS)."""
IN_HEADERS = {"Tagging": "PutObjectTagging", "ObjectLockMode": "PutObjectRetention"}
"""What a request needs as well that has this parameter."""


def _policies(path: Path) -> list[list[set[str]]]:
    """Return the policies of a document: the actions of each statement."""
    return [
        [set(statement["Action"]) for statement in json.loads(block)["Statement"]]
        for block in re.findall(r"```json\n(.*?)```", _text(path), re.DOTALL)
    ]


def test_the_policies_of_the_readme_are_those_of_the_guide() -> None:
    """Append-only is the same without what deletes, and what archives need back."""
    (whole,) = _policies(GUIDE / "s3.md")
    append_only = [
        actions - {"s3:DeleteObject", "s3:RestoreObject"} for actions in whole
    ]
    assert _policies(ROOT / "README.md") == [whole, append_only]


def test_the_policy_of_the_guide_is_what_the_integration_asks_for() -> None:
    """Each request that is made has its permission, and there is none for nothing."""
    (block,) = re.findall(r"```json\n(.*?)```", _text(GUIDE / "s3.md"), re.DOTALL)
    allowed = {
        action.removeprefix("s3:")
        for statement in json.loads(block)["Statement"]
        for action in statement["Action"]
    }
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (INTEGRATION / "offsite").glob("*.py")
    )
    operations = get_session().get_service_model("s3").operation_names
    made = {
        name
        for name in map(xform_name, operations)
        if re.search(rf"\.{name}\(|[\"']{name}[\"']", code)
    }
    asked = {PERMISSIONS[request] for request in made}
    asked |= {
        permission
        for parameter, permission in IN_HEADERS.items()
        if re.search(rf"\b{parameter}\b", code)
    }
    assert asked == allowed
