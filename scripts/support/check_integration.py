"""Check what Home Assistant's hassfest and HACS would refuse, without a network.

Prints one line for each fault: the file, what is wrong, what to do. Exits with 1
when there is any. The texts, the services and the icons are also held against the
code, as far as the code says its keys as plain strings.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
import json
from pathlib import Path
import re
import struct
import sys
import tomllib
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "hikvision_nvr"
INTEGRATION = ROOT / "custom_components" / DOMAIN

# What core integrations install beside ours (2026.10 and 2026.11): a requirement of
# ours that left them out would break those integrations.
CORE_PINS = {
    "aiobotocore": "3.7.0",  # aws, aws_s3, cloudflare_r2, idrive_e2
    "aioftp": "0.21.3",  # yi
    "asyncssh": "2.24.0",  # sftp_storage
    "av": "19.0.0",  # stream, generic
}
# Home Assistant constrains or aliases these itself.
NOT_TO_LIST = {"boto3", "botocore", "voluptuous", "homeassistant", "aiohttp"}

MANIFEST_REQUIRED = (
    "domain",
    "name",
    "codeowners",
    "config_flow",
    "documentation",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "requirements",
    "version",
)
MANIFEST_ALLOWED = {
    *MANIFEST_REQUIRED,
    "after_dependencies",
    "bluetooth",
    "dependencies",
    "dhcp",
    "disabled",
    "homekit",
    "import_executor",
    "loggers",
    "mqtt",
    "quality_scale",
    "single_config_entry",
    "ssdp",
    "usb",
    "zeroconf",
}
IOT_CLASSES = {
    "assumed_state",
    "calculated",
    "cloud_polling",
    "cloud_push",
    "local_polling",
    "local_push",
}
INTEGRATION_TYPES = {"device", "hub", "service", "helper", "entity", "system"}
HACS_ALLOWED = {
    "content_in_root",
    "country",
    "filename",
    "hacs",
    "hide_default_branch",
    "homeassistant",
    "name",
    "persistent_directory",
    "render_readme",
    "zip_release",
}
TRANSLATIONS_ALLOWED = {
    "application_credentials",
    "common",
    "conditions",
    "config",
    "config_panel",
    "config_subentries",
    "device",
    "device_automation",
    "entity",
    "entity_component",
    "exceptions",
    "issues",
    "options",
    "selector",
    "services",
    "system_health",
    "title",
    "triggers",
}
# Abort reasons that Home Assistant says in its own words.
CORE_ABORTS = {"already_in_progress", "reauth_successful", "reconfigure_successful"}
# Abort reasons that its helpers give (`_abort_if_unique_id_configured` and others),
# with our words.
HELPERS_ABORTS = {"already_configured", "single_instance_allowed"}
PLATFORMS = {
    "binary_sensor",
    "button",
    "camera",
    "event",
    "image",
    "number",
    "select",
    "sensor",
    "switch",
    "update",
}
ICON_SIZES = (256, 512)

type Json = dict[str, Any]


@dataclass
class Faults:
    """What was found wrong."""

    lines: list[str] = field(default_factory=list)

    def add(self, place: Path | str, fault: str, remedy: str) -> None:
        """Remember one fault, with what to do about it."""
        name = place.relative_to(ROOT) if isinstance(place, Path) else place
        self.lines.append(f"{name}: {fault}; {remedy}")


def read_json(path: Path, faults: Faults) -> Json | None:
    """Return an object from a JSON file, or None after reporting why not."""
    if not path.is_file():
        faults.add(path, "is missing", "create it")
        return None
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=refuse_duplicates
        )
    except ValueError as err:
        faults.add(path, f"is not valid JSON ({err})", "correct it")
        return None
    if not isinstance(content, dict):
        faults.add(path, "is not a JSON object", "make it one")
        return None
    return content


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    """Build an object, refusing the second of two equal keys: it would win unseen."""
    content: Json = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"duplicate key {key!r}")
        content[key] = value
    return content


# --- manifest, HACS, brand -----------------------------------------------------


def version_parts(version: str) -> tuple[int, ...]:
    """Return a release number as numbers, without the zeros at its end."""
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def contains(specifier: str, version: str) -> bool:
    """Tell whether a range such as ``>=3.7.0,<4`` contains a release."""
    candidate = version_parts(version)
    for clause in specifier.split(","):
        match = re.fullmatch(r"\s*(>=|<=|<|>|!=|==|~=)\s*([0-9.]+)\s*", clause)
        if match is None:
            return False
        operator, bound = match[1], version_parts(match[2])
        # ~=1.4.2 means the series 1.4, from 1.4.2 on.
        series = tuple(int(part) for part in match[2].split("."))[:-1]
        holds = {
            ">=": candidate >= bound,
            "<=": candidate <= bound,
            "<": candidate < bound,
            ">": candidate > bound,
            "!=": candidate != bound,
            "==": candidate == bound,
            "~=": candidate >= bound and candidate[: len(series)] == series,
        }[operator]
        if not holds:
            return False
    return True


def check_requirements(path: Path, requirements: list[str], faults: Faults) -> None:
    """Requirements are ranges that contain what core pins."""
    for requirement in requirements:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(.*)", requirement)
        if match is None:
            faults.add(
                path, f"requirement {requirement!r} is unreadable", "write name>=1,<2"
            )
            continue
        name, specifier = match[1].lower(), match[3]
        if name in NOT_TO_LIST:
            faults.add(
                path,
                f"requirement {name!r} comes with Home Assistant",
                "leave it out",
            )
        if "==" in specifier or not re.search(r"[<>~]", specifier):
            faults.add(
                path,
                f"requirement {requirement!r} is not a range",
                "write a range, since an exact pin breaks when core moves",
            )
        elif name in CORE_PINS and not contains(specifier, CORE_PINS[name]):
            faults.add(
                path,
                f"requirement {requirement!r} leaves out core's"
                f" {name}=={CORE_PINS[name]}",
                "widen the range, else core's own integration breaks",
            )


def check_manifest(faults: Faults) -> Json | None:
    """Check the manifest as hassfest does, and the version against pyproject."""
    path = INTEGRATION / "manifest.json"
    manifest = read_json(path, faults)
    if manifest is None:
        return None
    keys = list(manifest)
    in_order = [key for key in ("domain", "name") if key in manifest]
    in_order += sorted(key for key in keys if key not in {"domain", "name"})
    if keys != in_order:
        faults.add(path, "keys are out of order", f"write them as {in_order}")
    for key in MANIFEST_REQUIRED:
        if key not in manifest:
            faults.add(path, f"has no {key!r}", "add it")
    for key in sorted(set(keys) - MANIFEST_ALLOWED):
        faults.add(path, f"has an unknown key {key!r}", "remove it")
    if manifest.get("domain") != DOMAIN:
        faults.add(path, "domain is not the folder's name", f"write {DOMAIN!r}")
    for key, allowed in (
        ("iot_class", IOT_CLASSES),
        ("integration_type", INTEGRATION_TYPES),
    ):
        if key in manifest and manifest[key] not in allowed:
            faults.add(
                path, f"{key} {manifest[key]!r} is unknown", f"one of {sorted(allowed)}"
            )
    for key in ("documentation", "issue_tracker"):
        address = manifest.get(key, "https://")
        if not address.startswith("https://") or "home-assistant.io" in address:
            faults.add(
                path, f"{key} is {address!r}", "name the project's own https page"
            )
    for owner in manifest.get("codeowners", []):
        if not owner.startswith("@"):
            faults.add(path, f"codeowner {owner!r}", "write it as @name")
    for key in ("after_dependencies", "dependencies", "loggers", "requirements"):
        if key in manifest and manifest[key] != sorted(manifest[key]):
            faults.add(path, f"{key} are out of order", "sort them")
    check_requirements(path, manifest.get("requirements", []), faults)
    check_dhcp(path, manifest.get("dhcp", []), faults)
    check_version(path, manifest.get("version"), faults)
    return manifest


def check_version(path: Path, version: str | None, faults: Faults) -> None:
    """The version has three numbers, and is that of the project."""
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version or ""):
        faults.add(path, f"version {version!r} is none", "write it as 1.2.3")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["version"]
    if version != wanted:
        faults.add(
            path,
            f"version {version!r} differs from pyproject.toml's {wanted!r}",
            "make them equal",
        )


def check_dhcp(path: Path, matchers: list[Json], faults: Faults) -> None:
    """Home Assistant compares addresses in upper case and names in lower case."""
    for matcher in matchers:
        for key, form in (
            ("macaddress", r"[0-9A-F]{6,12}\*?"),
            ("hostname", r"[a-z0-9_*?.-]+"),
        ):
            if key in matcher and not re.fullmatch(form, str(matcher[key])):
                faults.add(
                    path, f"dhcp {key} {matcher[key]!r} never matches", "correct it"
                )
        for key in sorted(
            set(matcher) - {"hostname", "macaddress", "registered_devices"}
        ):
            faults.add(path, f"dhcp has an unknown key {key!r}", "remove it")


def check_hacs(manifest: Json | None, faults: Faults) -> None:
    """HACS rejects keys that it does not know."""
    path = ROOT / "hacs.json"
    hacs = read_json(path, faults)
    if hacs is None:
        return
    for key in sorted(set(hacs) - HACS_ALLOWED):
        faults.add(path, f"has an unknown key {key!r}", "remove it")
    if not hacs.get("name"):
        faults.add(path, "has no name", "add it")
    elif manifest and manifest.get("name") != hacs["name"]:
        faults.add(path, "name differs from the manifest's", "make them equal")
    if not re.fullmatch(r"\d{4}\.\d{1,2}\.\d+", str(hacs.get("homeassistant"))):
        faults.add(path, "has no floor", 'write "homeassistant": "YEAR.MONTH.0"')
    if hacs.get("zip_release") and hacs.get("filename") != f"{DOMAIN}.zip":
        faults.add(path, "does not name the archive", f"write {DOMAIN}.zip as filename")


def check_quality_scale(faults: Faults) -> None:
    """Each rule is done, or says why it is not."""
    path = INTEGRATION / "quality_scale.yaml"
    if not path.is_file():
        faults.add(path, "is missing", "list the rules in it")
        return
    try:
        rules = yaml.safe_load(path.read_text(encoding="utf-8"))["rules"]
    except (yaml.YAMLError, KeyError, TypeError) as err:
        faults.add(path, f"is not valid ({err})", "correct it")
        return
    for rule, found in rules.items():
        status = found if isinstance(found, str) else found.get("status")
        if status not in ("done", "exempt", "todo"):
            faults.add(path, f"{rule} is {status!r}", "write done, exempt or todo")
        if status != "done" and (isinstance(found, str) or not found.get("comment")):
            faults.add(path, f"{rule} has no comment", "say why it is not done")


def check_brand(faults: Faults) -> None:
    """The icon is a square PNG of the size that Home Assistant shows."""
    path = INTEGRATION / "brand" / "icon.png"
    if not path.is_file():
        faults.add(path, "is missing", "add a square PNG of 256 pixels")
        return
    head = path.read_bytes()[:24]
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        faults.add(path, "is not a PNG", "save it as one")
        return
    width, height = struct.unpack(">II", head[16:24])
    if width != height or width not in ICON_SIZES:
        faults.add(path, f"is {width}×{height}", "make it 256×256 or 512×512")


# --- what the code says ----------------------------------------------------------


@dataclass
class Code:
    """The keys that the code uses, each with where; and all its plain strings."""

    used: dict[tuple[str, ...], str] = field(default_factory=dict)
    steps: dict[str, str] = field(default_factory=dict)
    aborts: dict[str, str] = field(default_factory=dict)
    strings: set[str] = field(default_factory=set)


def text_of(node: ast.AST | None) -> str | None:
    """Return a plain string's text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def section_of_call(call: ast.Call, platform: str | None) -> tuple[str, ...] | None:
    """Return where the texts of a call's ``translation_key`` are."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else ""
    name = function.id if isinstance(function, ast.Name) else name
    if name in {"async_create_issue", "create_issue"}:
        return ("issues",)
    if name in {"DeviceInfo", "async_get_or_create", "ChildDeviceInfo"}:
        return ("device",)
    if name.endswith("SelectorConfig"):
        return ("selector",)
    if any(word.arg == "translation_domain" for word in call.keywords):
        return ("exceptions",)
    return ("entity", platform) if platform else None


def platform_of(path: Path) -> str | None:
    """Return the entity platform that a file belongs to."""
    return path.stem if path.stem in PLATFORMS else None


def read_module(path: Path, code: Code, faults: Faults) -> None:
    """Collect one module's keys and strings."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as err:
        faults.add(path, f"is not valid Python (line {err.lineno})", "correct it")
        return
    platform = platform_of(path)

    def use(section: tuple[str, ...], key: str, node: ast.AST) -> None:
        line = getattr(node, "lineno", 0)
        code.used.setdefault((*section, key), f"{path.relative_to(ROOT)}:{line}")

    for node in ast.walk(tree):
        if text := text_of(node):
            code.strings.add(text)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {
                getattr(target, "attr", getattr(target, "id", "")) for target in targets
            }
            key = text_of(node.value)
            if key and "_attr_translation_key" in names and platform:
                use(("entity", platform), key, node)
            # A class of error names its text (errors.py says how).
            if key and "key" in names and path.name == "errors.py" and key != "unknown":
                use(("exceptions",), key, node)
        if isinstance(node, ast.Call):
            words = {word.arg: text_of(word.value) for word in node.keywords}
            name = getattr(node.func, "attr", "")
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            section = section_of_call(node, platform)
            if section and (key := words.get("translation_key")):
                use(section, key, node)
            if name == "async_show_form" and (step := words.get("step_id")):
                code.steps.setdefault(step, place)
            if name == "async_abort" and (reason := words.get("reason")):
                code.aborts.setdefault(reason, place)


def read_code(faults: Faults) -> Code:
    """Read the integration's own code; its rooms have no texts, only strings."""
    code = Code()
    for path in sorted(INTEGRATION.rglob("*.py")):
        read_module(path, code, faults)
    # Selectors of services name their texts in services.yaml.
    path = INTEGRATION / "services.yaml"
    if path.is_file():
        for key in re.findall(
            r"^\s*translation_key:\s*(\w+)",
            path.read_text(encoding="utf-8"),
            re.MULTILINE,
        ):
            code.strings.add(key)
            code.used[("selector", key)] = str(path.relative_to(ROOT))
    return code


# --- texts -----------------------------------------------------------------------


def leaves(content: Any, trail: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield each leaf of an object with its dotted path."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from leaves(value, (*trail, key))
    else:
        yield ".".join(trail), content


def look_up(content: Json, trail: tuple[str, ...]) -> Any:
    """Return what is at a path of an object, or None."""
    found: Any = content
    for key in trail:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def check_translation_files(faults: Faults) -> Json | None:
    """Texts are whole sentences in translations/, each language with English's keys."""
    if (INTEGRATION / "strings.json").exists():
        faults.add(
            INTEGRATION / "strings.json",
            "is core's own way",
            "keep only translations/en.json",
        )
    english_path = INTEGRATION / "translations" / "en.json"
    english = read_json(english_path, faults)
    for path in sorted((INTEGRATION / "translations").glob("*.json")):
        content = english if path == english_path else read_json(path, faults)
        if content is None:
            continue
        for key in sorted(set(content) - TRANSLATIONS_ALLOWED):
            faults.add(path, f"has an unknown section {key!r}", "remove it")
        known = dict(leaves(english)) if english else {}
        for trail, text in leaves(content):
            if not isinstance(text, str) or not text.strip():
                faults.add(path, f"{trail} is not a text", "write one")
            elif "[%key:" in text:
                faults.add(
                    path,
                    f"{trail} refers to another key",
                    "write the text: only core resolves references",
                )
            elif english and trail not in known:
                faults.add(path, f"{trail} is not in en.json", "remove it")
            elif english and placeholders(text) != placeholders(known[trail]):
                faults.add(
                    path, f"{trail} has other placeholders than en.json", "align them"
                )
    return english


def placeholders(text: str) -> set[str]:
    """Return the names in braces."""
    return set(re.findall(r"{(\w+)}", str(text)))


def flow_texts(texts: Json, kind: str) -> set[str]:
    """Return the keys that any flow's texts have of one kind (step, error, abort)."""
    sections = [texts.get("config", {}), texts.get("options", {})]
    sections += texts.get("config_subentries", {}).values()
    sections += [
        issue["fix_flow"]
        for issue in texts.get("issues", {}).values()
        if "fix_flow" in issue
    ]
    return {key for section in sections for key in section.get(kind, {})}


def check_texts(texts: Json, code: Code, faults: Faults) -> None:
    """Every key in code has a text, and every text's key is in code."""
    path = INTEGRATION / "translations" / "en.json"
    for trail, place in sorted(code.used.items()):
        if look_up(texts, trail) is None:
            faults.add(
                place, f"no text for {'.'.join(trail)}", f"add it to {path.name}"
            )
    for kind, used in (("step", code.steps), ("abort", code.aborts)):
        known = flow_texts(texts, kind)
        for key, place in sorted(used.items()):
            if key not in known and key not in CORE_ABORTS:
                faults.add(
                    place, f"no text for {kind} {key!r}", f"add it to {path.name}"
                )

    keys = {("exceptions", key) for key in texts.get("exceptions", {})}
    keys |= {("issues", key) for key in texts.get("issues", {})}
    keys |= {("device", key) for key in texts.get("device", {})}
    keys |= {("selector", key) for key in texts.get("selector", {})}
    keys |= {
        ("entity", platform, key)
        for platform, entities in texts.get("entity", {}).items()
        for key in entities
    }
    keys |= {("error", key) for key in flow_texts(texts, "error")}
    keys |= {("abort", key) for key in flow_texts(texts, "abort")}
    keys -= {("abort", key) for key in CORE_ABORTS | HELPERS_ABORTS}
    for trail in sorted(keys):
        if trail[-1] not in code.strings:
            faults.add(
                path,
                f"{'.'.join(trail)} is used nowhere in the code",
                "remove it, or use it",
            )


# --- services and icons ------------------------------------------------------------


def service_fields(service: Json | None) -> tuple[set[str], set[str]]:
    """Return the names of a service's fields and of its sections in services.yaml."""
    names: set[str] = set()
    sections: set[str] = set()
    for name, definition in ((service or {}).get("fields") or {}).items():
        if isinstance(definition, dict) and "fields" in definition:
            sections.add(name)
            names |= set(definition["fields"])
        else:
            names.add(name)
    return names, sections


def check_service_fields(
    name: str, definition: Json | None, text: Json, faults: Faults
) -> None:
    """A service's fields and sections have texts, and no text is left over."""
    path = INTEGRATION / "translations" / "en.json"
    fields, sections = service_fields(definition)
    for kind, here in (("fields", fields), ("sections", sections)):
        there = set(text.get(kind, {}))
        for missing in sorted(here - there):
            faults.add(path, f"services.{name}.{kind}.{missing} is missing", "add it")
        for extra in sorted(there - here):
            faults.add(
                path,
                f"services.{name}.{kind}.{extra} is not in services.yaml",
                "remove it, or add the field",
            )
    for key, field_text in text.get("fields", {}).items():
        for part in ("name", "description"):
            if part not in field_text:
                faults.add(
                    path, f"services.{name}.fields.{key} has no {part}", "add it"
                )


def check_services(texts: Json, icons: Json, code: Code, faults: Faults) -> None:
    """services.yaml, en.json and icons.json name the same services and fields."""
    path = INTEGRATION / "services.yaml"
    if not path.is_file():
        faults.add(path, "is missing", "describe the services in it")
        return
    try:
        services = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as err:
        faults.add(path, f"is not valid YAML ({err})", "correct it")
        return
    text_path = INTEGRATION / "translations" / "en.json"
    icon_path = INTEGRATION / "icons.json"
    service_texts = texts.get("services", {})
    service_icons = icons.get("services", {})
    for name, definition in services.items():
        if name not in code.strings:
            faults.add(path, f"service {name!r} is not registered", "register it")
        target = (definition or {}).get("target") or {}
        if "device" in target:
            faults.add(
                path, f"{name}.target filters devices", "use a config_entry selector"
            )
        if name not in service_icons:
            faults.add(icon_path, f"has no icon for service {name!r}", "add it")
        text = service_texts.get(name)
        if text is None:
            faults.add(text_path, f"has no text for service {name!r}", "add it")
            continue
        for part in ("name", "description"):
            if part not in text:
                faults.add(text_path, f"services.{name} has no {part}", "add it")
        check_service_fields(name, definition, text, faults)
    for source, content in ((text_path, service_texts), (icon_path, service_icons)):
        for name in sorted(set(content) - set(services)):
            faults.add(source, f"service {name!r} is not in services.yaml", "remove it")


def check_automations(
    kind: str, texts: Json, icons: Json, code: Code, faults: Faults
) -> None:
    """Triggers and conditions have texts, fields, icons and code, and none is left over.

    ``kind`` is ``trigger`` or ``condition``.
    """
    path = INTEGRATION / f"{kind}s.yaml"
    text_path = INTEGRATION / "translations" / "en.json"
    icon_path = INTEGRATION / "icons.json"
    known_texts = texts.get(f"{kind}s", {})
    known_icons = icons.get(f"{kind}s", {})
    described: Json = {}
    if path.is_file():
        try:
            described = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except yaml.YAMLError as err:
            faults.add(path, f"is not valid YAML ({err})", "correct it")
            return
    for name, definition in described.items():
        if name.startswith("."):
            continue  # A part that others refer to.
        if name not in code.strings:
            faults.add(path, f"{kind} {name!r} is not in the code", "offer it")
        if kind not in known_icons.get(name, {}):
            faults.add(icon_path, f"has no icon for {kind} {name!r}", "add it")
        text = known_texts.get(name, {})
        for part in ("name", "description"):
            if part not in text:
                faults.add(text_path, f"{kind}s.{name} has no {part}", "add it")
        fields, there = service_fields(definition)[0], text.get("fields", {})
        for key in sorted(fields ^ set(there)):
            faults.add(
                text_path,
                f"{kind}s.{name}.fields.{key} is in only one of it and {path.name}",
                "add it, or remove it",
            )
        for key, field_text in there.items():
            for part in ("name", "description"):
                if part not in field_text:
                    faults.add(
                        text_path,
                        f"{kind}s.{name}.fields.{key} has no {part}",
                        "add it",
                    )
    for source, content in ((text_path, known_texts), (icon_path, known_icons)):
        for name in sorted(set(content) - set(described)):
            faults.add(source, f"{kind} {name!r} is not in {path.name}", "remove it")


def check_icons(texts: Json, icons: Json, code: Code, faults: Faults) -> None:
    """Icons belong to translation keys, and have their names' form."""
    path = INTEGRATION / "icons.json"
    for section in sorted(
        set(icons) - {"entity", "services", "triggers", "conditions"}
    ):
        faults.add(path, f"has an unknown section {section!r}", "remove it")
    for platform, entities in icons.get("entity", {}).items():
        for key in entities:
            if (
                look_up(texts, ("entity", platform, key)) is None
                and ("entity", platform, key) not in code.used
            ):
                faults.add(
                    path,
                    f"entity.{platform}.{key} belongs to no entity",
                    "remove it, or use it as a translation_key",
                )
    for trail, icon in leaves(icons):
        if not re.fullmatch(r"mdi:[a-z0-9-]+", str(icon)):
            faults.add(path, f"{trail} is {icon!r}", "write it as mdi:name")


def main() -> int:
    """Run every check and print what is wrong."""
    faults = Faults()
    if not INTEGRATION.is_dir():
        faults.add(INTEGRATION, "is missing", "this is where the integration belongs")
    else:
        manifest = check_manifest(faults)
        check_hacs(manifest, faults)
        check_brand(faults)
        check_quality_scale(faults)
        code = read_code(faults)
        texts = check_translation_files(faults)
        icons = read_json(INTEGRATION / "icons.json", faults)
        if texts is not None:
            check_texts(texts, code, faults)
        if texts is not None and icons is not None:
            check_services(texts, icons, code, faults)
            check_icons(texts, icons, code, faults)
            for kind in ("trigger", "condition"):
                check_automations(kind, texts, icons, code, faults)
    for line in faults.lines:
        print(line)
    if faults.lines:
        print(f"{len(faults.lines)} faults", file=sys.stderr)
        return 1
    print("The integration's files agree with each other and with the code.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
