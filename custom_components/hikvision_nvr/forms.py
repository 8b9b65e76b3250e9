"""The forms of the config flows."""

from collections.abc import Mapping
from typing import Any

from homeassistant.const import (
    CONF_CURRENCY,
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
    SelectOptionDict,
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
    CONF_ACCEPT_PLAIN,
    CONF_ACCESS_KEY_ID,
    CONF_ACTIVE_MODE,
    CONF_ALLOWED_NETWORKS,
    CONF_ARM_ALWAYS,
    CONF_BIND_ADDRESS,
    CONF_BRAND,
    CONF_BUCKET,
    CONF_BURST_WINDOW,
    CONF_CAPTURE_COUNT,
    CONF_CAPTURE_INTERVAL,
    CONF_CERTIFICATE,
    CONF_CERTIFICATE_FILE,
    CONF_CHANNEL,
    CONF_CHANNELS,
    CONF_DISCOVERY_INTERVAL,
    CONF_ENDPOINT_URL,
    CONF_EVENT_STREAM,
    CONF_EVENTS,
    CONF_EXTERNAL_ADDRESS,
    CONF_FIND_STREAM,
    CONF_FOUND,
    CONF_FTPS_PORT,
    CONF_HTTP_PORT,
    CONF_HTTPS,
    CONF_IMPLICIT_PORT,
    CONF_KEEP_ARCHIVES,
    CONF_KEEP_CHECKSUM,
    CONF_KEEP_LOCAL,
    CONF_KEEP_OFFSITE,
    CONF_LISTEN_ADDRESS,
    CONF_LIVE_STREAM,
    CONF_LOCK_DAYS,
    CONF_LOCK_MODE,
    CONF_MEDIA_ORDER,
    CONF_MEDIA_PAGE,
    CONF_MOTION_HOLD,
    CONF_NAME_TEMPLATE,
    CONF_NTP_SERVER,
    CONF_OLD_ALGORITHMS,
    CONF_PASSIVE_PORTS,
    CONF_PREFIX,
    CONF_PRIVATE_KEY_FILE,
    CONF_PUBLIC_KEY,
    CONF_REGION,
    CONF_RTSP_PASSWORD,
    CONF_RTSP_PORT,
    CONF_RTSP_USERNAME,
    CONF_SECRET_ACCESS_KEY,
    CONF_SECURITY,
    CONF_SET_CLOCK,
    CONF_SET_UP,
    CONF_SFTP,
    CONF_SFTP_PORT,
    CONF_SILENT_HOURS,
    CONF_SORT_HOURLY,
    CONF_STORAGE_FOLDER,
    CONF_STORAGE_RESERVE,
    CONF_STREAM_PATH,
    CONF_UPLOAD_LIMIT,
    CONF_UPLOAD_PASSWORD,
    CONF_UPLOAD_PRICE,
    CONF_UPLOAD_USERNAME,
    CONF_UPLOAD_WORKERS,
    DEFAULT_BURST_WINDOW,
    DEFAULT_CAPTURE_COUNT,
    DEFAULT_CAPTURE_INTERVAL,
    DEFAULT_CHANNEL,
    DEFAULT_CURRENCY,
    DEFAULT_DISCOVERY_INTERVAL,
    DEFAULT_HTTP_PORT,
    DEFAULT_MEDIA_ORDER,
    DEFAULT_MOTION_HOLD,
    DEFAULT_PASSIVE_PORTS,
    DEFAULT_REGION,
    DEFAULT_RTSP_PORT,
    DEFAULT_SFTP_PORT,
    DEFAULT_SILENT_HOURS,
    DEFAULT_STORAGE_RESERVE,
    DEFAULT_UPLOAD_WORKERS,
    LIVE_MAIN,
    LIVE_SUB,
    MEDIA_ORDERS,
    MOST_ON_PAGE,
    SECTION_ADVANCED,
    SECTION_DEVICE,
    SECTION_RECORDING,
)
from .costs import DEFAULT_PRICES, DEFAULT_UPLOAD_PRICE, price_key
from .fields import choice, number
from .model import PRIVATE_NETWORKS, Brand, DetectionType, LockMode, Security
from .recording_settings import CAMERA_RECORDING_SECTION

_SWITCH = BooleanSelector()
_TEXT = TextSelector()
_LINES = TextSelector(TextSelectorConfig(multiline=True))
_URL = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
# "new-password" keeps browsers from filling in the owner's Home Assistant password.
_SECRET = TextSelector(
    TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="new-password")
)
_PORT = number(1, 65535)

PROVISIONED_TYPES = tuple(
    kind for kind in DetectionType if kind is not DetectionType.OTHER
)
DEFAULT_PROVISIONED_TYPES = (
    DetectionType.MOTION,
    DetectionType.LINE_CROSSING,
    DetectionType.INTRUSION,
    DetectionType.REGION_ENTRANCE,
    DetectionType.REGION_EXIT,
)

RECORDER_FORM = vol.Schema(
    {
        vol.Required(CONF_NAME): _TEXT,
        vol.Required(CONF_STORAGE_FOLDER): _TEXT,
        vol.Required(CONF_FTPS_PORT): _PORT,
        vol.Required(CONF_PASSIVE_PORTS, default=DEFAULT_PASSIVE_PORTS): _TEXT,
        vol.Required(CONF_CERTIFICATE, default=CERTIFICATE_GENERATE): choice(
            (CERTIFICATE_GENERATE, CERTIFICATE_FILES), "certificate"
        ),
        vol.Required(CONF_SFTP, default=False): _SWITCH,
        # A default of the section itself would keep the frontend from showing those
        # of its fields.
        vol.Required(SECTION_ADVANCED): section(
            vol.Schema(
                {
                    vol.Optional(CONF_LISTEN_ADDRESS, default=""): _TEXT,
                    vol.Optional(CONF_IMPLICIT_PORT): _PORT,
                    vol.Required(CONF_SFTP_PORT, default=DEFAULT_SFTP_PORT): _PORT,
                    vol.Optional(CONF_EXTERNAL_ADDRESS, default=""): _TEXT,
                    vol.Optional(
                        CONF_ALLOWED_NETWORKS, default="\n".join(PRIVATE_NETWORKS)
                    ): _LINES,
                    vol.Required(
                        CONF_DISCOVERY_INTERVAL, default=DEFAULT_DISCOVERY_INTERVAL
                    ): number(0, 86400, UnitOfTime.SECONDS),
                    vol.Required(
                        CONF_STORAGE_RESERVE, default=DEFAULT_STORAGE_RESERVE
                    ): number(0, 10_000_000, UnitOfInformation.MEBIBYTES),
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

MEDIA_FORM = vol.Schema(
    {
        vol.Required(CONF_MEDIA_PAGE, default=MOST_ON_PAGE): number(10, MOST_ON_PAGE),
        vol.Required(CONF_MEDIA_ORDER, default=DEFAULT_MEDIA_ORDER): choice(
            MEDIA_ORDERS, "media_order"
        ),
    }
)

UPKEEP_FORM = vol.Schema({vol.Required(CONF_SORT_HOURLY, default=False): _SWITCH})

UPLOADS_FORM = vol.Schema(
    {
        # One for snapshots and one for what is oldest; more than 16 gain nothing.
        vol.Required(CONF_UPLOAD_WORKERS, default=DEFAULT_UPLOAD_WORKERS): number(
            2, 16
        ),
        vol.Optional(CONF_UPLOAD_LIMIT, default=""): _TEXT,
        vol.Required(CONF_KEEP_CHECKSUM, default=False): _SWITCH,
        vol.Required(CONF_LOCK_DAYS, default=0): number(0, 36500, UnitOfTime.DAYS),
        vol.Required(CONF_LOCK_MODE, default=LockMode.GOVERNANCE.value): choice(
            tuple(LockMode), "lock_mode"
        ),
    }
)

# Prices have fractions of a cent.
_PRICE = NumberSelector(
    NumberSelectorConfig(min=0, step="any", mode=NumberSelectorMode.BOX)
)
PRICES_FORM = vol.Schema(
    {
        vol.Required(CONF_CURRENCY, default=DEFAULT_CURRENCY): _TEXT,
        **{
            vol.Required(price_key(storage_class), default=price): _PRICE
            for storage_class, price in DEFAULT_PRICES.items()
        },
        vol.Required(CONF_UPLOAD_PRICE, default=DEFAULT_UPLOAD_PRICE): _PRICE,
    }
)

_KEPT_DAYS = number(0, 36500, UnitOfTime.DAYS)
_CAMERA_FIELDS = {
    vol.Required(CONF_NAME): _TEXT,
    vol.Required(CONF_HOST): _TEXT,
    vol.Required(CONF_RTSP_PORT, default=DEFAULT_RTSP_PORT): _PORT,
    vol.Optional(CONF_RTSP_USERNAME): _TEXT,
    vol.Optional(CONF_RTSP_PASSWORD): _SECRET,
    vol.Required(CONF_CHANNEL, default=DEFAULT_CHANNEL): number(1, 256),
    vol.Required(CONF_BRAND, default=Brand.AUTO.value): choice(tuple(Brand), "brand"),
    vol.Required(CONF_MOTION_HOLD, default=DEFAULT_MOTION_HOLD): number(
        1, 3600, UnitOfTime.SECONDS
    ),
}
_CAMERA_SECTION: dict[vol.Marker, Any] = {
    **CAMERA_RECORDING_SECTION,
    vol.Required(SECTION_ADVANCED): section(
        vol.Schema(
            {
                vol.Required(CONF_SECURITY, default=Security.FTPS.value): choice(
                    tuple(Security), "security"
                ),
                vol.Required(CONF_BIND_ADDRESS, default=False): _SWITCH,
                vol.Required(CONF_ACTIVE_MODE, default=False): _SWITCH,
                vol.Optional(CONF_PUBLIC_KEY, default=""): _TEXT,
                vol.Required(CONF_OLD_ALGORITHMS, default=False): _SWITCH,
                vol.Required(CONF_BURST_WINDOW, default=DEFAULT_BURST_WINDOW): number(
                    1, 300, UnitOfTime.SECONDS
                ),
                vol.Optional(CONF_NAME_TEMPLATE, default=""): _TEXT,
                vol.Optional(CONF_STREAM_PATH, default=""): _TEXT,
                vol.Required(CONF_SILENT_HOURS, default=DEFAULT_SILENT_HOURS): number(
                    0, 8760, UnitOfTime.HOURS
                ),
                vol.Required(CONF_KEEP_LOCAL, default=0): _KEPT_DAYS,
                vol.Required(CONF_KEEP_OFFSITE, default=0): _KEPT_DAYS,
                vol.Required(CONF_KEEP_ARCHIVES, default=0): _KEPT_DAYS,
            }
        ),
        {"collapsed": True},
    ),
}
CAMERA_FORM = vol.Schema(
    {
        **_CAMERA_FIELDS,
        vol.Required(CONF_FIND_STREAM, default=False): _SWITCH,
        **_CAMERA_SECTION,
    }
)

_HTTP_PORT = {
    vol.Required(CONF_HTTPS, default=False): _SWITCH,
    vol.Optional(CONF_HTTP_PORT): _PORT,
    vol.Required(CONF_RTSP_PORT, default=DEFAULT_RTSP_PORT): _PORT,
}
DEVICE_FORM = vol.Schema(
    {
        vol.Required(CONF_HOST): _TEXT,
        vol.Required(CONF_RTSP_USERNAME, default="admin"): _TEXT,
        vol.Required(CONF_RTSP_PASSWORD): _SECRET,
        vol.Required(SECTION_ADVANCED): section(
            vol.Schema(_HTTP_PORT), {"collapsed": True}
        ),
    }
)
DEVICE_PASSWORD_FORM = vol.Schema(
    {
        vol.Required(CONF_RTSP_USERNAME): _TEXT,
        vol.Required(CONF_RTSP_PASSWORD): _SECRET,
    }
)
DEVICE_SECTION = {
    vol.Required(SECTION_DEVICE): section(
        vol.Schema(
            {
                vol.Required(CONF_HTTP_PORT, default=DEFAULT_HTTP_PORT): _PORT,
                vol.Required(CONF_EVENT_STREAM, default=True): _SWITCH,
                vol.Required(CONF_LIVE_STREAM, default=LIVE_SUB): choice(
                    (LIVE_SUB, LIVE_MAIN), "live_stream"
                ),
            }
        ),
        {"collapsed": True},
    )
}


def channels_form(channels: Mapping[str, str]) -> vol.Schema:
    """Return the form to choose among a recorder's channels, by number and name."""
    config = SelectSelectorConfig(
        options=[
            SelectOptionDict(value=number, label=name)
            for number, name in channels.items()
        ],
        multiple=True,
        mode=SelectSelectorMode.LIST,
    )
    return vol.Schema(
        {
            vol.Required(CONF_CHANNELS, default=list(channels)): SelectSelector(config),
            vol.Required(CONF_EVENT_STREAM, default=True): _SWITCH,
        }
    )


def discovered_form(found: Mapping[str, str]) -> vol.Schema:
    """Return the form to choose among what was found in the network."""
    config = SelectSelectorConfig(
        options=[
            SelectOptionDict(value=key, label=label) for key, label in found.items()
        ],
        mode=SelectSelectorMode.LIST,
    )
    return vol.Schema({vol.Required(CONF_FOUND): SelectSelector(config)})


def device_camera_form(*, can_deliver: bool) -> vol.Schema:
    """Return the form of a device's camera."""
    fields: dict[vol.Marker, Any] = {
        vol.Required(CONF_NAME): _TEXT,
        vol.Required(CONF_EVENT_STREAM, default=True): _SWITCH,
    }
    if can_deliver:
        fields[vol.Required(CONF_SET_UP, default=True)] = _SWITCH
    return vol.Schema(fields)


def provision_form(*, only_plain: bool) -> vol.Schema:
    """Return the form of what a device is set up with."""
    events = choice(PROVISIONED_TYPES, "detection_type", multiple=True)
    fields: dict[vol.Marker, Any] = {
        vol.Required(
            CONF_EVENTS, default=[kind.value for kind in DEFAULT_PROVISIONED_TYPES]
        ): events,
        vol.Required(CONF_CAPTURE_COUNT, default=DEFAULT_CAPTURE_COUNT): number(1, 20),
        vol.Required(CONF_CAPTURE_INTERVAL, default=DEFAULT_CAPTURE_INTERVAL): number(
            500, 60000, UnitOfTime.MILLISECONDS
        ),
        vol.Required(CONF_ARM_ALWAYS, default=True): _SWITCH,
        vol.Required(CONF_SET_CLOCK, default=True): _SWITCH,
        vol.Optional(CONF_NTP_SERVER, default=""): _TEXT,
    }
    if only_plain:
        fields[vol.Required(CONF_ACCEPT_PLAIN, default=False)] = _SWITCH
    return vol.Schema(fields)


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
    """Return a form's values with those of its sections beside the others."""
    values = dict(user_input)
    section_values: dict[str, Any] = {}
    for name in (SECTION_ADVANCED, SECTION_DEVICE, SECTION_RECORDING):
        section_values |= values.pop(name, {})
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
