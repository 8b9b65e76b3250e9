"""The forms of the config flows."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import (
    CONF_HOST,
    CONF_NAME,
    UnitOfInformation,
    UnitOfTime,
)
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import voluptuous as vol

from .const import (
    CERTIFICATE_FILES,
    CERTIFICATE_GENERATE,
    CONF_ACCESS_KEY_ID,
    CONF_ACTIVE_MODE,
    CONF_ALLOWED_NETWORKS,
    CONF_BIND_ADDRESS,
    CONF_BRAND,
    CONF_BUCKET,
    CONF_BURST_WINDOW,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_FILE,
    CONF_CHANNEL,
    CONF_ENDPOINT_URL,
    CONF_EXTERNAL_ADDRESS,
    CONF_FTPS_PORT,
    CONF_IMPLICIT_PORT,
    CONF_LISTEN_ADDRESS,
    CONF_MOTION_HOLD,
    CONF_NAME_TEMPLATE,
    CONF_PASSIVE_PORTS,
    CONF_PREFIX,
    CONF_PRIVATE_KEY_FILE,
    CONF_REGION,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_SECRET_ACCESS_KEY,
    CONF_SECURITY,
    CONF_SILENT_HOURS,
    CONF_STORAGE_FOLDER,
    CONF_STORAGE_RESERVE,
    CONF_UPLOAD_PASSWORD,
    CONF_UPLOAD_USERNAME,
    DEFAULT_BURST_WINDOW,
    DEFAULT_CHANNEL,
    DEFAULT_MOTION_HOLD,
    DEFAULT_PASSIVE_PORTS,
    DEFAULT_REGION,
    DEFAULT_RTSP_PORT,
    DEFAULT_SILENT_HOURS,
    DEFAULT_STORAGE_RESERVE,
    SECTION_ADVANCED,
)
from .model import PRIVATE_NETWORKS, Brand, Security


def _number(first: int, last: int, unit: str | None = None) -> vol.All[Any]:
    """Return a field for a whole number."""
    config = NumberSelectorConfig(
        min=first, max=last, step=1, mode=NumberSelectorMode.BOX
    )
    if unit:
        config["unit_of_measurement"] = unit
    return vol.All(NumberSelector(config), vol.Coerce(int))


def _choice(options: list[str], translation_key: str) -> SelectSelector:
    """Return a field to choose from a list."""
    return SelectSelector(
        SelectSelectorConfig(
            options=options,
            translation_key=translation_key,
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


_SWITCH = BooleanSelector()
_TEXT = TextSelector()
_LINES = TextSelector(TextSelectorConfig(multiline=True))
_URL = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
# "new-password" keeps browsers from filling in the owner's Home Assistant password.
_SECRET = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password")
)
_PORT = _number(1, 65535)

RECORDER_FORM = vol.Schema(
    {
        vol.Required(CONF_NAME): _TEXT,
        vol.Required(CONF_STORAGE_FOLDER): _TEXT,
        vol.Required(CONF_FTPS_PORT): _PORT,
        vol.Required(CONF_PASSIVE_PORTS, default=DEFAULT_PASSIVE_PORTS): _TEXT,
        vol.Required(CONF_CERTIFICATE, default=CERTIFICATE_GENERATE): _choice(
            [CERTIFICATE_GENERATE, CERTIFICATE_FILES], "certificate"
        ),
        # A default of the section itself would keep the frontend from showing those
        # of its fields.
        vol.Required(SECTION_ADVANCED): section(
            vol.Schema(
                {
                    vol.Optional(CONF_LISTEN_ADDRESS, default=""): _TEXT,
                    vol.Optional(CONF_IMPLICIT_PORT): _PORT,
                    vol.Optional(CONF_EXTERNAL_ADDRESS, default=""): _TEXT,
                    vol.Optional(
                        CONF_ALLOWED_NETWORKS, default="\n".join(PRIVATE_NETWORKS)
                    ): _LINES,
                    vol.Required(
                        CONF_STORAGE_RESERVE, default=DEFAULT_STORAGE_RESERVE
                    ): _number(0, 10_000_000, UnitOfInformation.MEBIBYTES),
                }
            ),
            {"collapsed": True},
        ),
    }
)

CERTIFICATE_FORM = vol.Schema(
    {
        vol.Required(CONF_CERTIFICATE_FILE): _TEXT,
        vol.Required(CONF_PRIVATE_KEY_FILE): _TEXT,
    }
)

_BUCKET_FIELDS = {
    vol.Optional(CONF_ENDPOINT_URL): _URL,
    vol.Required(CONF_REGION, default=DEFAULT_REGION): _TEXT,
    vol.Required(CONF_BUCKET): _TEXT,
    vol.Optional(CONF_PREFIX): _TEXT,
    vol.Required(CONF_ACCESS_KEY_ID): _TEXT,
}
S3_FORM = vol.Schema({**_BUCKET_FIELDS, vol.Required(CONF_SECRET_ACCESS_KEY): _SECRET})
S3_FORM_SECRET_KNOWN = vol.Schema(
    {**_BUCKET_FIELDS, vol.Optional(CONF_SECRET_ACCESS_KEY): _SECRET}
)

S3_KEYS_FORM = vol.Schema(
    {
        vol.Required(CONF_ACCESS_KEY_ID): _TEXT,
        vol.Required(CONF_SECRET_ACCESS_KEY): _SECRET,
    }
)

_CAMERA_FIELDS = {
    vol.Required(CONF_NAME): _TEXT,
    vol.Required(CONF_HOST): _TEXT,
    vol.Required(CONF_RTSP_PORT, default=DEFAULT_RTSP_PORT): _PORT,
    vol.Optional(CONF_RTSP_USERNAME): _TEXT,
    vol.Optional(CONF_RTSP_PASSWORD): _SECRET,
    vol.Required(CONF_CHANNEL, default=DEFAULT_CHANNEL): _number(1, 256),
    vol.Required(CONF_BRAND, default=Brand.AUTO.value): _choice(
        [brand.value for brand in Brand], "brand"
    ),
    vol.Required(CONF_MOTION_HOLD, default=DEFAULT_MOTION_HOLD): _number(
        1, 3600, UnitOfTime.SECONDS
    ),
}
_CAMERA_SECTION = {
    vol.Required(SECTION_ADVANCED): section(
        vol.Schema(
            {
                vol.Required(CONF_SECURITY, default=Security.FTPS.value): _choice(
                    [security.value for security in Security], "security"
                ),
                vol.Required(CONF_BIND_ADDRESS, default=False): _SWITCH,
                vol.Required(CONF_ACTIVE_MODE, default=False): _SWITCH,
                vol.Required(CONF_BURST_WINDOW, default=DEFAULT_BURST_WINDOW): _number(
                    1, 300, UnitOfTime.SECONDS
                ),
                vol.Optional(CONF_NAME_TEMPLATE, default=""): _TEXT,
                vol.Required(CONF_SILENT_HOURS, default=DEFAULT_SILENT_HOURS): _number(
                    0, 8760, UnitOfTime.HOURS
                ),
            }
        ),
        {"collapsed": True},
    )
}
CAMERA_FORM = vol.Schema({**_CAMERA_FIELDS, **_CAMERA_SECTION})

# The password is shown: the owner has to type it into the camera.
DELIVERY_FORM = vol.Schema(
    {
        vol.Required(CONF_UPLOAD_USERNAME): _TEXT,
        vol.Required(CONF_UPLOAD_PASSWORD): _TEXT,
    }
)

CAMERA_AND_DELIVERY_FORM = vol.Schema(
    {
        **_CAMERA_FIELDS,
        vol.Required(CONF_UPLOAD_USERNAME): _TEXT,
        vol.Optional(CONF_UPLOAD_PASSWORD): _TEXT,
        **_CAMERA_SECTION,
    }
)


def entered(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's values with those of its section beside the others."""
    values = dict(user_input)
    section_values: Mapping[str, Any] = values.pop(SECTION_ADVANCED)
    return stripped({**values, **section_values})


def stripped(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's values without blanks around texts: they come with pasting.

    Only the camera's own password may have such on purpose.
    """
    return {
        key: value.strip()
        if isinstance(value, str) and key != CONF_RTSP_PASSWORD
        else value
        for key, value in values.items()
    }
