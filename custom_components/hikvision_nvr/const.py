"""Constants of the Home Assistant side."""

import logging
from typing import Final

DOMAIN: Final = "hikvision_nvr"
LOGGER = logging.getLogger(__package__)

SUBENTRY_CAMERA: Final = "camera"

# Recorder (config entry data)
CONF_STORAGE_FOLDER: Final = "storage_folder"
CONF_FTPS_PORT: Final = "ftps_port"
CONF_PASSIVE_PORTS: Final = "passive_ports"
CONF_CERTIFICATE: Final = "certificate"
CONF_CERTIFICATE_FILE: Final = "certificate_file"
CONF_PRIVATE_KEY_FILE: Final = "private_key_file"
CERTIFICATE_GENERATE: Final = "generate"
CERTIFICATE_FILES: Final = "files"
SECTION_ADVANCED: Final = "advanced"
CONF_LISTEN_ADDRESS: Final = "listen_address"
CONF_IMPLICIT_PORT: Final = "implicit_port"
CONF_EXTERNAL_ADDRESS: Final = "external_address"
CONF_ALLOWED_NETWORKS: Final = "allowed_networks"
CONF_STORAGE_RESERVE: Final = "storage_reserve"

CONF_S3: Final = "s3"
CONF_ENDPOINT_URL: Final = "endpoint_url"
CONF_REGION: Final = "region"
CONF_BUCKET: Final = "bucket"
CONF_PREFIX: Final = "prefix"
CONF_ACCESS_KEY_ID: Final = "access_key_id"
CONF_SECRET_ACCESS_KEY: Final = "secret_access_key"

# Camera (config subentry data)
CONF_FOLDER: Final = "folder"
CONF_RTSP_PORT: Final = "rtsp_port"
CONF_RTSP_USERNAME: Final = "rtsp_username"
CONF_RTSP_PASSWORD: Final = "rtsp_password"
CONF_CHANNEL: Final = "channel"
CONF_BRAND: Final = "brand"
CONF_UPLOAD_USERNAME: Final = "upload_username"
CONF_UPLOAD_PASSWORD: Final = "upload_password"
CONF_UPLOAD_PASSWORD_HASH: Final = "upload_password_hash"
CONF_MOTION_HOLD: Final = "motion_hold"
CONF_SECURITY: Final = "security"
CONF_BIND_ADDRESS: Final = "bind_address"
CONF_ACTIVE_MODE: Final = "active_mode"
CONF_BURST_WINDOW: Final = "burst_window"
CONF_NAME_TEMPLATE: Final = "name_template"
CONF_SILENT_HOURS: Final = "silent_hours"

DEFAULT_NAME: Final = "Recorder"
DEFAULT_FTPS_PORT: Final = 2121
DEFAULT_PASSIVE_PORTS: Final = "50000-50049"
DEFAULT_STORAGE_RESERVE: Final = 256
DEFAULT_REGION: Final = "us-east-1"
DEFAULT_RTSP_PORT: Final = 554
DEFAULT_CHANNEL: Final = 1
DEFAULT_MOTION_HOLD: Final = 10
DEFAULT_BURST_WINDOW: Final = 10
DEFAULT_SILENT_HOURS: Final = 24

EVENT_DETECTION: Final = f"{DOMAIN}_detection"
